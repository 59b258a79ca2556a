#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Answers larger than this are refused rather than built up in memory. */
#define OUT_LIMIT ((size_t)512 << 20)
/* A buffer that one large answer has grown is given back above this. */
#define OUT_KEEP ((size_t)1 << 20)
/* Virtual machine steps between two looks at `expired`. */
#define PROGRESS_STEPS 2000

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int knocker_library_version(const sqlite3_api_routines *sqlite3_api) { return sqlite3_libversion_number(); }

const char *knocker_library_version_text(const sqlite3_api_routines *sqlite3_api) { return sqlite3_libversion(); }

const char *knocker_missing_routine(const sqlite3_api_routines *sqlite3_api, int own) {
	/* An older host's table is shorter: reading past its end is undefined, so
	 * the version stands before every entry that came later. */
	if (!sqlite3_api->libversion_number || !sqlite3_api->libversion) return "sqlite3_libversion_number";
	int version = sqlite3_libversion_number();
#define NEED(entry, since) \
	if (version < (since) || !sqlite3_api->entry) return "sqlite3_" #entry
	NEED(bind_blob, 3008000);
	NEED(bind_double, 3008000);
	NEED(bind_int64, 3008000);
	NEED(bind_null, 3008000);
	NEED(bind_text, 3008000);
	NEED(bind_parameter_count, 3008000);
	NEED(bind_parameter_index, 3008000);
	NEED(clear_bindings, 3008000);
	NEED(column_blob, 3008000);
	NEED(column_bytes, 3008000);
	NEED(column_count, 3008000);
	NEED(column_double, 3008000);
	NEED(column_int64, 3008000);
	NEED(column_name, 3008000);
	NEED(column_text, 3008000);
	NEED(column_type, 3008000);
	NEED(db_filename, 3008000);
	NEED(errmsg, 3008000);
	NEED(exec, 3008000);
	NEED(extended_errcode, 3008000);
	NEED(finalize, 3008000);
	NEED(free, 3008000);
	NEED(get_autocommit, 3008000);
	NEED(last_insert_rowid, 3008000);
	NEED(next_stmt, 3008000);
	NEED(reset, 3008000);
	NEED(step, 3008000);
	NEED(stmt_busy, 3008000);
	NEED(stmt_readonly, 3008000);
	NEED(sql, 3008000);
	NEED(set_last_insert_rowid, 3018000);
	NEED(prepare_v3, 3020000);
	NEED(changes64, 3037000);
	if (!own) return NULL;
	NEED(backup_init, 3008000);
	NEED(backup_step, 3008000);
	NEED(backup_finish, 3008000);
	NEED(busy_handler, 3008000);
	NEED(close_v2, 3008000);
	NEED(db_config, 3024000);
	NEED(db_mutex, 3008000);
	NEED(db_status, 3008000);
	NEED(extended_result_codes, 3008000);
	NEED(file_control, 3008000);
	NEED(interruptx, 3008000);
	NEED(open_v2, 3008000);
	NEED(set_authorizer, 3008000);
	NEED(wal_checkpoint_v2, 3008000);
	NEED(wal_hook, 3008000);
#undef NEED
	return NULL;
}

/* ---- answers ---- */

static int out_reserve(knocker_connection *c, size_t more) {
	size_t need = c->out_length + more;
	if (need <= c->out_capacity) return 1;
	if (need > OUT_LIMIT) return 0;
	size_t capacity = c->out_capacity ? c->out_capacity : 4096;
	while (capacity < need) capacity *= 2;
	unsigned char *grown = realloc(c->out, capacity);
	if (!grown) return 0;
	c->out = grown;
	c->out_capacity = capacity;
	return 1;
}

static int out_cell(knocker_connection *c, char type, const void *value, const void *bytes, size_t length) {
	if (!out_reserve(c, 9 + length)) return 0;
	unsigned char *p = c->out + c->out_length;
	*p = (unsigned char)type;
	memcpy(p + 1, value, 8);
	if (length) memcpy(p + 9, bytes, length);
	c->out_length += 9 + length;
	return 1;
}

static int out_bytes(knocker_connection *c, char type, const void *bytes, size_t length) {
	int64_t n = (int64_t)length;
	return out_cell(c, type, &n, bytes, length);
}

static void out_start(knocker_connection *c) {
	if (c->out_capacity > OUT_KEEP) {
		free(c->out);
		c->out = NULL;
		c->out_capacity = 0;
	}
	c->out_length = 0;
	c->rows = c->columns = 0;
	c->denied[0] = 0;
}

