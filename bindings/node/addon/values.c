#include "values.h"

#include <stdlib.h>

int value_throw(napi_env env, const char *message) {
    napi_throw_error(env, NULL, message);
    return 0;
}

int value_handle(napi_env env, napi_value value, uint64_t *handle) {
    double number;
    if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0 && number <= 9007199254740991.0)) {
        return value_throw(env, "a handle is a number");
    }
    *handle = (uint64_t)number;
    return 1;
}

int value_text(napi_env env, napi_value value, struct text *text) {
    text->at = text->room;
    if (napi_get_value_string_utf8(env, value, text->room, TEXT_ROOM, &text->length) != napi_ok) {
        return value_throw(env, "a text is a string");
    }
    /* A full room may have cut it: a character has up to four bytes. */
    if (text->length < TEXT_ROOM - 4) {
        return 1;
    }
    size_t length;
    if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
        return value_throw(env, "a text is a string");
    }
    char *memory = malloc(length + 1);
    if (memory == NULL) {
        return value_throw(env, "out of memory");
    }
    text->at = memory;
    napi_get_value_string_utf8(env, value, memory, length + 1, &text->length);
    return 1;
}

void text_free(struct text *text) {
    if (text->at != text->room) {
        free(text->at);
    }
}

static int read_blob(napi_env env, napi_value value, const void **data, size_t *length) {
    void *at;
    if (napi_get_typedarray_info(env, value, NULL, length, &at, NULL, NULL) != napi_ok) {
        return value_throw(env, "a blob is a Uint8Array");
    }
    *data = at;
    return 1;
}

static int read_blobs(napi_env env, napi_value value, struct arguments *a) {
    uint32_t count;
    if (napi_get_array_length(env, value, &count) != napi_ok) {
        return value_throw(env, "blobs are an array");
    }
    if (count > BLOB_ROOM) {
        a->blobs = malloc(count * sizeof *a->blobs);
        a->lengths = malloc(count * sizeof *a->lengths);
        if (a->blobs == NULL || a->lengths == NULL) {
            return value_throw(env, "out of memory");
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        napi_value blob;
        if (napi_get_element(env, value, i, &blob) != napi_ok || !read_blob(env, blob, &a->blobs[i], &a->lengths[i])) {
            return value_throw(env, "a blob is a Uint8Array");
        }
    }
    a->call.blobs = a->blobs;
    a->call.lengths = a->lengths;
    a->call.count = count;
    return 1;
}

int arguments_read(napi_env env, const napi_value *values, struct arguments *a) {
    a->request.at = a->request.room;
    a->blobs = a->blob_room;
    a->lengths = a->length_room;
    a->call = (struct call){.method = a->method};
    if (!library_loaded()) {
        return value_throw(env, "the library is not loaded");
    }
    if (napi_get_value_uint32(env, values[0], &a->call.operation) != napi_ok || a->call.operation >= OPERATIONS) {
        return value_throw(env, "there is no such operation");
    }
    size_t length;
    if (!value_handle(env, values[1], &a->call.handle)) {
        return 0;
    }
    if (napi_get_value_string_utf8(env, values[2], a->method, METHOD_ROOM, &length) != napi_ok) {
        return value_throw(env, "a method is a string");
    }
    if (!value_text(env, values[3], &a->request)) {
        return 0;
    }
    a->call.request = a->request.at;
    a->call.request_length = a->request.length;
    napi_valuetype type;
    if (napi_typeof(env, values[4], &type) != napi_ok || type == napi_undefined) {
        return 1;
    }
    return read_blobs(env, values[4], a);
}

void arguments_free(struct arguments *a) {
    text_free(&a->request);
    if (a->blobs != a->blob_room) {
        free(a->blobs);
    }
    if (a->lengths != a->length_room) {
        free(a->lengths);
    }
}
