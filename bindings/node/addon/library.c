#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

typedef char *(*with_text)(const char *, size_t);
typedef char *(*with_handle)(uint64_t);
typedef char *(*with_handle_and_text)(uint64_t, const char *, size_t);
typedef char *(*with_method)(uint64_t, const char *, const char *, size_t);
typedef char *(*with_body)(uint64_t, const char *, size_t, const void *, size_t);
typedef char *(*with_blobs)(uint64_t, const char *, size_t, const void *const *, const size_t *, size_t);

static const char *const names[OPERATIONS] = {
    [OPERATION_OPEN] = "knocker_open_json",
    [OPERATION_CLOSE] = "knocker_close_json",
    [OPERATION_CALL] = "knocker_call_json",
    [OPERATION_RECEIVE] = "knocker_receive_json",
    [OPERATION_RECEIVE_START] = "knocker_receive_start_json",
    [OPERATION_RECEIVE_POLL] = "knocker_receive_poll_json",
    [OPERATION_RECEIVE_CANCEL] = "knocker_receive_cancel_json",
    [OPERATION_WORKER_OPEN] = "knocker_worker_open_json",
    [OPERATION_WORKER_STEP] = "knocker_worker_step",
    [OPERATION_WORKER_STOP] = "knocker_worker_stop_json",
    [OPERATION_WORKER_CLOSE] = "knocker_worker_close_json",
    [OPERATION_TX] = "knocker_tx_json",
};

/* Threads of JavaScript may load at the same time. */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static uint32_t version;
static void *functions[OPERATIONS];
static void (*free_reply)(void *);
static void (*release_handle)(uint64_t);

static uint32_t load_locked(const char *path, char *message, size_t message_size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        snprintf(message, message_size, "%s", dlerror());
        return 0;
    }
    /* A Go runtime can't be unloaded: the handle is kept for ever. */
    uint32_t (*abi_version)(void) = (uint32_t (*)(void))dlsym(handle, "knocker_abi_version");
    free_reply = (void (*)(void *))dlsym(handle, "knocker_free");
    release_handle = (void (*)(uint64_t))dlsym(handle, "knocker_release");
    for (int i = 0; i < OPERATIONS; i++) {
        functions[i] = dlsym(handle, names[i]);
        if (functions[i] == NULL) {
            snprintf(message, message_size, "it has no %s", names[i]);
            return 0;
        }
    }
    if (abi_version == NULL || free_reply == NULL || release_handle == NULL) {
        snprintf(message, message_size, "it is not libknocker");
        return 0;
    }
    return abi_version();
}

uint32_t library_load(const char *path, char *message, size_t message_size) {
    pthread_mutex_lock(&loading);
    if (version == 0) {
        version = load_locked(path, message, message_size);
    }
    uint32_t answer = version;
    pthread_mutex_unlock(&loading);
    return answer;
}

int library_loaded(void) {
    pthread_mutex_lock(&loading);
    int loaded = version != 0;
    pthread_mutex_unlock(&loading);
    return loaded;
}

char *library_perform(const struct call *c) {
    void *f = functions[c->operation];
    switch (c->operation) {
    case OPERATION_OPEN:
        return ((with_text)f)(c->request, c->request_length);
    case OPERATION_CLOSE:
    case OPERATION_WORKER_CLOSE:
        return ((with_handle)f)(c->handle);
    case OPERATION_CALL:
        return ((with_method)f)(c->handle, c->method, c->request, c->request_length);
    case OPERATION_RECEIVE:
    case OPERATION_RECEIVE_START:
        return ((with_body)f)(c->handle, c->request, c->request_length, c->count > 0 ? c->blobs[0] : NULL,
                              c->count > 0 ? c->lengths[0] : 0);
    case OPERATION_TX:
        return ((with_blobs)f)(c->handle, c->request, c->request_length, c->blobs, c->lengths, c->count);
    default:
        return ((with_handle_and_text)f)(c->handle, c->request, c->request_length);
    }
}

void library_free(char *reply) {
    if (reply != NULL) {
        free_reply(reply);
    }
}

void library_release(uint64_t handle) { release_handle(handle); }