static int out_message(knocker_connection *c, int code, const char *message) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	size_t length = strlen(message);
	c->code = code;
	c->out_length = 0;
	if (out_reserve(c, length)) {
		memcpy(c->out, message, length);
		c->out_length = length;
	}
	if (c->db) c->autocommit = sqlite3_get_autocommit(c->db);
	return code;
}

/* Keeps the code and the message of what has just failed. */
static int out_error(knocker_connection *c, int code) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	/* A host's connection may answer with primary codes alone. */
	int extended = c->db ? sqlite3_extended_errcode(c->db) : code;
	if ((extended & 0xff) == code) code = extended;
	return out_message(c, code, c->db ? sqlite3_errmsg(c->db) : "out of memory");
}

/* ---- opening ---- */

static int busy(void *context, int tries) {
	knocker_connection *c = context;
	int64_t left = c->busy_deadline - now_ns();
	if (!c->busy_deadline || left <= 0) return 0;
	int64_t nap = tries < 5 ? 100000 : tries < 20 ? 500000 : 2000000;
	struct timespec t = {0, (long)(nap < left ? nap : left)};
	nanosleep(&t, NULL);
	return 1;
}

/* Takes the place of SQLite's own checkpoints, which would run inside a commit. */
static int committed(void *context, sqlite3 *db, const char *database, int frames) {
	knocker_connection *c = context;
	(void)db;
	if (strcmp(database, "main") == 0) c->wal_frames = frames;
	return SQLITE_OK;
}

knocker_connection *knocker_connection_open(const sqlite3_api_routines *sqlite3_api, const char *path, int flags,
                                            const char *vfs) {
	knocker_connection *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	c->api = sqlite3_api;
	pthread_mutex_init(&c->lock, NULL);
	int code = sqlite3_open_v2(path, &c->db, flags, vfs);
	if (code != SQLITE_OK) {
		out_error(c, c->db ? sqlite3_extended_errcode(c->db) : code);
		return c;
	}
	sqlite3_extended_result_codes(c->db, 1);
	/* Plans don't look at bound values: otherwise each clearing of the bindings
	 * expires a statement that a partial index may serve, and it is parsed anew. */
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, (int *)NULL);
	sqlite3_busy_handler(c->db, busy, c);
	sqlite3_wal_hook(c->db, committed, c);
	c->autocommit = 1;
	return c;
}

void knocker_connection_close(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	if (c->db) sqlite3_close_v2(c->db);
	pthread_mutex_destroy(&c->lock);
	free(c->wal);
	free(c->outcomes);
	free(c->out);
	free(c);
}

void knocker_set_busy_deadline(knocker_connection *c, int64_t timeout_ns) {
	c->busy_deadline = timeout_ns > 0 ? now_ns() + timeout_ns : 0;
}

/* Some builds have no progress handler (better-sqlite3's). There the statement
 * is interrupted, under a lock, so that the one after it is not. */
void knocker_set_expired(knocker_connection *c, int expired) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	__atomic_store_n(&c->expired, expired, __ATOMIC_RELEASE);
	if (!expired || !c->interrupts) return;
	/* Once more, for one that is just about to begin: its first step clears the
	 * interrupt. */
	for (int tries = 0, running = 1; running && tries < 5; tries++) {
		pthread_mutex_lock(&c->lock);
		running = c->interruptible;
		if (running) sqlite3_interrupt(c->db);
		pthread_mutex_unlock(&c->lock);
		if (running) knocker_nap(1000000);
	}
}

static void set_interruptible(knocker_connection *c, int interruptible) {
	pthread_mutex_lock(&c->lock);
	c->interruptible = interruptible;
	pthread_mutex_unlock(&c->lock);
}


static int progress(void *context) {
	knocker_connection *c = context;
	return !c->trusted && __atomic_load_n(&c->expired, __ATOMIC_ACQUIRE);
}

/* ---- statements ---- */

sqlite3_stmt *knocker_prepare(knocker_connection *c, const char *sql, int length, int trusted, int *tail,
                              int *parameters) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	sqlite3_stmt *stmt = NULL;
	const char *rest = NULL;
	out_start(c);
	c->trusted = trusted;
	int code = sqlite3_prepare_v3(c->db, sql, length, SQLITE_PREPARE_PERSISTENT, &stmt, &rest);
	c->trusted = 0;
	if (code != SQLITE_OK) {
		out_error(c, code);
		return NULL;
	}
	c->code = SQLITE_OK;
	*tail = rest ? (int)(rest - sql) : length;
	*parameters = stmt ? sqlite3_bind_parameter_count(stmt) : 0;
	return stmt;
}

