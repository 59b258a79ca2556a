#ifndef KNOCKER_TESTVFS_POWER_H
#define KNOCKER_TESTVFS_POWER_H
void power_start(const char *directory); /* "" ends the recording */
void power_write(const char *path, const void *bytes, int size, long long offset);
void power_sync(const char *path);
void power_delete(const char *path);
void power_cut(const char *directory, unsigned seed);
#endif
