#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"
#include "threads.h"
#include "values.h"

/* What is told in one turn of the event loop: their callers go on in that turn,
 * and many of them together would keep timers and sockets waiting. */
#define MOST "{\"max\":16}"

/* Held by its thread, by its environment, and by each message under way. */
struct watch {
    struct work work;
    struct ending ending;
    struct environment *environment;
    uint64_t db;
    int holders;
    int descriptor; /* a duplicate: it stays what it is when the inbox closes its own */
    int wake[2];
    napi_ref callback; /* on the environment's thread only */
};

struct told {
    struct message message;
    struct watch *watch;
    char *reply; /* NULL: nothing more comes */
};

static void drop(struct watch *w) {
    if (__atomic_sub_fetch(&w->holders, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    close(w->descriptor);
    close(w->wake[0]);
    close(w->wake[1]);
    environment_drop(w->environment);
    free(w);
}

/* The environment gives the watch up: by the thread's last message, or because it ends. */
static void forget(napi_env env, struct watch *w) {
    if (env != NULL && w->callback != NULL) {
        napi_delete_reference(env, w->callback);
    }
    w->callback = NULL;
    environment_not_at_end(w->environment, &w->ending);
    drop(w);
}

static void wake_up(struct watch *w) {
    /* A full pipe is one that wakes already. */
    while (write(w->wake[1], "", 1) < 0 && errno == EINTR) {
    }
}

static void environment_ends(struct ending *ending) {
    struct watch *w = (struct watch *)((char *)ending - offsetof(struct watch, ending));
    wake_up(w);
    forget(NULL, w);
}

static void tell(napi_env env, struct message *message) {
    struct told *t = (struct told *)message;
    struct watch *w = t->watch;
    if (env != NULL && t->reply == NULL) {
        forget(env, w);
    } else if (env != NULL && w->callback != NULL) {
        napi_value callback, global, text;
        if (napi_get_reference_value(env, w->callback, &callback) == napi_ok && napi_get_global(env, &global) == napi_ok &&
            napi_create_string_utf8(env, t->reply, NAPI_AUTO_LENGTH, &text) == napi_ok) {
            napi_call_function(env, global, callback, 1, &text, NULL);
        }
    }
    library_free(t->reply);
    free(t);
    drop(w);
}

/* Hands a reply, or NULL for the end, to the environment; 0 where that has ended. */
static int send_reply(struct watch *w, char *reply) {
    struct told *t = malloc(sizeof *t);
    if (t == NULL) {
        library_free(reply);
        return 1; /* that batch is lost: its callers wait for the inbox to close */
    }
    *t = (struct told){.message = {tell}, .watch = w, .reply = reply};
    __atomic_add_fetch(&w->holders, 1, __ATOMIC_ACQ_REL);
    int sent = environment_send(w->environment, &t->message);
    if (!sent) {
        library_free(reply);
        free(t);
        drop(w);
    }
    return sent;
}

static int wait_readable(struct watch *w) {
    struct pollfd on[2] = {{.fd = w->descriptor, .events = POLLIN}, {.fd = w->wake[0], .events = POLLIN}};
    while (poll(on, 2, -1) < 0) {
        if (errno != EINTR && errno != EAGAIN) {
            return 0;
        }
    }
    return on[1].revents == 0;
}

static void run(struct work *work) {
    struct watch *w = (struct watch *)((char *)work - offsetof(struct watch, work));
    const struct call take = {.operation = OPERATION_RECEIVE_POLL, .handle = w->db, .request = MOST, .request_length = sizeof MOST - 1};
    int go_on = 1;
    while (go_on && wait_readable(w)) {
        char *reply = library_perform(&take);
        if (reply == NULL) {
            break;
        }
        go_on = strncmp(reply, "{\"error\"", 8) != 0;
        if (!send_reply(w, reply)) {
            break;
        }
    }
    send_reply(w, NULL);
    drop(w);
}

static int open_descriptors(struct watch *w, int descriptor) {
    w->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (w->descriptor < 0) {
        return 0;
    }
    if (pipe(w->wake) != 0) {
        close(w->descriptor);
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(w->wake[i], F_SETFD, FD_CLOEXEC);
        fcntl(w->wake[i], F_SETFL, O_NONBLOCK);
    }
    return 1;
}

int watch_start(napi_env env, struct environment *environment, uint64_t db, int descriptor, napi_value callback) {
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return value_throw(env, "out of memory");
    }
    if (!open_descriptors(w, descriptor)) {
        free(w);
        return value_throw(env, "the process has no free file descriptor");
    }
    w->environment = environment_hold(environment);
    w->db = db;
    w->holders = 2;
    w->work.run = run;
    w->ending.end = environment_ends;
    environment_at_end(environment, &w->ending);
    if (napi_create_reference(env, callback, 1, &w->callback) != napi_ok || !threads_submit(&w->work, LANE_OWN)) {
        drop(w); /* the thread's */
        forget(env, w);
        return value_throw(env, "the system gives this process no further thread");
    }
    return 1;
}

void watch_stop(struct environment *environment, uint64_t db) {
    for (struct ending *e = environment_endings(environment); e != NULL; e = e->next) {
        struct watch *w = (struct watch *)((char *)e - offsetof(struct watch, ending));
        if (w->db == db) {
            wake_up(w);
            return;
        }
    }
}