void knocker_finalize(knocker_connection *c, sqlite3_stmt *stmt) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	sqlite3_finalize(stmt);
}

int knocker_parameter_index(knocker_connection *c, sqlite3_stmt *stmt, const char *name) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	return sqlite3_bind_parameter_index(stmt, name);
}

/* The bytes belong to the caller and outlive the step, so SQLite needs no copy
 * (SQLITE_STATIC); knocker_run clears the bindings before it returns. */
static int bind_all(const sqlite3_api_routines *sqlite3_api, sqlite3_stmt *stmt, const unsigned char *p, size_t length) {
	const unsigned char *end = p + length;
	for (int i = 1; p < end; i++) {
		char type = (char)*p;
		int64_t n;
		double real;
		int code;
		memcpy(&n, p + 1, 8);
		p += 9;
		switch (type) {
		case 'i': code = sqlite3_bind_int64(stmt, i, n); break;
		case 'r': memcpy(&real, &n, 8); code = sqlite3_bind_double(stmt, i, real); break;
		case 't': code = sqlite3_bind_text(stmt, i, (const char *)p, (int)n, SQLITE_STATIC); p += n; break;
		case 'b': code = sqlite3_bind_blob(stmt, i, p, (int)n, SQLITE_STATIC); p += n; break;
		default: code = sqlite3_bind_null(stmt, i);
		}
		if (code != SQLITE_OK) return code;
	}
	return SQLITE_OK;
}

static int out_row(knocker_connection *c, sqlite3_stmt *stmt, int columns) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	int64_t none = 0;
	for (int i = 0; i < columns; i++) {
		int ok;
		switch (sqlite3_column_type(stmt, i)) {
		case SQLITE_INTEGER: { int64_t v = sqlite3_column_int64(stmt, i); ok = out_cell(c, 'i', &v, NULL, 0); break; }
		case SQLITE_FLOAT: { double v = sqlite3_column_double(stmt, i); ok = out_cell(c, 'r', &v, NULL, 0); break; }
		case SQLITE_TEXT: { const void *v = sqlite3_column_text(stmt, i); ok = out_bytes(c, 't', v, (size_t)sqlite3_column_bytes(stmt, i)); break; }
		case SQLITE_BLOB: { const void *v = sqlite3_column_blob(stmt, i); ok = out_bytes(c, 'b', v, (size_t)sqlite3_column_bytes(stmt, i)); break; }
		default: ok = out_cell(c, 'n', &none, NULL, 0);
		}
		if (!ok) return 0;
	}
	c->rows++;
	return 1;
}

static int commits(const sqlite3_api_routines *sqlite3_api, sqlite3_stmt *stmt) {
	const char *sql = sqlite3_sql(stmt);
	return sql && strcmp(sql, "COMMIT") == 0;
}

/* Binds, steps to the end, keeps the rows and resets. */
static int run(knocker_connection *c, sqlite3_stmt *stmt, const unsigned char *args, size_t args_length) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	int code = bind_all(sqlite3_api, stmt, args, args_length);
	int commit = commits(sqlite3_api, stmt);
	c->rows = c->columns = 0;
	if (commit) knocker_commit_begins(c);
	if (code == SQLITE_OK) {
		while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
			/* Counted after the step: a changed schema may have re-prepared it. */
			c->columns = sqlite3_column_count(stmt);
			if (!out_row(c, stmt, c->columns)) {
				code = SQLITE_TOOBIG;
				break;
			}
		}
	}
	if (commit) knocker_commit_ended(c);
	if (code == SQLITE_DONE) {
		c->code = SQLITE_OK;
		c->changes = sqlite3_changes64(c->db);
		c->last_rowid = sqlite3_last_insert_rowid(c->db);
	} else {
		out_error(c, code);
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	c->autocommit = sqlite3_get_autocommit(c->db);
	return c->code;
}

int knocker_run(knocker_connection *c, sqlite3_stmt *stmt, const unsigned char *args, size_t args_length, int trusted) {
	out_start(c);
	int interruptible = c->interrupts && !trusted;
	c->trusted = trusted;
	if (interruptible) set_interruptible(c, 1);
	if (interruptible && __atomic_load_n(&c->expired, __ATOMIC_ACQUIRE)) out_message(c, SQLITE_INTERRUPT, "interrupted");
	else run(c, stmt, args, args_length);
	if (interruptible) set_interruptible(c, 0);
	c->trusted = 0;
	return c->code;
}

