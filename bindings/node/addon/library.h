/*
 * library.h: libknocker, loaded once in a process, and its functions.
 */
#ifndef KNOCKER_NODE_LIBRARY_H
#define KNOCKER_NODE_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* The functions that answer a document; src/node/addon.ts has the same numbers. */
enum operation {
    OPERATION_OPEN,
    OPERATION_CLOSE,
    OPERATION_CALL,
    OPERATION_RECEIVE,
    OPERATION_RECEIVE_START,
    OPERATION_RECEIVE_POLL,
    OPERATION_RECEIVE_CANCEL,
    OPERATION_WORKER_OPEN,
    OPERATION_WORKER_STEP,
    OPERATION_WORKER_STOP,
    OPERATION_WORKER_CLOSE,
    OPERATION_TX,
    OPERATIONS
};

/* One call. The body of a receive is its only blob. */
struct call {
    uint32_t operation;
    uint64_t handle;
    const char *method;
    const char *request;
    size_t request_length;
    const void *const *blobs;
    const size_t *lengths;
    size_t count;
};

/* Loads the library at path, or does nothing where one is loaded already.
 * Answers its interface version, or 0 and in message why not. */
uint32_t library_load(const char *path, char *message, size_t message_size);

/* Whether a library is loaded. */
int library_loaded(void);

/* Makes a call. The reply goes back to library_free; NULL where there was no
 * memory for it. */
char *library_perform(const struct call *call);

void library_free(char *reply);

/* knocker_release */
void library_release(uint64_t handle);

#endif
