/* The limit: what SQLite itself can do with the inbox's rows when nothing else
 * is in the way. One thread, prepared statements, bound values that are ready
 * beforehand, perfect batches, and the same schema, rows and pragmas as ours.
 *
 *   limit receive DB BODY HEADERS SYNCHRONOUS BATCH SECONDS MAXIMUM WARMUP
 *   limit drain   DB SYNCHRONOUS BATCH SECONDS
 *
 * DB exists and holds the schema and endpoint 1. BODY and HEADERS are files
 * with the bytes of one receipt as ours stores it; each run of '@' in them is a
 * place for random characters, the first in the body being the identity. WARMUP
 * rows are stored in batches of 32 before the clock starts, so that the WAL has
 * its size: a synced write that makes a file longer costs far more than others.
 * Both commands print {"rows": N, "seconds": S}. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sqlite3-binding.h"

/* About as many frames as ours lets the WAL grow before it copies them back. */
#define CHECKPOINT_FRAMES 1000
#define MAXIMUM_PLACES 8

static sqlite3 *db;

static void die(const char *what) {
	fprintf(stderr, "limit: %s: %s\n", what, db ? sqlite3_errmsg(db) : strerror(errno));
	exit(1);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- random characters ---- */

static uint64_t state;

static uint64_t next_random(void) {
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void seed_random(void) {
	FILE *f = fopen("/dev/urandom", "rb");
	if (!f || fread(&state, sizeof state, 1, f) != 1) die("/dev/urandom");
	fclose(f);
	state |= 1;
}

/* A text with places that are filled anew for each row. */
typedef struct {
	char *bytes;
	int length;
	int at[MAXIMUM_PLACES], width[MAXIMUM_PLACES], places;
} sample;

static sample read_sample(const char *path) {
	sample s = {0};
	FILE *f = fopen(path, "rb");
	if (!f) die(path);
	s.bytes = malloc(1 << 20);
	s.length = (int)fread(s.bytes, 1, 1 << 20, f);
	fclose(f);
	for (int i = 0; i < s.length && s.places < MAXIMUM_PLACES; i++) {
		if (s.bytes[i] != '@') continue;
		int start = i;
		while (i < s.length && s.bytes[i] == '@') i++;
		s.at[s.places] = start;
		s.width[s.places++] = i - start;
	}
	if (s.places == 0) die("the sample has no place for an identity");
	return s;
}

static void refill(sample *s) {
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
	for (int p = 0; p < s->places; p++)
		for (int i = 0; i < s->width[p]; i++) s->bytes[s->at[p] + i] = digits[next_random() & 63];
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(const char *sql) {
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK) die(sql);
	return stmt;
}

static void run(sqlite3_stmt *stmt) {
	if (sqlite3_step(stmt) != SQLITE_DONE) die(sqlite3_sql(stmt));
	sqlite3_reset(stmt);
}

static void run_sql(const char *sql) {
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) die(sql);
}

static int64_t number(const char *sql) {
	sqlite3_stmt *stmt = prepare(sql);
	int64_t n = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_finalize(stmt);
	return n;
}

static void open_database(const char *path, const char *synchronous) {
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) die(path);
	char sql[200];
	snprintf(sql, sizeof sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA foreign_keys = ON;", synchronous);
	run_sql(sql);
	sqlite3_wal_autocheckpoint(db, CHECKPOINT_FRAMES);
}

/* Closes the file properly, so that the WAL is copied back and removed. */
static void report(int64_t rows, double seconds) {
	sqlite3_stmt *stmt;
	while ((stmt = sqlite3_next_stmt(db, NULL))) sqlite3_finalize(stmt);
	if (sqlite3_close(db) != SQLITE_OK) die("close");
	printf("{\"rows\": %lld, \"seconds\": %.6f}\n", (long long)rows, seconds);
}

/* ---- receive ---- */

#define WARMUP_BATCH 32

static void receive(sample *body, sample *headers, int batch, double seconds, int64_t maximum, int64_t warmup) {
	sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
	sqlite3_stmt *event = prepare("INSERT INTO knocker_events (id, endpoint_id, received_at, provider_event_id, event_type, method, dedupe_key, delivery_id, job_id)"
		" VALUES (?, 1, ?, ?, 'invoice.paid', 'POST', ?, ?, ?)");
	sqlite3_stmt *job = prepare("INSERT INTO _honker_live (id, queue, payload, state, priority, run_at, attempts, max_attempts, created_at)"
		" VALUES (?, 'knocker.events', ?, 'pending', 0, ?, 0, 12, ?)");
	sqlite3_stmt *delivery = prepare("INSERT INTO knocker_deliveries (id, endpoint_id, event_id, received_at, provider_event_id, event_type, method,"
		" headers_json, body_blob, query_json, signature_valid, dedupe_key, kind, body_bytes)"
		" VALUES (?, 1, ?, ?, ?, 'invoice.paid', 'POST', ?, ?, '{}', 1, ?, 'event', ?)");
	int64_t d = number("SELECT max(id) FROM knocker_deliveries"), e = number("SELECT max(id) FROM knocker_events"), j = number("SELECT max(id) FROM _honker_live");
	int64_t rows = -warmup;
	double start = now(), end = start;
	while (rows < 0 || (end - start < seconds && rows < maximum)) {
		int size = rows < 0 ? WARMUP_BATCH : batch;
		run(begin);
		for (int i = 0; i < size; i++, rows++) {
			int64_t at = (int64_t)time(NULL);
			char payload[40];
			refill(body);
			refill(headers);
			/* The identity is "evt_" and the place. */
			const char *id = body->bytes + body->at[0] - 4;
			int id_length = body->width[0] + 4;
			d++, e++, j++;
			sqlite3_bind_int64(event, 1, e);
			sqlite3_bind_int64(event, 2, at);
			sqlite3_bind_text(event, 3, id, id_length, SQLITE_STATIC);
			sqlite3_bind_text(event, 4, id, id_length, SQLITE_STATIC);
			sqlite3_bind_int64(event, 5, d);
			sqlite3_bind_int64(event, 6, j);
			run(event);
			int length = snprintf(payload, sizeof payload, "{\"event_id\":%lld}", (long long)e);
			sqlite3_bind_int64(job, 1, j);
			sqlite3_bind_text(job, 2, payload, length, SQLITE_STATIC);
			sqlite3_bind_int64(job, 3, at);
			sqlite3_bind_int64(job, 4, at);
			run(job);
			sqlite3_bind_int64(delivery, 1, d);
			sqlite3_bind_int64(delivery, 2, e);
			sqlite3_bind_int64(delivery, 3, at);
			sqlite3_bind_text(delivery, 4, id, id_length, SQLITE_STATIC);
			sqlite3_bind_text(delivery, 5, headers->bytes, headers->length, SQLITE_STATIC);
			sqlite3_bind_blob(delivery, 6, body->bytes, body->length, SQLITE_STATIC);
			sqlite3_bind_text(delivery, 7, id, id_length, SQLITE_STATIC);
			sqlite3_bind_int64(delivery, 8, body->length);
			run(delivery);
		}
		run(commit);
		end = now();
		if (rows <= 0) start = end;
	}
	report(rows, end - start);
}

/* ---- drain ---- */

typedef struct { int64_t job, event; } claimed;

/* Which jobs there are is read before the clock starts: only the writes count. */
static claimed *jobs(int64_t *count) {
	*count = number("SELECT count(*) FROM _honker_live WHERE state = 'pending'");
	claimed *list = malloc(sizeof *list * (size_t)(*count + 1));
	sqlite3_stmt *stmt = prepare("SELECT id, json_extract(payload, '$.event_id') FROM _honker_live WHERE state = 'pending' ORDER BY id");
	int64_t n = 0;
	while (n < *count && sqlite3_step(stmt) == SQLITE_ROW) {
		list[n].job = sqlite3_column_int64(stmt, 0);
		list[n++].event = sqlite3_column_int64(stmt, 1);
	}
	sqlite3_finalize(stmt);
	return list;
}

static void drain(int batch, double seconds) {
	static const char worker[] = "host.example:12345:0123456789ab";
	sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
	sqlite3_stmt *claim = prepare("UPDATE _honker_live SET state = 'processing', worker_id = ?, claim_expires_at = ?, attempts = attempts + 1 WHERE id = ?");
	sqlite3_stmt *event = prepare("UPDATE knocker_events SET status = 'handled', attempt_count = 1, handled_at = ?, last_error = NULL, job_id = NULL WHERE id = ?");
	sqlite3_stmt *attempt = prepare("INSERT INTO knocker_attempts (event_id, attempted_at, outcome, error, duration_ms) VALUES (?, ?, 'handled', NULL, 0)");
	sqlite3_stmt *done = prepare("DELETE FROM _honker_live WHERE id = ?");
	int64_t count, rows = 0;
	claimed *list = jobs(&count);
	double start = now(), end = start;
	while (end - start < seconds && rows < count) {
		int64_t at = (int64_t)time(NULL), last = rows + batch < count ? rows + batch : count;
		run(begin);
		for (int64_t i = rows; i < last; i++) {
			sqlite3_bind_text(claim, 1, worker, sizeof worker - 1, SQLITE_STATIC);
			sqlite3_bind_int64(claim, 2, at + 60);
			sqlite3_bind_int64(claim, 3, list[i].job);
			run(claim);
		}
		run(commit);
		run(begin);
		for (; rows < last; rows++) {
			sqlite3_bind_int64(event, 1, at);
			sqlite3_bind_int64(event, 2, list[rows].event);
			run(event);
			sqlite3_bind_int64(attempt, 1, list[rows].event);
			sqlite3_bind_int64(attempt, 2, at);
			run(attempt);
			sqlite3_bind_int64(done, 1, list[rows].job);
			run(done);
		}
		run(commit);
		end = now();
	}
	report(rows, end - start);
}

int main(int argc, char **argv) {
	if (argc == 10 && strcmp(argv[1], "receive") == 0) {
		seed_random();
		sample body = read_sample(argv[3]), headers = read_sample(argv[4]);
		open_database(argv[2], argv[5]);
		receive(&body, &headers, atoi(argv[6]), atof(argv[7]), atoll(argv[8]), atoll(argv[9]) / WARMUP_BATCH * WARMUP_BATCH);
	} else if (argc == 6 && strcmp(argv[1], "drain") == 0) {
		open_database(argv[2], argv[3]);
		drain(atoi(argv[4]), atof(argv[5]));
	} else {
		fprintf(stderr, "usage: limit receive DB BODY HEADERS SYNCHRONOUS BATCH SECONDS MAXIMUM WARMUP | limit drain DB SYNCHRONOUS BATCH SECONDS\n");
		return 2;
	}
	return 0;
}
