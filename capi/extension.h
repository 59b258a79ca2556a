/* The SQLite extension's C half: SQL functions that call into Go. */
#ifndef KNOCKER_EXTENSION_H
#define KNOCKER_EXTENSION_H

#include <stddef.h>
#include <stdint.h>

/* What a function answers: 'i' a number, 't' text that free() takes back, 'e'
 * such a text as an error, with a result code where the host should see one. */
typedef struct knocker_sql_reply {
	char type;
	int code;
	int64_t number;
	char *text;
} knocker_sql_reply;

/* Registers function number `index` for a number of arguments, -1 for any.
 * The answer is SQLite's result code. */
int knocker_register_function(const void *api, void *db, const char *name, int arguments, int index, int writes);

#endif
