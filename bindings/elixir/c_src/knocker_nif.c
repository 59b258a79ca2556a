/*
 * knocker_nif.c: libknocker's functions for the BEAM.
 *
 * Every function that enters the library runs on a dirty IO scheduler. Handles
 * live in resources, whose destructors only call knocker_release: it never
 * waits, so that it may run on any scheduler. Requests and replies are JSON,
 * which Elixir writes and reads; here is no rule about webhooks.
 */
#include <erl_nif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deep.h"
#include "library.h"

/* A handle of the library: an inbox, a worker or a step. */
struct handle {
    uint64_t number;
};

/* Our own duplicate of an inbox's completion descriptor: it stays valid when
 * the library closes the inbox, so that the VM never watches a number that
 * meanwhile means another file. */
struct watch {
    int descriptor;
    ErlNifMonitor owner;
};

/* The module's private data: the file of the library that this VM has loaded,
 * empty before that. A later version of this NIF takes it over (hot upgrade)
 * and must use the same library: the handles belong to it, and a process can't
 * have two. So the layout of this never changes. */
struct kept {
    char path[4096];
};

static ErlNifResourceType *handle_type;
static ErlNifResourceType *watch_type;
static ErlNifMutex *load_lock;
static ERL_NIF_TERM atom_ok, atom_error, atom_nil, atom_undefined, atom_no_memory;

/* Destructors and callbacks */

static void handle_destroy(ErlNifEnv *env, void *object)
{
    struct handle *handle = object;
    const struct library *library = library_get();
    (void)env;
    if (handle->number != 0 && library != NULL)
        library->release(handle->number);
}

static void watch_stop(ErlNifEnv *env, void *object, ErlNifEvent event, int direct)
{
    struct watch *watch = object;
    (void)env;
    (void)event;
    (void)direct;
    close(watch->descriptor);
    watch->descriptor = -1;
}

static void watch_down(ErlNifEnv *env, void *object, ErlNifPid *pid, ErlNifMonitor *monitor)
{
    struct watch *watch = object;
    (void)pid;
    (void)monitor;
    if (watch->descriptor >= 0)
        enif_select(env, watch->descriptor, ERL_NIF_SELECT_STOP, watch, NULL, atom_undefined);
}

/* Arguments and replies */

static int get_handle(ErlNifEnv *env, ERL_NIF_TERM term, uint64_t *number)
{
    struct handle *handle;
    if (library_get() == NULL || !enif_get_resource(env, term, handle_type, (void **)&handle))
        return 0;
    *number = handle->number;
    return 1;
}

/* Gives the reply as a binary, and frees it. */
static ERL_NIF_TERM reply_binary(ErlNifEnv *env, char *reply)
{
    size_t length;
    ERL_NIF_TERM term;
    unsigned char *bytes;

    if (reply == NULL)
        return atom_no_memory;
    length = strlen(reply);
    bytes = enif_make_new_binary(env, length, &term);
    if (bytes == NULL) {
        library_get()->free_reply(reply);
        return atom_no_memory;
    }
    memcpy(bytes, reply, length);
    library_get()->free_reply(reply);
    return term;
}

/* Reads the number behind a key of a reply, 0 where there is none. A quote
 * inside a JSON text is escaped, so a key can't be found inside of one. */
static uint64_t number_after(const char *reply, const char *key)
{
    const char *found = reply == NULL ? NULL : strstr(reply, key);
    return found == NULL ? 0 : strtoull(found + strlen(key), NULL, 10);
}

/* {Reply, Handle | nil}: a reply that may bring a handle. */
static ERL_NIF_TERM reply_with_handle(ErlNifEnv *env, char *reply, const char *key)
{
    uint64_t number = number_after(reply, key);
    ERL_NIF_TERM resource = atom_nil;

    if (number != 0) {
        struct handle *handle = enif_alloc_resource(handle_type, sizeof *handle);
        if (handle == NULL) {
            library_get()->release(number);
            library_get()->free_reply(reply);
            return enif_make_tuple2(env, atom_no_memory, atom_nil);
        }
        handle->number = number;
        resource = enif_make_resource(env, handle);
        enif_release_resource(handle);
    }
    return enif_make_tuple2(env, reply_binary(env, reply), resource);
}

/* Functions */

/* The first path stays: later loads change nothing. */
static void kept_path(struct kept *kept, const char *path)
{
    if (kept->path[0] == '\0')
        snprintf(kept->path, sizeof kept->path, "%s", path);
}

static ERL_NIF_TERM load_library(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    ErlNifBinary path;
    char text[4096], error[1024];
    int status;

    (void)argc;
    if (!enif_inspect_binary(env, argv[0], &path) || path.size >= sizeof text)
        return enif_make_badarg(env);
    memcpy(text, path.data, path.size);
    text[path.size] = '\0';
    error[0] = '\0';
    enif_mutex_lock(load_lock);
    status = library_load(text, error, sizeof error);
    if (status == 0)
        kept_path(enif_priv_data(env), text);
    enif_mutex_unlock(load_lock);
    if (status == 0)
        return atom_ok;
    return enif_make_tuple2(env, atom_error, enif_make_string(env, error, ERL_NIF_LATIN1));
}

