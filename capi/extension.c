/*
 * The entry points that SQLite calls when it loads the library.
 */
#include <stdlib.h>
#include <string.h>

#include "sqlite3ext.h"

#include "_cgo_export.h"
#include "guard.h"
#include "knocker.h"

static int load(sqlite3 *db, char **message, const sqlite3_api_routines *sqlite3_api, int manual) {
	char *problem = in_forked_child ? strdup("forked: " KNOCKER_FORKED_MESSAGE) : goKnockerLoad((void *)sqlite3_api, db, manual);
	if (!problem) return SQLITE_OK_LOAD_PERMANENTLY;
	if (message && sqlite3_api) *message = sqlite3_mprintf("%s", problem);
	free(problem);
	return SQLITE_ERROR;
}

int sqlite3_knocker_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) { return load(db, message, api, 0); }

int knocker_manual_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) { return load(db, message, api, 1); }
