/*
 * The smallest host, for any version of SQLite: it loads the library into a
 * connection and runs statements. scripts/extension_process.py builds it with
 * the versions that matter and reads what it prints, one line each.
 *
 * host LIBRARY FILE STATEMENT...
 */
#include <stdio.h>

#include "sqlite3-binding.h"

static int print_row(void *data, int columns, char **values, char **names) {
	(void)data;
	(void)names;
	for (int i = 0; i < columns; i++) printf("%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
	printf("\n");
	return 0;
}

int main(int count, char **arguments) {
	sqlite3 *db = NULL;
	char *message = NULL;
	if (count < 3 || sqlite3_open(arguments[2], &db) != SQLITE_OK) return 2;
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
	int code = sqlite3_load_extension(db, arguments[1], NULL, &message);
	printf("%s\nload %d %s\n", sqlite3_libversion(), code, message ? message : "");
	sqlite3_free(message);
	for (int i = 3; i < count; i++) {
		message = NULL;
		if (sqlite3_exec(db, arguments[i], print_row, NULL, &message) != SQLITE_OK) printf("error %s\n", message);
		sqlite3_free(message);
	}
	return sqlite3_close(db) == SQLITE_OK ? 0 : 3;
}