static knocker_outcome *next_outcome(knocker_connection *c) {
	if (c->done == c->outcomes_capacity) {
		int capacity = c->outcomes_capacity ? 2 * c->outcomes_capacity : 64;
		knocker_outcome *grown = realloc(c->outcomes, (size_t)capacity * sizeof *grown);
		if (!grown) return NULL;
		c->outcomes = grown;
		c->outcomes_capacity = capacity;
	}
	return &c->outcomes[c->done];
}

int knocker_run_batch(knocker_connection *c, const unsigned char *p, size_t length) {
	const unsigned char *end = p + length;
	out_start(c);
	c->done = c->unmet = 0;
	c->code = SQLITE_OK;
	c->trusted = 1;
	while (p < end && c->code == SQLITE_OK && !c->unmet) {
		uint64_t head[3]; /* statement, what it must do, length of its arguments */
		memcpy(head, p, sizeof head);
		p += sizeof head;
		knocker_outcome *outcome = next_outcome(c);
		if (!outcome) {
			out_error(c, SQLITE_NOMEM);
			break;
		}
		size_t at = c->out_length;
		int open = !c->autocommit;
		if (run(c, (sqlite3_stmt *)(uintptr_t)head[0], p, (size_t)head[2]) != SQLITE_OK) break;
		p += head[2];
		*outcome = (knocker_outcome){c->changes, at, c->out_length - at, c->rows, c->columns};
		c->unmet = ((head[1] & KNOCKER_MUST_CHANGE) && !c->changes) || ((head[1] & KNOCKER_MUST_FIND) && !c->rows);
		/* A transaction that is gone would turn every later statement into one of its own. */
		if (open && c->autocommit && !(head[1] & KNOCKER_MAY_END))
			out_message(c, SQLITE_ABORT_ROLLBACK, "the transaction has ended before its time");
		if (!c->unmet) c->done++;
	}
	c->trusted = 0;
	return c->code;
}

int knocker_column_names(knocker_connection *c, sqlite3_stmt *stmt) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	out_start(c);
	c->columns = sqlite3_column_count(stmt);
	for (int i = 0; i < c->columns; i++) {
		const char *name = sqlite3_column_name(stmt, i);
		if (!out_bytes(c, 't', name ? name : "", name ? strlen(name) : 0)) return c->code = SQLITE_NOMEM;
	}
	c->rows = 1;
	return c->code = SQLITE_OK;
}

int knocker_script(knocker_connection *c, const char *sql) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	out_start(c);
	c->trusted = 1;
	int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
	c->trusted = 0;
	if (code != SQLITE_OK) return out_error(c, code);
	c->autocommit = sqlite3_get_autocommit(c->db);
	return c->code = SQLITE_OK;
}

int knocker_deferred_foreign_keys(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	int current = 0, highest = 0;
	sqlite3_db_status(c->db, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0);
	return current;
}

int knocker_backup(knocker_connection *to, knocker_connection *from) {
	const sqlite3_api_routines *sqlite3_api = to->api;
	out_start(to);
	sqlite3_backup *copy = sqlite3_backup_init(to->db, "main", from->db, "main");
	if (!copy) return out_error(to, sqlite3_extended_errcode(to->db));
	int code = sqlite3_backup_step(copy, -1);
	int finished = sqlite3_backup_finish(copy);
	if (code != SQLITE_DONE) return out_error(to, code);
	if (finished != SQLITE_OK) return out_error(to, finished);
	return to->code = SQLITE_OK;
}

int knocker_checkpoint(knocker_connection *c, int mode, int *wal_frames, int *checkpointed) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	out_start(c);
	int code = sqlite3_wal_checkpoint_v2(c->db, "main", mode, wal_frames, checkpointed);
	if (code != SQLITE_OK) return out_error(c, code);
	return c->code = SQLITE_OK;
}

void knocker_nap(int64_t ns) {
	struct timespec t = {ns / 1000000000, ns % 1000000000};
	nanosleep(&t, NULL);
}

/* Defined in authorizer.c. */
int knocker_authorize(void *context, int action, const char *a, const char *b, const char *database, const char *trigger);

int knocker_guard(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	c->interrupts = !sqlite3_api->progress_handler;
	if (!c->interrupts) sqlite3_progress_handler(c->db, PROGRESS_STEPS, progress, c);
	return sqlite3_set_authorizer(c->db, knocker_authorize, c);
}
