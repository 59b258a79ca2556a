/* The SQLite driver: every call goes through the sqlite3_api_routines table of
 * the connection at hand, so that the same code serves the embedded SQLite and
 * a host's. In each function the table is a variable named sqlite3_api: the
 * macros of sqlite3ext.h resolve to it, and a direct call does not compile. */
#ifndef KNOCKER_DRIVER_H
#define KNOCKER_DRIVER_H

#include <pthread.h>
#include <stdint.h>
#include <stddef.h>
#include "sqlite3ext.h"

/* What one statement of a batch did: its rows lie in `out` from `at` on. */
typedef struct knocker_outcome {
	int64_t changes;
	size_t at, length;
	int rows, columns;
} knocker_outcome;

/* What a statement of a batch must do for the next one to run. */
enum {
	KNOCKER_MUST_CHANGE = 1, /* change a row */
	KNOCKER_MUST_FIND = 2,   /* answer a row */
	KNOCKER_MAY_END = 4,     /* the transaction; any other that does is an error */
};

/* One connection. Go serialises all use of it, but for `expired`. */
typedef struct knocker_connection {
	const sqlite3_api_routines *api;
	sqlite3 *db;

	/* What the last call left behind. */
	int code;          /* extended result code, 0 for success */
	int autocommit;    /* 0 while a transaction is open */
	int rows, columns; /* size of the answer in out */
	int64_t changes, last_rowid;
	unsigned char *out; /* packed cells, or the error message when code != 0 */
	size_t out_length, out_capacity;

	pthread_mutex_t lock; /* of interruptible */
	int interrupts;       /* expired works by interrupting */
	int interruptible;    /* an application's statement is running */

	int64_t busy_deadline; /* monotonic ns; 0: don't wait for locks */
	int expired;           /* atomic: not 0 ends the running statement */

	/* What each statement of the last batch left behind; see knocker_run_batch. */
	struct knocker_outcome *outcomes;
	int outcomes_capacity;
	int done;  /* statements of the batch that ran and did what they must */
	int unmet; /* the statement after them ran, but did not */

	int wal_frames; /* length of the WAL after the last commit of this connection */
	struct knocker_wal_writer *wal; /* commit.c; NULL until it is needed */
	int trusted;         /* the running statement is the library's own */
	char denied[160];    /* what the authorizer refused last */
} knocker_connection;

/* The embedded SQLite's table, or NULL where it was built without one. */
const sqlite3_api_routines *knocker_embedded_routines(void);

/* The table of the SQLite in a shared library that the process has loaded, NULL
 * for the program; else NULL, and *problem says why. One call at a time. */
const sqlite3_api_routines *knocker_mapped_routines(const char *library, const char **problem);
/* Keeps the library that the table belongs to from being unloaded. */
void knocker_keep_loaded(const sqlite3_api_routines *api);
/* 1 if that SQLite can be used from several threads. */
int knocker_has_threads(const sqlite3_api_routines *api);
/* 1 if the connection has the lock that it was opened with. */
int knocker_connection_locks(knocker_connection *c);

/* The name of a routine that the table lacks, or NULL when it has all: for
 * connections of the host's, or also for own ones. */
const char *knocker_missing_routine(const sqlite3_api_routines *api, int own);
int knocker_library_version(const sqlite3_api_routines *api);
const char *knocker_library_version_text(const sqlite3_api_routines *api);

/* Stand around a COMMIT, whose pages then reach the WAL in few writes. */
void knocker_commit_begins(knocker_connection *c);
void knocker_commit_ended(knocker_connection *c);

/* Opens a file. The result is NULL only when memory is exhausted; code tells. */
knocker_connection *knocker_connection_open(const sqlite3_api_routines *api, const char *path, int flags,
                                            const char *vfs);
void knocker_connection_close(knocker_connection *c);

/* Uses a connection of the host's, without changing a setting of it, and leaves
 * it again, without closing it. */
knocker_connection *knocker_connection_attach(const sqlite3_api_routines *api, sqlite3 *db);
void knocker_connection_detach(knocker_connection *c);
/* 1 while a statement that writes is running. */
int knocker_write_runs(knocker_connection *c);
int64_t knocker_last_rowid(knocker_connection *c);
void knocker_set_last_rowid(knocker_connection *c, int64_t id);

/* Waits for locks until `deadline` in short steps. */
void knocker_set_busy_deadline(knocker_connection *c, int64_t timeout_ns);
void knocker_set_expired(knocker_connection *c, int expired);

/* Installs the authorizer that keeps an application's statements away from
 * what is not theirs, and the progress handler that `expired` works by. */
int knocker_guard(knocker_connection *c);

/* Prepares one statement; *tail is the length of SQL used. */
sqlite3_stmt *knocker_prepare(knocker_connection *c, const char *sql, int length, int trusted, int *tail,
                              int *parameters);
void knocker_finalize(knocker_connection *c, sqlite3_stmt *stmt);
int knocker_parameter_index(knocker_connection *c, sqlite3_stmt *stmt, const char *name);

/* Binds, steps to the end, reads every row and resets: one call a statement.
 * Arguments and cells are packed as a type byte (n i r t b), eight bytes of
 * value or length, and the bytes. */
int knocker_run(knocker_connection *c, sqlite3_stmt *stmt, const unsigned char *args, size_t args_length,
                int trusted);
/* Runs the library's own statements one after the other, in one call: each is
 * laid out as the statement (8 bytes), what it must do (8), the length of its
 * arguments (8) and these, packed as for knocker_run. It stops at the first
 * that fails (code) or does not do what it must (unmet). */
int knocker_run_batch(knocker_connection *c, const unsigned char *statements, size_t length);
/* Writes the column names as text cells. */
int knocker_column_names(knocker_connection *c, sqlite3_stmt *stmt);
/* Runs a script of several statements. */
int knocker_script(knocker_connection *c, const char *sql);
/* 1 while a deferred foreign key is violated in the open transaction. */
int knocker_deferred_foreign_keys(knocker_connection *c);
/* Copies the whole main database of `from` into that of `to`, as one read
 * transaction; the error, if any, is left in `to`. */
int knocker_backup(knocker_connection *to, knocker_connection *from);
int knocker_checkpoint(knocker_connection *c, int mode, int *wal_frames, int *checkpointed);
/* Sleeps exactly: Go's own timers round up to a millisecond when all is idle. */
void knocker_nap(int64_t ns);

#endif
