#include "environment.h"

#include <pthread.h>
#include <stdlib.h>

#include "library.h"

struct environment {
    pthread_mutex_t mutex;
    int alive;
    int holders;
    napi_threadsafe_function way; /* valid while alive */
    struct message *first;
    struct message **last;
    int awake; /* a turn of the loop is under way or has been asked for */
    /* On the environment's thread only: */
    int busy;
    uint64_t *handles;
    size_t handle_count;
    size_t handle_room;
    struct ending *endings;
    napi_ref turn; /* the function of a further turn */
};

struct environment *environment_hold(struct environment *e) {
    pthread_mutex_lock(&e->mutex);
    e->holders++;
    pthread_mutex_unlock(&e->mutex);
    return e;
}

void environment_drop(struct environment *e) {
    pthread_mutex_lock(&e->mutex);
    int left = --e->holders;
    pthread_mutex_unlock(&e->mutex);
    if (left == 0) {
        pthread_mutex_destroy(&e->mutex);
        free(e->handles);
        free(e);
    }
}

int environment_send(struct environment *e, struct message *message) {
    pthread_mutex_lock(&e->mutex);
    int sent = e->alive;
    if (sent) {
        message->next = NULL;
        *e->last = message;
        e->last = &message->next;
    }
    if (sent && !e->awake) {
        /* Under the lock, so that the function can't end in between. Where it
         * ends already, the message is told that with the others. */
        e->awake = napi_call_threadsafe_function(e->way, NULL, napi_tsfn_nonblocking) == napi_ok;
    }
    pthread_mutex_unlock(&e->mutex);
    return sent;
}

static struct message *pop(struct environment *e) {
    pthread_mutex_lock(&e->mutex);
    struct message *message = e->first;
    if (message != NULL) {
        e->first = message->next;
        if (e->first == NULL) {
            e->last = &e->first;
        }
    }
    pthread_mutex_unlock(&e->mutex);
    return message;
}

/* Asks for a further turn while there are messages. setImmediate, because a
 * thread-safe function called from itself goes on in the same turn. */
static void go_on(napi_env env, struct environment *e) {
    pthread_mutex_lock(&e->mutex);
    e->awake = e->first != NULL;
    int more = e->awake;
    pthread_mutex_unlock(&e->mutex);
    if (!more) {
        return;
    }
    napi_value global, set_immediate, turn;
    if (napi_get_global(env, &global) == napi_ok && napi_get_named_property(env, global, "setImmediate", &set_immediate) == napi_ok &&
        napi_get_reference_value(env, e->turn, &turn) == napi_ok) {
        napi_call_function(env, global, set_immediate, 1, &turn, NULL);
    }
}

static void take_turn(napi_env env, struct environment *e) {
    struct message *message = pop(e);
    napi_handle_scope scope;
    if (message != NULL && napi_open_handle_scope(env, &scope) == napi_ok) {
        message->tell(env, message);
        napi_close_handle_scope(env, scope);
    }
    go_on(env, e);
}

static napi_value further_turn(napi_env env, napi_callback_info info) {
    void *data = NULL;
    size_t count = 0;
    if (napi_get_cb_info(env, info, &count, NULL, NULL, &data) == napi_ok) {
        take_turn(env, data);
    }
    return NULL;
}

void environment_busy(napi_env env, struct environment *e, int change) {
    int before = e->busy;
    e->busy += change;
    if (!e->alive) {
        return;
    }
    if (before == 0 && e->busy > 0) {
        napi_ref_threadsafe_function(env, e->way);
    } else if (before > 0 && e->busy == 0) {
        napi_unref_threadsafe_function(env, e->way);
    }
}

int environment_adopt(struct environment *e, uint64_t handle) {
    if (e->handle_count == e->handle_room) {
        size_t room = e->handle_room == 0 ? 16 : 2 * e->handle_room;
        uint64_t *grown = realloc(e->handles, room * sizeof *grown);
        if (grown == NULL) {
            return 0;
        }
        e->handles = grown;
        e->handle_room = room;
    }
    e->handles[e->handle_count++] = handle;
    return 1;
}

void environment_disown(struct environment *e, uint64_t handle) {
    for (size_t i = 0; i < e->handle_count; i++) {
        if (e->handles[i] == handle) {
            e->handles[i] = e->handles[--e->handle_count];
            return;
        }
    }
}

void environment_at_end(struct environment *e, struct ending *ending) {
    ending->next = e->endings;
    e->endings = ending;
}

void environment_not_at_end(struct environment *e, struct ending *ending) {
    for (struct ending **at = &e->endings; *at != NULL; at = &(*at)->next) {
        if (*at == ending) {
            *at = ending->next;
            return;
        }
    }
}

struct ending *environment_endings(struct environment *e) { return e->endings; }

static void wake(napi_env env, napi_value callback, void *context, void *data) {
    (void)callback;
    (void)data;
    if (env != NULL) {
        take_turn(env, context);
    }
}

/* The environment ends: nobody may tell it anything any more. */
static void cleanup(void *data) {
    struct environment *e = data;
    pthread_mutex_lock(&e->mutex);
    e->alive = 0;
    pthread_mutex_unlock(&e->mutex);
    for (struct message *message = pop(e); message != NULL; message = pop(e)) {
        message->tell(NULL, message);
    }
    while (e->endings != NULL) {
        struct ending *ending = e->endings;
        e->endings = ending->next;
        ending->end(ending);
    }
    /* Wakes threads that wait in the library; never waits itself. */
    for (size_t i = 0; i < e->handle_count; i++) {
        library_release(e->handles[i]);
    }
    e->handle_count = 0;
    environment_drop(e);
}

struct environment *environment_make(napi_env env) {
    struct environment *e = calloc(1, sizeof *e);
    if (e == NULL) {
        napi_throw_error(env, NULL, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&e->mutex, NULL);
    e->holders = 1;
    e->last = &e->first;
    napi_value name, turn;
    /* The hook after the function: hooks run in reverse order, so ours comes
     * while the function is still whole. */
    if (napi_create_string_utf8(env, "knocker", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, e, wake, &e->way) != napi_ok ||
        napi_create_function(env, NULL, 0, further_turn, e, &turn) != napi_ok ||
        napi_create_reference(env, turn, 1, &e->turn) != napi_ok ||
        napi_unref_threadsafe_function(env, e->way) != napi_ok ||
        napi_add_env_cleanup_hook(env, cleanup, e) != napi_ok) {
        environment_drop(e);
        napi_throw_error(env, NULL, "the environment has no room for a native callback");
        return NULL;
    }
    e->alive = 1;
    return e;
}
