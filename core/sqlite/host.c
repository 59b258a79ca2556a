#define _GNU_SOURCE
#include "driver.h"

#include <stddef.h>
#ifndef _WIN32
#include <dlfcn.h>
#endif

int knocker_has_threads(const sqlite3_api_routines *sqlite3_api) {
	return sqlite3_api->xthreadsafe && sqlite3_threadsafe() != 0;
}

int knocker_connection_locks(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	return !c->db || sqlite3_db_mutex(c->db) != NULL;
}

#ifdef _WIN32

void knocker_keep_loaded(const sqlite3_api_routines *api) { (void)api; }

const sqlite3_api_routines *knocker_mapped_routines(const char *library, const char **problem) {
	(void)library;
	*problem = "looking for it in the process is not possible on this system";
	return NULL;
}

#else

void knocker_keep_loaded(const sqlite3_api_routines *api) {
	Dl_info where;
	union {
		const char *(*function)(void);
		void *address;
	} any = {api->libversion};
	/* NULL where it is part of the program, which stays anyway. */
	if (dladdr(any.address, &where)) dlopen(where.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static const sqlite3_api_routines *handed_over;

static int catch_routines(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
	(void)db;
	(void)message;
	/* Also called for each connection that another thread opens meanwhile. */
	__atomic_store_n(&handed_over, api, __ATOMIC_RELEASE);
	return SQLITE_OK;
}

/* The functions by name, as the linker would have found them. */
typedef struct mapped_sqlite {
	int (*auto_extension)(void (*entry)(void));
	int (*cancel_auto_extension)(void (*entry)(void));
	int (*open_v2)(const char *path, sqlite3 **db, int flags, const char *vfs);
	int (*close)(sqlite3 *db);
} mapped_sqlite;

static int find_functions(void *handle, mapped_sqlite *out) {
	*(void **)&out->auto_extension = dlsym(handle, "sqlite3_auto_extension");
	*(void **)&out->cancel_auto_extension = dlsym(handle, "sqlite3_cancel_auto_extension");
	*(void **)&out->open_v2 = dlsym(handle, "sqlite3_open_v2");
	*(void **)&out->close = dlsym(handle, "sqlite3_close");
	return out->auto_extension && out->cancel_auto_extension && out->open_v2 && out->close;
}

const sqlite3_api_routines *knocker_mapped_routines(const char *library, const char **problem) {
	mapped_sqlite s;
	sqlite3 *db = NULL;
	/* Never loaded anew: that would be one more SQLite instead of the host's. */
	void *handle = dlopen(library, library ? RTLD_LAZY | RTLD_NOLOAD : RTLD_LAZY);
	*problem = NULL;
	__atomic_store_n(&handed_over, NULL, __ATOMIC_RELEASE);
	if (!handle) {
		*problem = "the process has not loaded this library";
	} else if (!find_functions(handle, &s)) {
		*problem = "its SQLite does not show its functions";
	} else if (s.auto_extension((void (*)(void))catch_routines) != SQLITE_OK) {
		*problem = "its SQLite refuses automatic extensions";
	} else {
		s.open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
		s.cancel_auto_extension((void (*)(void))catch_routines);
		s.close(db);
		if (!__atomic_load_n(&handed_over, __ATOMIC_ACQUIRE)) *problem = "its SQLite was built without extensions";
	}
	if (handle) dlclose(handle);
	return *problem ? NULL : __atomic_load_n(&handed_over, __ATOMIC_ACQUIRE);
}

#endif
