#define _GNU_SOURCE
#include "host.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3ext.h"

void *testhost_load(const char *name, const char **problem) {
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	*problem = library ? NULL : dlerror();
	return library;
}

const char *testhost_path(void *library, const char *function) {
	Dl_info where;
	void *address = dlsym(library, function);
	return address && dladdr(address, &where) ? where.dli_fname : NULL;
}

static int old_version(void) { return 3037002; }
static const char *old_version_text(void) { return "3.37.2"; }
static int no_threads(void) { return 0; }
static sqlite3_mutex *no_mutex(sqlite3 *db) { return (void)db, NULL; }

static int (*real_prepare)(sqlite3 *, const char *, int, unsigned, sqlite3_stmt **, const char **);

static int prepare_without_json(sqlite3 *db, const char *sql, int length, unsigned flags, sqlite3_stmt **stmt, const char **tail) {
	return real_prepare(db, strstr(sql, "json") ? "SELECT * FROM json_each_is_missing" : sql, -1, flags, stmt, tail);
}

const void *testhost_table(const void *real, int wrong) {
	struct sqlite3_api_routines *table = malloc(sizeof *table);
	*table = *(const struct sqlite3_api_routines *)real;
	real_prepare = table->prepare_v3;
	switch (wrong) {
	case TESTHOST_OLD: table->libversion_number = old_version; table->libversion = old_version_text; break;
	case TESTHOST_LACKS_ROUTINE: table->set_authorizer = NULL; break;
	case TESTHOST_NO_THREADS: table->xthreadsafe = no_threads; break;
	case TESTHOST_SINGLE_THREAD: table->db_mutex = no_mutex; break;
	case TESTHOST_NO_PROGRESS: table->progress_handler = NULL; break;
	case TESTHOST_NO_JSON: table->prepare_v3 = prepare_without_json; break;
	}
	return table;
}
