#include "driver.h"

#include <stdlib.h>
#include <string.h>

/* SQLite writes a commit to the WAL page by page, each with two system calls:
 * some thirty for one receipt. While a COMMIT of ours runs, the WAL's methods are
 * replaced by those below, which put what is written one after the other into as
 * few writes as SQLite's own layer allows.
 *
 * What is kept back is written before anybody may look for it: with the last
 * frame of the commit, whose header says so, and that is before SQLite tells
 * other connections of the commit; before a sync; and before a read. Whatever is
 * not a frame after a frame ends the keeping back, for the rest of the COMMIT. */

/* The unix layer masks the length of a write with this. */
#define WRITE_LIMIT 0x1ffff
/* Sizes of the file format: https://www.sqlite.org/fileformat2.html#walformat */
#define WAL_HEADER 32
#define FRAME_HEADER 24
/* Where a frame's header has the size of the database after the commit: not 0 in
 * the last frame of one. */
#define SIZE_AFTER_COMMIT 4

struct knocker_wal_writer {
	sqlite3_io_methods methods; /* first: it is how the methods find the rest */
	const sqlite3_io_methods *real;
	sqlite3_file *file; /* NULL once it has been closed */
	int straight;       /* nothing is kept back any more */
	int last;           /* the frame that has begun is the last of its commit */
	size_t length;
	sqlite3_int64 at; /* where in the file bytes begin */
	unsigned char bytes[WRITE_LIMIT];
};

static struct knocker_wal_writer *writer_of(sqlite3_file *file) { return (struct knocker_wal_writer *)file->pMethods; }

static int write_kept(struct knocker_wal_writer *w) {
	size_t length = w->length;
	w->length = 0;
	return length ? w->real->xWrite(w->file, w->bytes, (int)length, w->at) : SQLITE_OK;
}

static int write_straight(struct knocker_wal_writer *w) {
	w->straight = 1;
	return write_kept(w);
}

static int keep(struct knocker_wal_writer *w, const unsigned char *bytes, size_t length, sqlite3_int64 at) {
	if (w->length + length > WRITE_LIMIT) {
		int code = write_kept(w);
		if (code != SQLITE_OK) return code;
	}
	if (!w->length) w->at = at;
	memcpy(w->bytes + w->length, bytes, length);
	w->length += length;
	return SQLITE_OK;
}

static int wal_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 at) {
	struct knocker_wal_writer *w = writer_of(file);
	const unsigned char *frame = bytes;
	int header = length == FRAME_HEADER, begins = header || length == WAL_HEADER;
	if (!w->straight && (w->length ? at != w->at + (sqlite3_int64)w->length : !begins)) {
		int code = write_straight(w);
		if (code != SQLITE_OK) return code;
	}
	if (w->straight) return w->real->xWrite(file, bytes, length, at);
	int code = keep(w, bytes, (size_t)length, at);
	if (header) w->last = memcmp(frame + SIZE_AFTER_COMMIT, "\0\0\0\0", 4) != 0;
	else if (w->last && code == SQLITE_OK) code = write_straight(w);
	return code;
}

static int wal_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 at) {
	struct knocker_wal_writer *w = writer_of(file);
	int code = write_straight(w);
	return code != SQLITE_OK ? code : w->real->xRead(file, bytes, length, at);
}

static int wal_sync(sqlite3_file *file, int flags) {
	struct knocker_wal_writer *w = writer_of(file);
	int code = write_kept(w);
	return code != SQLITE_OK ? code : w->real->xSync(file, flags);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size) {
	struct knocker_wal_writer *w = writer_of(file);
	int code = write_straight(w);
	return code != SQLITE_OK ? code : w->real->xTruncate(file, size);
}

static int wal_file_size(sqlite3_file *file, sqlite3_int64 *size) {
	struct knocker_wal_writer *w = writer_of(file);
	int code = write_straight(w);
	return code != SQLITE_OK ? code : w->real->xFileSize(file, size);
}

static int wal_close(sqlite3_file *file) {
	struct knocker_wal_writer *w = writer_of(file);
	w->file = NULL;
	file->pMethods = w->real;
	return w->real->xClose(file);
}

/* The methods that the WAL is used with are all of the first version. */
static void replace_methods(struct knocker_wal_writer *w) {
	const sqlite3_io_methods *real = w->real;
	w->methods = (sqlite3_io_methods){
	    .iVersion = 1,
	    .xClose = wal_close,
	    .xRead = wal_read,
	    .xWrite = wal_write,
	    .xTruncate = wal_truncate,
	    .xSync = wal_sync,
	    .xFileSize = wal_file_size,
	    .xLock = real->xLock,
	    .xUnlock = real->xUnlock,
	    .xCheckReservedLock = real->xCheckReservedLock,
	    .xFileControl = real->xFileControl,
	    .xSectorSize = real->xSectorSize,
	    .xDeviceCharacteristics = real->xDeviceCharacteristics,
	};
	w->file->pMethods = &w->methods;
}

/* Only a connection that we opened has heard of frames, by its WAL hook; without
 * a WAL the file is a rollback journal, which this must leave alone. */
void knocker_commit_begins(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	sqlite3_file *file = NULL;
	if (!c->wal_frames || sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK) return;
	if (!file || !file->pMethods) return;
	if (!c->wal && !(c->wal = malloc(sizeof *c->wal))) return;
	struct knocker_wal_writer *w = c->wal;
	w->real = file->pMethods;
	w->file = file;
	w->straight = w->last = 0;
	w->length = 0;
	replace_methods(w);
}

/* What is still kept back belongs to a commit that has failed. */
void knocker_commit_ended(knocker_connection *c) {
	struct knocker_wal_writer *w = c->wal;
	if (w && w->file) w->file->pMethods = w->real;
	if (w) w->file = NULL;
}
