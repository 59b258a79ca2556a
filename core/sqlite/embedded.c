#include <stddef.h>

#include "driver.h"

/* The only place that names symbols of the linked SQLite: the amalgamation
 * inside github.com/mattn/go-sqlite3. sqlite3ext.h turns the plain names into
 * table look-ups, so they are taken back here. They are weak because cgo links
 * each package alone once, and because a build may leave the amalgamation out. */
#undef sqlite3_auto_extension
#undef sqlite3_cancel_auto_extension
#undef sqlite3_open_v2
#undef sqlite3_close_v2

extern int sqlite3_auto_extension(void (*entry)(void)) __attribute__((weak));
extern int sqlite3_cancel_auto_extension(void (*entry)(void)) __attribute__((weak));
extern int sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs) __attribute__((weak));
extern int sqlite3_close_v2(sqlite3 *db) __attribute__((weak));

static const sqlite3_api_routines *found;

static int catch_routines(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
	(void)db;
	(void)message;
	found = api;
	return SQLITE_OK;
}

/* An automatic extension is handed the table at each open. It is taken away
 * again at once: left behind it would run in every connection of a program that
 * uses the same amalgamation for itself. Called once, from Go's sync.Once. */
const sqlite3_api_routines *knocker_embedded_routines(void) {
	sqlite3 *db = NULL;
	if (!sqlite3_auto_extension || !sqlite3_cancel_auto_extension || !sqlite3_open_v2 || !sqlite3_close_v2) return NULL;
	if (sqlite3_auto_extension((void (*)(void))catch_routines) != SQLITE_OK) return NULL;
	sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	sqlite3_cancel_auto_extension((void (*)(void))catch_routines);
	sqlite3_close_v2(db);
	return found;
}
