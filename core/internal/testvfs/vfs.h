#ifndef KNOCKER_TESTVFS_H
#define KNOCKER_TESTVFS_H
struct testvfs_counts {
	long writes, wal_syncs, other_syncs;
};
int testvfs_register(void);
struct testvfs_counts testvfs_count(void);
void testvfs_fill_disk(int after);
#endif
