#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif

#include "identity.h"

const char *knocker_main_path(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	return sqlite3_db_filename(c->db, "main");
}

#ifdef _WIN32

int knocker_file_identity(const char *path, uint64_t out[3]) {
	(void)path;
	(void)out;
	return -1;
}

#else

#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <fcntl.h>
#include <sys/syscall.h>
#endif

/* An inode's number is given to the next file soon after its own is deleted:
 * only the time of birth tells the two apart. */
static uint64_t born(const char *path, const struct stat *s) {
#if defined(__APPLE__)
	(void)path;
	return (uint64_t)s->st_birthtimespec.tv_sec * 1000000000u + (uint64_t)s->st_birthtimespec.tv_nsec;
#elif defined(STATX_BTIME) && defined(SYS_statx)
	/* Not by libc's function, which older ones lack. */
	struct statx x;
	if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BTIME | STATX_INO, &x) || !(x.stx_mask & STATX_BTIME) || x.stx_ino != s->st_ino) return 0;
	return (uint64_t)x.stx_btime.tv_sec * 1000000000u + x.stx_btime.tv_nsec;
#else
	(void)path;
	(void)s;
	return 0;
#endif
}

int knocker_file_identity(const char *path, uint64_t out[3]) {
	struct stat s;
	if (stat(path, &s)) return -1;
	out[0] = (uint64_t)s.st_dev;
	out[1] = (uint64_t)s.st_ino;
	out[2] = born(path, &s);
	return 0;
}

#endif
