/*
 * values.h: JavaScript's values as C's. Each function answers 0 with a pending
 * exception where a value is of another kind.
 */
#ifndef KNOCKER_NODE_VALUES_H
#define KNOCKER_NODE_VALUES_H

#define NAPI_VERSION 8
#include <node_api.h>

#include "library.h"

enum {
    METHOD_ROOM = 64, /* longer names are no method's */
    TEXT_ROOM = 2048, /* most requests need no memory of their own */
    BLOB_ROOM = 8
};

/* A text, in its own room or in memory of its own. */
struct text {
    char room[TEXT_ROOM];
    char *at;
    size_t length;
};

/* The arguments (operation, handle, method, request, blobs) of a call. The
 * blobs are those of the JavaScript values, so they last as long as these. */
struct arguments {
    struct call call;
    char method[METHOD_ROOM];
    struct text request;
    const void *blob_room[BLOB_ROOM];
    size_t length_room[BLOB_ROOM];
    const void **blobs;
    size_t *lengths;
};

int value_throw(napi_env env, const char *message);
int value_handle(napi_env env, napi_value value, uint64_t *handle);
int value_text(napi_env env, napi_value value, struct text *text);
void text_free(struct text *text);

int arguments_read(napi_env env, const napi_value *values, struct arguments *arguments);
void arguments_free(struct arguments *arguments);

#endif
