/*
 * library.c: finds the functions of libknocker by name.
 *
 * The library stays loaded for ever: it holds a Go runtime, which can't be
 * unloaded. Nothing is published before every function was found.
 */
#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct library functions;
static _Atomic(const struct library *) loaded;

const struct library *library_get(void) { return atomic_load(&loaded); }

#ifdef __linux__
#ifndef __GLIBC__
#define WITHOUT_GLIBC 1
#endif
#endif

static int find(void *handle, const char *name, void *slot, char *error, size_t error_size)
{
    void *symbol = dlsym(handle, name);
    if (symbol == NULL) {
        snprintf(error, error_size, "it has no function %s", name);
        return -1;
    }
    /* A function pointer through an object pointer, as POSIX asks for. */
    memcpy(slot, &symbol, sizeof symbol);
    return 0;
}

#define FIND(field, name)                                                     \
    if (find(handle, name, &functions.field, error, error_size) != 0)         \
    return -1

static int fill(void *handle, char *error, size_t error_size)
{
    FIND(open_json, "knocker_open_json");
    FIND(close_json, "knocker_close_json");
    FIND(call_json, "knocker_call_json");
    FIND(receive_start_json, "knocker_receive_start_json");
    FIND(receive_poll_json, "knocker_receive_poll_json");
    FIND(receive_cancel_json, "knocker_receive_cancel_json");
    FIND(worker_open_json, "knocker_worker_open_json");
    FIND(worker_step, "knocker_worker_step");
    FIND(worker_stop_json, "knocker_worker_stop_json");
    FIND(worker_close_json, "knocker_worker_close_json");
    FIND(tx_json, "knocker_tx_json");
    FIND(release, "knocker_release");
    FIND(free_reply, "knocker_free");
    return 0;
}

int library_load(const char *path, char *error, size_t error_size)
{
    uint32_t (*version)(void);
    void *handle;

    if (library_get() != NULL)
        return 0;
#ifdef WITHOUT_GLIBC
    (void)path;
    (void)version;
    (void)handle;
    (void)fill;
    snprintf(error, error_size,
             "the library needs glibc, and this system's C library is another one (Alpine's musl, for example): "
             "use an image based on glibc");
    return -1;
#else
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        snprintf(error, error_size, "%s", dlerror());
        return -1;
    }
    if (find(handle, "knocker_abi_version", &version, error, error_size) != 0)
        return -1;
    if (version() != KNOCKER_NIF_ABI) {
        snprintf(error, error_size,
                 "it has interface version %u and this package needs %d: both have to come from one release",
                 (unsigned)version(), KNOCKER_NIF_ABI);
        return -1;
    }
    if (fill(handle, error, error_size) != 0)
        return -1;
    atomic_store(&loaded, &functions);
    return 0;
#endif
}
