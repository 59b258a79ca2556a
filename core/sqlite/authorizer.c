#include "driver.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What a handler's statement may not do on the shared connection: end or start
 * the transaction, attach files, make TEMP objects (a temp table named like one
 * of ours would swallow the next receipt), set a PRAGMA, write or change ours. */

static int is_ours(const char *name) { return name && strncasecmp(name, "knocker_", 8) == 0; }

static int is_queue(const char *name) { return name && strncasecmp(name, "_honker_", 8) == 0; }

static int deny(knocker_connection *c, const char *what, const char *name) {
	snprintf(c->denied, sizeof c->denied, "%s%s%s", what, name ? " " : "", name ? name : "");
	return SQLITE_DENY;
}

/* PRAGMAs that only read, with or without an argument. */
static int reads_only(const char *pragma, const char *value) {
	static const char *const inquiries[] = {"table_info", "table_xinfo", "table_list", "index_list", "index_info",
	    "index_xinfo", "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check", "database_list",
	    "collation_list", "function_list", "module_list", "pragma_list", "compile_options", NULL};
	static const char *const settings[] = {"application_id", "auto_vacuum", "busy_timeout", "cache_size",
	    "case_sensitive_like", "data_version", "defer_foreign_keys", "encoding", "foreign_keys", "freelist_count",
	    "journal_mode", "journal_size_limit", "max_page_count", "page_count", "page_size", "query_only",
	    "recursive_triggers", "schema_version", "synchronous", "temp_store", "user_version", "wal_autocheckpoint", NULL};
	for (int i = 0; inquiries[i]; i++)
		if (strcasecmp(pragma, inquiries[i]) == 0) return 1;
	if (value) return 0;
	for (int i = 0; settings[i]; i++)
		if (strcasecmp(pragma, settings[i]) == 0) return 1;
	return 0;
}

int knocker_authorize(void *context, int action, const char *a, const char *b, const char *database, const char *trigger) {
	knocker_connection *c = context;
	(void)database;
	(void)trigger;
	if (c->trusted) return SQLITE_OK;
	switch (action) {
	case SQLITE_TRANSACTION: return deny(c, a, NULL);
	case SQLITE_SAVEPOINT: return is_ours(b) ? deny(c, "SAVEPOINT", b) : SQLITE_OK;
	case SQLITE_ATTACH: return deny(c, "ATTACH", NULL);
	case SQLITE_DETACH: return deny(c, "DETACH", NULL);
	case SQLITE_PRAGMA: return a && reads_only(a, b) ? SQLITE_OK : deny(c, "PRAGMA", a);
	case SQLITE_CREATE_TEMP_INDEX:
	case SQLITE_CREATE_TEMP_TABLE:
	case SQLITE_CREATE_TEMP_TRIGGER:
	case SQLITE_CREATE_TEMP_VIEW: return deny(c, "CREATE TEMP", a);
	case SQLITE_DROP_TEMP_INDEX:
	case SQLITE_DROP_TEMP_TABLE:
	case SQLITE_DROP_TEMP_TRIGGER:
	case SQLITE_DROP_TEMP_VIEW: return deny(c, "DROP TEMP", a);
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE: return is_ours(a) ? deny(c, "writing to", a) : SQLITE_OK;
	case SQLITE_CREATE_TABLE:
	case SQLITE_CREATE_VIEW:
	case SQLITE_CREATE_VTABLE:
	case SQLITE_DROP_TABLE:
	case SQLITE_DROP_VIEW:
	case SQLITE_DROP_VTABLE: return is_ours(a) || is_queue(a) ? deny(c, "changing", a) : SQLITE_OK;
	case SQLITE_CREATE_INDEX:
	case SQLITE_CREATE_TRIGGER:
	case SQLITE_DROP_INDEX:
	case SQLITE_DROP_TRIGGER:
	case SQLITE_ALTER_TABLE: return is_ours(a) || is_queue(a) || is_ours(b) || is_queue(b) ? deny(c, "changing", b) : SQLITE_OK;
	default: return SQLITE_OK;
	}
}
