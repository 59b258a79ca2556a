/* The SQLite extension's C half: SQL functions that call into Go. */
#ifndef KNOCKER_FUNCTIONS_H
#define KNOCKER_FUNCTIONS_H

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

/* How one function is registered. */
typedef struct knocker_sql_function {
	const char *name;
	int arguments;
	int index;  /* in Go's table */
	int writes; /* not from views and triggers */
	int told;   /* Go wants to know when the connection has closed */
} knocker_sql_function;

/* Registers it. The answer is SQLite's result code. */
int knocker_register_function(const void *api, void *db, const knocker_sql_function *function);

/* Where *flag is not 0 no function enters Go, but fails with this text. */
void knocker_refuse_functions(const volatile void *flag, const char *text);

#endif