static ERL_NIF_TERM open_inbox(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    ErlNifBinary request;

    (void)argc;
    if (library_get() == NULL || !enif_inspect_binary(env, argv[0], &request))
        return enif_make_badarg(env);
    return reply_with_handle(env, library_get()->open_json((const char *)request.data, request.size), "\"db\":");
}

static ERL_NIF_TERM close_inbox(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    uint64_t db;

    (void)argc;
    if (!get_handle(env, argv[0], &db))
        return enif_make_badarg(env);
    return reply_binary(env, library_get()->close_json(db));
}

/* Methods may be called with 0 instead of an inbox, where they need none. */
static ERL_NIF_TERM call(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    uint64_t db = 0;
    ErlNifBinary method, request;
    char name[128];

    (void)argc;
    if (library_get() == NULL || (!enif_is_identical(argv[0], atom_nil) && !get_handle(env, argv[0], &db)) ||
        !enif_inspect_binary(env, argv[1], &method) || method.size >= sizeof name ||
        !enif_inspect_binary(env, argv[2], &request))
        return enif_make_badarg(env);
    memcpy(name, method.data, method.size);
    name[method.size] = '\0';
    return reply_binary(env, library_get()->call_json(db, name, (const char *)request.data, request.size));
}

/* Starts a list of {Request, Body} in one go; answers a list of replies. */
static ERL_NIF_TERM receive_start(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    uint64_t db;
    ERL_NIF_TERM list = argv[1], item, replies = enif_make_list(env, 0);

    (void)argc;
    if (!get_handle(env, argv[0], &db) || !enif_is_list(env, list))
        return enif_make_badarg(env);
    while (enif_get_list_cell(env, list, &item, &list)) {
        const ERL_NIF_TERM *pair;
        int arity;
        ErlNifBinary request, body;

        if (!enif_get_tuple(env, item, &arity, &pair) || arity != 2 || !enif_inspect_binary(env, pair[0], &request) ||
            !enif_inspect_binary(env, pair[1], &body))
            return enif_make_badarg(env);
        replies = enif_make_list_cell(env,
                                      reply_binary(env, library_get()->receive_start_json(db, (const char *)request.data, request.size,
                                                                                         body.size == 0 ? NULL : body.data, body.size)),
                                      replies);
    }
    enif_make_reverse_list(env, replies, &replies);
    return replies;
}

static ERL_NIF_TERM receive_poll(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    uint64_t db;

    (void)argc;
    if (!get_handle(env, argv[0], &db))
        return enif_make_badarg(env);
    return reply_binary(env, library_get()->receive_poll_json(db, NULL, 0));
}

/* The calls that take a handle and a request, and may bring a new handle. */

static ERL_NIF_TERM request_of(ErlNifEnv *env, const ERL_NIF_TERM argv[], char *(*function)(uint64_t, const char *, size_t),
                               const char *key)
{
    uint64_t number;
    ErlNifBinary request;
    char *reply;

    if (!get_handle(env, argv[0], &number) || !enif_inspect_binary(env, argv[1], &request))
        return enif_make_badarg(env);
    reply = function(number, (const char *)request.data, request.size);
    return key == NULL ? reply_binary(env, reply) : reply_with_handle(env, reply, key);
}

static ERL_NIF_TERM receive_cancel(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    (void)argc;
    return library_get() == NULL ? enif_make_badarg(env) : request_of(env, argv, library_get()->receive_cancel_json, NULL);
}

static ERL_NIF_TERM worker_open(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    (void)argc;
    return library_get() == NULL ? enif_make_badarg(env)
                                 : request_of(env, argv, library_get()->worker_open_json, "\"worker\":");
}

static ERL_NIF_TERM worker_step(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    (void)argc;
    return library_get() == NULL ? enif_make_badarg(env)
                                 : request_of(env, argv, library_get()->worker_step, "\"step\":{\"step\":");
}

static ERL_NIF_TERM worker_stop(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    (void)argc;
    return library_get() == NULL ? enif_make_badarg(env) : request_of(env, argv, library_get()->worker_stop_json, NULL);
}

static ERL_NIF_TERM worker_close(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    uint64_t worker;

    (void)argc;
    if (!get_handle(env, argv[0], &worker))
        return enif_make_badarg(env);
    return reply_binary(env, library_get()->worker_close_json(worker));
}

/* Fills pointers and lengths from a list of binaries; 0 if one is none. */
static int get_blobs(ErlNifEnv *env, ERL_NIF_TERM list, const void **pointers, size_t *lengths)
{
    ERL_NIF_TERM item;
    ErlNifBinary blob;

    for (size_t i = 0; enif_get_list_cell(env, list, &item, &list); i++) {
        if (!enif_inspect_binary(env, item, &blob))
            return 0;
        pointers[i] = blob.data;
        lengths[i] = blob.size;
    }
    return 1;
}

