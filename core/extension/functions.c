/*
 * The way from an SQL function into Go. SQLite is called through the routines
 * table of the copy at hand only: a process may hold several.
 */
#include "functions.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3ext.h"

#include "_cgo_export.h"

/* Each copy of SQLite has a slot. Even asking a call for its own data needs the
 * copy's table, so each slot has a function of its own. */
#define SLOTS 8
static const sqlite3_api_routines *slots[SLOTS];

static int slot_of(const sqlite3_api_routines *api) {
	for (int i = 0; i < SLOTS; i++) {
		const sqlite3_api_routines *none = NULL;
		if (__atomic_compare_exchange_n(&slots[i], &none, api, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) || none == api) return i;
	}
	return -1;
}

static const volatile sig_atomic_t never = 0;
static const volatile sig_atomic_t *refused = &never;
static const char *refusal = "";

void knocker_refuse_functions(const volatile void *flag, const char *text) {
	refusal = text;
	refused = flag;
}

/* What a registration remembers until its connection closes. */
typedef struct registration {
	const sqlite3_api_routines *api;
	sqlite3 *db;
	int index, told;
} registration;

/* Copies the arguments as cells: a type byte, eight bytes, and the bytes. */
static unsigned char *pack_arguments(const sqlite3_api_routines *sqlite3_api, int count, sqlite3_value **values, size_t *length) {
	size_t size = 1;
	for (int i = 0; i < count; i++) {
		int type = sqlite3_value_type(values[i]);
		size += 9;
		if (type == SQLITE_TEXT || type == SQLITE_BLOB) size += (size_t)sqlite3_value_bytes(values[i]);
	}
	unsigned char *packed = malloc(size), *p = packed;
	for (int i = 0; packed && i < count; i++) {
		char type = 'n';
		int64_t word = 0;
		const void *bytes = NULL;
		switch (sqlite3_value_type(values[i])) {
		case SQLITE_INTEGER: type = 'i'; word = sqlite3_value_int64(values[i]); break;
		case SQLITE_FLOAT: { double real = sqlite3_value_double(values[i]); type = 'r'; memcpy(&word, &real, 8); break; }
		case SQLITE_TEXT: type = 't'; word = sqlite3_value_bytes(values[i]); bytes = sqlite3_value_blob(values[i]); break;
		case SQLITE_BLOB: type = 'b'; word = sqlite3_value_bytes(values[i]); bytes = sqlite3_value_blob(values[i]); break;
		}
		*p = (unsigned char)type;
		memcpy(p + 1, &word, 8);
		p += 9;
		if (type == 't' || type == 'b') {
			if (bytes && word) memcpy(p, bytes, (size_t)word);
			p += word;
		}
	}
	*length = (size_t)(p - packed);
	return packed;
}

static void call(const sqlite3_api_routines *sqlite3_api, sqlite3_context *context, int count, sqlite3_value **values) {
	if (*refused) {
		sqlite3_result_error(context, refusal, -1);
		return;
	}
	size_t length = 0;
	unsigned char *packed = pack_arguments(sqlite3_api, count, values, &length);
	if (!packed) {
		sqlite3_result_error_nomem(context);
		return;
	}
	const registration *r = sqlite3_user_data(context);
	knocker_sql_reply reply = {0};
	goKnockerSQL((void *)sqlite3_api, sqlite3_context_db_handle(context), r->index, packed, length, count, &reply);
	free(packed);
	if (reply.type == 'i') {
		sqlite3_result_int64(context, reply.number);
	} else if (!reply.text) {
		sqlite3_result_error_nomem(context);
	} else if (reply.type == 't') {
		sqlite3_result_text(context, reply.text, -1, SQLITE_TRANSIENT);
	} else {
		sqlite3_result_error(context, reply.text, -1);
		if (reply.code) sqlite3_result_error_code(context, reply.code);
	}
	free(reply.text);
}

#define SLOT(n) \
	static void slot_##n(sqlite3_context *context, int count, sqlite3_value **values) { call(slots[n], context, count, values); }
SLOT(0) SLOT(1) SLOT(2) SLOT(3) SLOT(4) SLOT(5) SLOT(6) SLOT(7)
static void (*const functions[SLOTS])(sqlite3_context *, int, sqlite3_value **) = {slot_0, slot_1, slot_2, slot_3,
                                                                                  slot_4, slot_5, slot_6, slot_7};

static void forget(void *data) {
	registration *r = data;
	if (r->told && !*refused) goKnockerSQLClosed((void *)r->api, r->db, r->index);
	free(r);
}

int knocker_register_function(const void *api, void *db, const knocker_sql_function *function) {
	const sqlite3_api_routines *sqlite3_api = api;
	int slot = slot_of(sqlite3_api);
	registration *r = slot < 0 ? NULL : malloc(sizeof *r);
	if (!r) return slot < 0 ? SQLITE_FULL : SQLITE_NOMEM;
	*r = (registration){sqlite3_api, db, function->index, function->told};
	/* A registration that fails is forgotten by SQLite as well. */
	return sqlite3_create_function_v2(db, function->name, function->arguments, SQLITE_UTF8 | (function->writes ? SQLITE_DIRECTONLY : 0), r,
	                                  functions[slot], NULL, NULL, forget);
}
