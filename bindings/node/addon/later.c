/* Calls on a thread of the package's own, each answered by a promise. */

#include "later.h"

#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "threads.h"
#include "values.h"

struct later {
    struct work work;
    struct message message;
    struct environment *environment;
    napi_deferred deferred;
    struct call call;
    const void *body;
    size_t body_length;
    char *reply;
    char method[METHOD_ROOM];
    char memory[]; /* the request, then the body */
};

static void settle(napi_env env, struct message *message) {
    struct later *later = (struct later *)((char *)message - offsetof(struct later, message));
    if (env != NULL) {
        environment_busy(env, later->environment, -1);
        napi_value value;
        if (later->reply != NULL && napi_create_string_utf8(env, later->reply, NAPI_AUTO_LENGTH, &value) == napi_ok) {
            napi_resolve_deferred(env, later->deferred, value);
        } else {
            napi_value text;
            napi_create_string_utf8(env, "there was no memory for the library's reply", NAPI_AUTO_LENGTH, &text);
            napi_create_error(env, NULL, text, &value);
            napi_reject_deferred(env, later->deferred, value);
        }
    }
    library_free(later->reply);
    environment_drop(later->environment);
    free(later);
}

static void run(struct work *work) {
    struct later *later = (struct later *)((char *)work - offsetof(struct later, work));
    later->reply = library_perform(&later->call);
    if (!environment_send(later->environment, &later->message)) {
        settle(NULL, &later->message);
    }
}

/* Copies a call: its JavaScript values may be gone when it is made. */
static struct later *copy(const struct arguments *a) {
    size_t body = a->call.count > 0 ? a->call.lengths[0] : 0;
    struct later *later = malloc(sizeof *later + a->call.request_length + body);
    if (later == NULL) {
        return NULL;
    }
    memset(later, 0, sizeof *later);
    memcpy(later->method, a->method, METHOD_ROOM);
    memcpy(later->memory, a->call.request, a->call.request_length);
    if (body > 0) {
        memcpy(later->memory + a->call.request_length, a->call.blobs[0], body);
    }
    later->body = later->memory + a->call.request_length;
    later->body_length = body;
    later->call = a->call;
    later->call.method = later->method;
    later->call.request = later->memory;
    later->call.blobs = &later->body;
    later->call.lengths = &later->body_length;
    later->work.run = run;
    later->message.tell = settle;
    return later;
}

napi_value later_perform(napi_env env, struct environment *environment, const struct arguments *a, int own) {
    napi_value promise;
    struct later *later = copy(a);
    if (later == NULL) {
        value_throw(env, "out of memory");
        return NULL;
    }
    if (napi_create_promise(env, &later->deferred, &promise) != napi_ok) {
        free(later);
        value_throw(env, "no promise could be made");
        return NULL;
    }
    later->environment = environment_hold(environment);
    environment_busy(env, environment, 1);
    if (!threads_submit(&later->work, own ? LANE_OWN : LANE_SHARED)) {
        /* The library's own words: callers know what to do with "busy". */
        napi_value reply;
        napi_create_string_utf8(env,
                                "{\"error\":{\"code\":\"busy\",\"message\":\"The system gives this process no "
                                "further thread.\",\"http_status\":503,\"retryable\":true}}",
                                NAPI_AUTO_LENGTH, &reply);
        napi_resolve_deferred(env, later->deferred, reply);
        environment_busy(env, environment, -1);
        environment_drop(environment);
        free(later);
    }
    return promise;
}