struct tx_call {
    uint64_t step;
    ErlNifBinary request;
    const void **pointers;
    size_t *lengths;
    unsigned count;
    char *reply;
};

static void run_tx(void *object)
{
    struct tx_call *c = object;
    c->reply = library_get()->tx_json(c->step, (const char *)c->request.data, c->request.size, c->pointers, c->lengths, c->count);
}

/* SQL of the application, which may be nested as deeply as SQLite allows. */
static ERL_NIF_TERM tx(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    struct tx_call c = {0};
    ERL_NIF_TERM answer;

    (void)argc;
    if (!get_handle(env, argv[0], &c.step) || !enif_inspect_binary(env, argv[1], &c.request) ||
        !enif_get_list_length(env, argv[2], &c.count))
        return enif_make_badarg(env);
    c.pointers = calloc((size_t)c.count + 1, sizeof *c.pointers);
    c.lengths = calloc((size_t)c.count + 1, sizeof *c.lengths);
    if (c.pointers == NULL || c.lengths == NULL)
        answer = atom_no_memory;
    else if (!get_blobs(env, argv[2], c.pointers, c.lengths))
        answer = enif_make_badarg(env);
    else if (deep_call(run_tx, &c) != 0)
        answer = atom_no_memory;
    else
        answer = reply_binary(env, c.reply);
    free(c.pointers);
    free(c.lengths);
    return answer;
}

/* Watching the completion descriptor */

/* A watch of this descriptor for the calling process: it gets
 * {select, Watch, undefined, ready_input} once after each select/1. */
static ERL_NIF_TERM watch_open(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    struct watch *watch;
    int descriptor;
    ErlNifPid self;
    ERL_NIF_TERM term;

    (void)argc;
    if (!enif_get_int(env, argv[0], &descriptor) || enif_self(env, &self) == NULL)
        return enif_make_badarg(env);
    descriptor = dup(descriptor);
    if (descriptor < 0)
        return atom_error;
    watch = enif_alloc_resource(watch_type, sizeof *watch);
    if (watch == NULL) {
        close(descriptor);
        return atom_no_memory;
    }
    watch->descriptor = descriptor;
    term = enif_make_resource(env, watch);
    if (enif_monitor_process(env, watch, &self, &watch->owner) != 0) {
        close(descriptor);
        watch->descriptor = -1;
        term = atom_error;
    }
    enif_release_resource(watch);
    return term;
}

static ERL_NIF_TERM watch_select(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    struct watch *watch;

    (void)argc;
    if (!enif_get_resource(env, argv[0], watch_type, (void **)&watch) || watch->descriptor < 0)
        return enif_make_badarg(env);
    return enif_select(env, watch->descriptor, ERL_NIF_SELECT_READ, watch, NULL, atom_undefined) < 0 ? atom_error : atom_ok;
}

static ErlNifFunc functions[] = {
    {"load_library", 1, load_library, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"open", 1, open_inbox, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"close", 1, close_inbox, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"call", 3, call, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"receive_start", 2, receive_start, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"receive_poll", 1, receive_poll, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"receive_cancel", 2, receive_cancel, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"worker_open", 2, worker_open, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"worker_step", 2, worker_step, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"worker_stop", 2, worker_stop, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"worker_close", 1, worker_close, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"tx", 3, tx, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"watch_open", 1, watch_open, 0},
    {"watch_select", 1, watch_select, 0},
};

static int open_types(ErlNifEnv *env)
{
    ErlNifResourceFlags flags = ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER;
    ErlNifResourceTypeInit handles = {.dtor = handle_destroy};
    ErlNifResourceTypeInit watches = {.stop = watch_stop, .down = watch_down};

    handle_type = enif_open_resource_type_x(env, "knocker_handle", &handles, flags, NULL);
    watch_type = enif_open_resource_type_x(env, "knocker_watch", &watches, flags, NULL);
    if (load_lock == NULL)
        load_lock = enif_mutex_create("knocker_load");
    atom_ok = enif_make_atom(env, "ok");
    atom_error = enif_make_atom(env, "error");
    atom_nil = enif_make_atom(env, "nil");
    atom_undefined = enif_make_atom(env, "undefined");
    atom_no_memory = enif_make_atom(env, "no_memory");
    return handle_type == NULL || watch_type == NULL || load_lock == NULL;
}

static int load(ErlNifEnv *env, void **data, ERL_NIF_TERM info)
{
    (void)info;
    *data = enif_alloc(sizeof(struct kept));
    if (*data == NULL)
        return 1;
    ((struct kept *)*data)->path[0] = '\0';
    return open_types(env);
}

static int upgrade(ErlNifEnv *env, void **data, void **old_data, ERL_NIF_TERM info)
{
    const struct kept *kept = *old_data;
    char error[1024];

    (void)info;
    if (kept == NULL || (kept->path[0] != '\0' && library_load(kept->path, error, sizeof error) != 0))
        return 1;
    *data = *old_data;
    return open_types(env);
}

ERL_NIF_INIT(Elixir.KnockerSqlite.Native, functions, load, NULL, upgrade, NULL)
