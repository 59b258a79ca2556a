/* Calls the extension from C, in an SQLite of its own, as a host does.
 *
 *   drive call    LIBRARY ROUNDS
 *   drive receive LIBRARY DB ENDPOINT PROVIDER SECRET REQUESTS BATCH SECONDS WARMUP
 *
 * call prints {"function": S, "builtin": S}: the median time of SELECT
 * knocker_version() and of SELECT sqlite_version(), prepared once, over rounds of
 * 1,000 calls. receive stores the requests of a file, each "HEADERS_BYTES
 * BODY_BYTES\n" and the bytes, in transactions of BATCH, or for 1 in autocommit,
 * and prints {"rows": N, "seconds": S, "cpu": S}. WARMUP of them are stored before
 * the clock starts, so that the WAL has its size. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "sqlite3-binding.h"

#define CALLS 1000

static sqlite3 *db;

static void die(const char *what) {
	fprintf(stderr, "drive: %s: %s\n", what, db ? sqlite3_errmsg(db) : strerror(errno));
	exit(1);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double processor(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void run(const char *sql) {
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) die(sql);
}

static void open_with(const char *library, const char *path) {
	char *problem = NULL;
	if (sqlite3_open(path, &db) != SQLITE_OK) die(path);
	sqlite3_busy_timeout(db, 30000);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, (int *)NULL);
	if (sqlite3_load_extension(db, library, NULL, &problem) != SQLITE_OK) {
		fprintf(stderr, "drive: %s\n", problem ? problem : "the library can't be loaded");
		exit(1);
	}
	run("PRAGMA synchronous = FULL");
}

static sqlite3_stmt *prepare(const char *sql) {
	sqlite3_stmt *s;
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) die(sql);
	return s;
}

/* ---- call ---- */

static int ascending(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double per_call(sqlite3_stmt *s) {
	double start = now();
	for (int i = 0; i < CALLS; i++) {
		if (sqlite3_step(s) != SQLITE_ROW) die("call");
		sqlite3_reset(s);
	}
	return (now() - start) / CALLS;
}

static void call(const char *library, int rounds) {
	open_with(library, ":memory:");
	sqlite3_stmt *ours = prepare("SELECT knocker_version()"), *builtin = prepare("SELECT sqlite_version()");
	double *a = malloc(sizeof *a * (size_t)rounds), *b = malloc(sizeof *b * (size_t)rounds);
	if (!a || !b) die("memory");
	per_call(ours);
	for (int i = 0; i < rounds; i++) {
		a[i] = per_call(ours);
		b[i] = per_call(builtin);
	}
	qsort(a, (size_t)rounds, sizeof *a, ascending);
	qsort(b, (size_t)rounds, sizeof *b, ascending);
	printf("{\"function\": %.9f, \"builtin\": %.9f}\n", a[rounds / 2], b[rounds / 2]);
}

/* ---- receive ---- */

static FILE *requests;
static sqlite3_stmt *receive;

/* Reads the next request and binds it; 0 at the end of the file. The clock does
 * not stop for it: it is a copy from the page cache. */
static int next_request(void) {
	static char *bytes;
	static size_t room;
	size_t headers, body;
	if (fscanf(requests, "%zu %zu", &headers, &body) != 2 || fgetc(requests) != '\n') return 0;
	if (headers + body > room) bytes = realloc(bytes, room = headers + body);
	if (!bytes || fread(bytes, 1, headers + body, requests) != headers + body) die("the requests");
	sqlite3_bind_text(receive, 1, bytes, (int)headers, SQLITE_STATIC);
	sqlite3_bind_blob(receive, 2, bytes + headers, (int)body, SQLITE_STATIC);
	return 1;
}

static int store(int rows, int batch, double until) {
	int stored = 0;
	while (stored < rows && now() < until) {
		if (batch > 1) run("BEGIN IMMEDIATE");
		for (int i = 0; i < batch; i++, stored++) {
			if (!next_request()) die("there are too few requests");
			if (sqlite3_step(receive) != SQLITE_ROW) die("receive");
			const char *answer = (const char *)sqlite3_column_text(receive, 0);
			if (!answer || !strstr(answer, "\"status_code\":20")) {
				fprintf(stderr, "drive: a request was answered with %s\n", answer ? answer : "NULL");
				exit(1);
			}
			sqlite3_reset(receive);
		}
		if (batch > 1) run("COMMIT");
	}
	return stored;
}

int main(int count, char **arguments) {
	if (count == 4 && strcmp(arguments[1], "call") == 0) {
		call(arguments[2], atoi(arguments[3]));
		return 0;
	}
	if (count != 11 || strcmp(arguments[1], "receive") != 0) {
		fprintf(stderr, "usage: see bench/extension/drive.c\n");
		return 2;
	}
	open_with(arguments[2], arguments[3]);
	char *sql = sqlite3_mprintf("SELECT knocker_receive(%Q, %Q, json_array(%Q), json_object(), 'POST', ?1, ?2, NULL, NULL, NULL, NULL, NULL)",
	                            arguments[4], arguments[5], arguments[6]);
	receive = prepare(sql);
	requests = fopen(arguments[7], "rb");
	if (!requests) die(arguments[7]);
	int batch = atoi(arguments[8]);
	store(atoi(arguments[10]), 100, now() + 60);
	double start = now(), used = processor();
	int rows = store(1 << 30, batch, start + atof(arguments[9]));
	printf("{\"rows\": %d, \"seconds\": %.6f, \"cpu\": %.6f}\n", rows, now() - start, processor() - used);
	return 0;
}
