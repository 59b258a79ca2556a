/*
 * library.h: libknocker as the NIF sees it, a table of functions that is
 * filled at the first open.
 */
#ifndef KNOCKER_NIF_LIBRARY_H
#define KNOCKER_NIF_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* The version of the library's interface that this NIF is written for. */
#define KNOCKER_NIF_ABI 1

struct library {
    char *(*open_json)(const char *, size_t);
    char *(*close_json)(uint64_t);
    char *(*call_json)(uint64_t, const char *, const char *, size_t);
    char *(*receive_start_json)(uint64_t, const char *, size_t, const void *, size_t);
    char *(*receive_poll_json)(uint64_t, const char *, size_t);
    char *(*receive_cancel_json)(uint64_t, const char *, size_t);
    char *(*worker_open_json)(uint64_t, const char *, size_t);
    char *(*worker_step)(uint64_t, const char *, size_t);
    char *(*worker_stop_json)(uint64_t, const char *, size_t);
    char *(*worker_close_json)(uint64_t);
    char *(*tx_json)(uint64_t, const char *, size_t, const void *const *, const size_t *, size_t);
    void (*release)(uint64_t);
    void (*free_reply)(void *);
};

/* The loaded library, or NULL before library_load has succeeded. */
const struct library *library_get(void);

/* Loads the library from a file, once in a process: later calls change
 * nothing. Returns 0, or -1 with a sentence in error. Call it with a lock. */
int library_load(const char *path, char *error, size_t error_size);

#endif
