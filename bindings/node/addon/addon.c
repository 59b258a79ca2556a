/*
 * addon.c: what JavaScript sees of the library. src/node/addon.ts describes
 * these functions. They know neither JSON nor rules.
 */
#include <stddef.h>

#include "environment.h"
#include "later.h"
#include "library.h"
#include "values.h"
#include "watch.h"

enum { MESSAGE_ROOM = 1024 };

/* Reads count arguments; the missing ones are undefined. */
static struct environment *enter(napi_env env, napi_callback_info info, napi_value *values, size_t count) {
    void *data = NULL;
    if (napi_get_cb_info(env, info, &count, values, NULL, &data) != napi_ok) {
        value_throw(env, "the arguments can't be read");
        return NULL;
    }
    return data;
}

/* load(path): the interface version */
static napi_value load(napi_env env, napi_callback_info info) {
    napi_value values[1], result;
    struct text path;
    if (enter(env, info, values, 1) == NULL || !value_text(env, values[0], &path)) {
        return NULL;
    }
    char message[MESSAGE_ROOM];
    uint32_t version = library_load(path.at, message, sizeof message);
    text_free(&path);
    if (version == 0) {
        value_throw(env, message);
        return NULL;
    }
    return napi_create_uint32(env, version, &result) == napi_ok ? result : NULL;
}

/* perform(operation, handle, method, request, blobs?): the reply */
static napi_value perform(napi_env env, napi_callback_info info) {
    napi_value values[5], result = NULL;
    struct arguments arguments;
    if (enter(env, info, values, 5) == NULL) {
        return NULL;
    }
    if (arguments_read(env, values, &arguments)) {
        char *reply = library_perform(&arguments.call);
        if (reply == NULL || napi_create_string_utf8(env, reply, NAPI_AUTO_LENGTH, &result) != napi_ok) {
            value_throw(env, "there was no memory for the library's reply");
        }
        library_free(reply);
    }
    arguments_free(&arguments);
    return result;
}

/* performLater(operation, handle, method, request, blobs?, own): a promise of the reply */
static napi_value perform_later(napi_env env, napi_callback_info info) {
    napi_value values[6], result = NULL;
    struct arguments arguments;
    bool own = false;
    struct environment *environment = enter(env, info, values, 6);
    if (environment == NULL) {
        return NULL;
    }
    if (arguments_read(env, values, &arguments)) {
        napi_get_value_bool(env, values[5], &own);
        result = later_perform(env, environment, &arguments, own);
    }
    arguments_free(&arguments);
    return result;
}

/* watch(db, descriptor, callback) */
static napi_value watch(napi_env env, napi_callback_info info) {
    napi_value values[3];
    uint64_t db;
    int32_t descriptor;
    struct environment *environment = enter(env, info, values, 3);
    if (environment == NULL || !value_handle(env, values[0], &db)) {
        return NULL;
    }
    if (napi_get_value_int32(env, values[1], &descriptor) != napi_ok) {
        value_throw(env, "a descriptor is a number");
        return NULL;
    }
    watch_start(env, environment, db, descriptor, values[2]);
    return NULL;
}

/* The functions of one handle: unwatch(db), adopt(handle), disown(handle), release(handle) */
static napi_value with_handle(napi_env env, napi_callback_info info, void (*use)(struct environment *, uint64_t)) {
    napi_value values[1];
    uint64_t handle;
    struct environment *environment = enter(env, info, values, 1);
    if (environment != NULL && value_handle(env, values[0], &handle)) {
        use(environment, handle);
    }
    return NULL;
}

static napi_value unwatch(napi_env env, napi_callback_info info) { return with_handle(env, info, watch_stop); }

static void adopt_handle(struct environment *e, uint64_t handle) {
    /* Without memory to remember it, it is closed with the process. */
    (void)environment_adopt(e, handle);
}

static napi_value adopt(napi_env env, napi_callback_info info) { return with_handle(env, info, adopt_handle); }

static napi_value disown(napi_env env, napi_callback_info info) { return with_handle(env, info, environment_disown); }

static void release_handle(struct environment *e, uint64_t handle) {
    (void)e;
    if (library_loaded()) {
        library_release(handle);
    }
}

static napi_value release(napi_env env, napi_callback_info info) { return with_handle(env, info, release_handle); }

/* busy(change): counts what keeps the process alive */
static napi_value busy(napi_env env, napi_callback_info info) {
    napi_value values[1];
    int32_t change;
    struct environment *environment = enter(env, info, values, 1);
    if (environment != NULL && napi_get_value_int32(env, values[0], &change) == napi_ok) {
        environment_busy(env, environment, change);
    }
    return NULL;
}

NAPI_MODULE_INIT() {
    struct environment *environment = environment_make(env);
    if (environment == NULL) {
        return NULL;
    }
    const struct {
        const char *name;
        napi_callback function;
    } functions[] = {
        {"load", load},   {"perform", perform}, {"performLater", perform_later}, {"watch", watch}, {"unwatch", unwatch},
        {"adopt", adopt}, {"disown", disown},   {"release", release},            {"busy", busy},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        napi_value value;
        if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, environment, &value) != napi_ok ||
            napi_set_named_property(env, exports, functions[i].name, value) != napi_ok) {
            return NULL;
        }
    }
    return exports;
}
