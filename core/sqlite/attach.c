#include "driver.h"

#include <stdlib.h>

knocker_connection *knocker_connection_attach(const sqlite3_api_routines *sqlite3_api, sqlite3 *db) {
	knocker_connection *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	c->api = sqlite3_api;
	c->db = db;
	c->autocommit = sqlite3_get_autocommit(db);
	return c;
}

void knocker_connection_detach(knocker_connection *c) {
	free(c->outcomes);
	free(c->out);
	free(c);
}

int knocker_write_runs(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	for (sqlite3_stmt *s = sqlite3_next_stmt(c->db, NULL); s; s = sqlite3_next_stmt(c->db, s))
		if (sqlite3_stmt_busy(s) && !sqlite3_stmt_readonly(s)) return 1;
	return 0;
}

int64_t knocker_last_rowid(knocker_connection *c) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	return sqlite3_last_insert_rowid(c->db);
}

void knocker_set_last_rowid(knocker_connection *c, int64_t id) {
	const sqlite3_api_routines *sqlite3_api = c->api;
	sqlite3_set_last_insert_rowid(c->db, id);
}
