#include "vfs.h"

#include "power.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

/* Only tests import this package, so the symbols of the linked SQLite may be
 * named here. */
extern sqlite3_vfs *sqlite3_vfs_find(const char *name) __attribute__((weak));
extern int sqlite3_vfs_register(sqlite3_vfs *vfs, int is_default) __attribute__((weak));

static sqlite3_vfs *base;
static sqlite3_vfs wrapped;
static struct testvfs_counts counts;
static int fail_writes_after = -1; /* write calls left before "disk full"; -1: never */

/* One file: ours first, the base's own behind it. */
struct file {
	sqlite3_file head;
	int is_wal;
	const char *path; /* of a database or its WAL or journal; else NULL */
	sqlite3_file *real;
};

#define REAL(f) (((struct file *)(f))->real)

static int x_close(sqlite3_file *f) { return REAL(f)->pMethods->xClose(REAL(f)); }
static int x_read(sqlite3_file *f, void *p, int n, sqlite3_int64 o) { return REAL(f)->pMethods->xRead(REAL(f), p, n, o); }

static int x_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 o) {
	int left = __atomic_load_n(&fail_writes_after, __ATOMIC_ACQUIRE);
	if (left >= 0 && __atomic_fetch_sub(&fail_writes_after, 1, __ATOMIC_ACQ_REL) <= 0) {
		__atomic_store_n(&fail_writes_after, 0, __ATOMIC_RELEASE);
		return SQLITE_FULL;
	}
	__atomic_fetch_add(&counts.writes, 1, __ATOMIC_RELAXED);
	int code = REAL(f)->pMethods->xWrite(REAL(f), p, n, o);
	if (code == SQLITE_OK) power_write(((struct file *)f)->path, p, n, o);
	return code;
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 n) {
	int code = REAL(f)->pMethods->xTruncate(REAL(f), n);
	if (code == SQLITE_OK) power_write(((struct file *)f)->path, NULL, (int)n, -1);
	return code;
}

static int x_sync(sqlite3_file *f, int flags) {
	int code = REAL(f)->pMethods->xSync(REAL(f), flags);
	if (code == SQLITE_OK) power_sync(((struct file *)f)->path);
	__atomic_fetch_add(((struct file *)f)->is_wal ? &counts.wal_syncs : &counts.other_syncs, 1, __ATOMIC_RELAXED);
	return code;
}

static int x_size(sqlite3_file *f, sqlite3_int64 *n) { return REAL(f)->pMethods->xFileSize(REAL(f), n); }
static int x_lock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xLock(REAL(f), l); }
static int x_unlock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xUnlock(REAL(f), l); }
static int x_reserved(sqlite3_file *f, int *r) { return REAL(f)->pMethods->xCheckReservedLock(REAL(f), r); }
static int x_control(sqlite3_file *f, int op, void *p) { return REAL(f)->pMethods->xFileControl(REAL(f), op, p); }
static int x_sector(sqlite3_file *f) { return REAL(f)->pMethods->xSectorSize(REAL(f)); }
static int x_device(sqlite3_file *f) { return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f)); }
static int x_shm_map(sqlite3_file *f, int i, int n, int e, void volatile **p) { return REAL(f)->pMethods->xShmMap(REAL(f), i, n, e, p); }
static int x_shm_lock(sqlite3_file *f, int o, int n, int l) { return REAL(f)->pMethods->xShmLock(REAL(f), o, n, l); }
static void x_shm_barrier(sqlite3_file *f) { REAL(f)->pMethods->xShmBarrier(REAL(f)); }
static int x_shm_unmap(sqlite3_file *f, int d) { return REAL(f)->pMethods->xShmUnmap(REAL(f), d); }

/* Version 2: without memory mapping, so that every write passes x_write. */
static const sqlite3_io_methods methods = {2, x_close, x_read, x_write, x_truncate, x_sync, x_size, x_lock, x_unlock, x_reserved,
    x_control, x_sector, x_device, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap, NULL, NULL};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
	struct file *file = (struct file *)f;
	(void)vfs;
	memset(file, 0, sizeof *file);
	file->real = (sqlite3_file *)(file + 1);
	file->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
	if (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) file->path = name;
	int code = base->xOpen(base, name, file->real, flags, out);
	if (file->real->pMethods) file->head.pMethods = &methods;
	return code;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int sync) {
	(void)vfs;
	int code = base->xDelete(base, name, sync);
	if (code == SQLITE_OK) power_delete(name);
	return code;
}

int testvfs_register(void) {
	if (!sqlite3_vfs_find || !sqlite3_vfs_register) return 1;
	if (base) return 0;
	base = sqlite3_vfs_find(NULL);
	if (!base) return 1;
	wrapped = *base;
	wrapped.zName = "knocker-test";
	wrapped.szOsFile = base->szOsFile + (int)sizeof(struct file);
	wrapped.xOpen = x_open;
	wrapped.xDelete = x_delete;
	return sqlite3_vfs_register(&wrapped, 0);
}

struct testvfs_counts testvfs_count(void) {
	struct testvfs_counts now;
	now.writes = __atomic_load_n(&counts.writes, __ATOMIC_ACQUIRE);
	now.wal_syncs = __atomic_load_n(&counts.wal_syncs, __ATOMIC_ACQUIRE);
	now.other_syncs = __atomic_load_n(&counts.other_syncs, __ATOMIC_ACQUIRE);
	return now;
}

void testvfs_fill_disk(int after) { __atomic_store_n(&fail_writes_after, after, __ATOMIC_RELEASE); }
