/*
 * The exported functions. Each tests the fork flag in C, then enters Go.
 * Compiled against knocker.h, so that a difference from the contract does not
 * build.
 */
#include "knocker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"
#include "guard.h"
#include "intake.h"

volatile sig_atomic_t in_forked_child;

#ifndef _WIN32
static void mark_forked_child(void) { in_forked_child = 1; }

__attribute__((constructor)) static void install_fork_guard(void) {
    pthread_atfork(NULL, NULL, mark_forked_child);
}
#endif

static const char forked_reply[] =
    "{\"error\":{\"code\":\"forked\",\"message\":\"" KNOCKER_FORKED_MESSAGE
    "\",\"http_status\":500,\"retryable\":false}}";

#define RETURN_IF_FORKED \
    if (in_forked_child) return strdup(forked_reply)

uint32_t knocker_abi_version(void) { return KNOCKER_ABI_VERSION; }

char *knocker_open_json(const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerOpen((void *)request, request_length);
}

char *knocker_host_sqlite_json(const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerHostSQLite((void *)request, request_length);
}

char *knocker_close_json(uint64_t db) {
    RETURN_IF_FORKED;
    return goKnockerClose(db);
}

char *knocker_call_json(uint64_t db, const char *method, const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerCall(db, (char *)method, (void *)request, request_length);
}

char *knocker_receive_json(uint64_t db, const char *request, size_t request_length,
                           const void *body, size_t body_length) {
    RETURN_IF_FORKED;
    return knocker_take_in(db, request, request_length, body, body_length);
}

char *knocker_receive_start_json(uint64_t db, const char *request, size_t request_length,
                                 const void *body, size_t body_length) {
    RETURN_IF_FORKED;
    return goKnockerReceiveStart(db, (void *)request, request_length, (void *)body, body_length);
}

char *knocker_receive_poll_json(uint64_t db, const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerReceivePoll(db, (void *)request, request_length);
}

char *knocker_receive_cancel_json(uint64_t db, const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerReceiveCancel(db, (void *)request, request_length);
}

char *knocker_worker_open_json(uint64_t db, const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerWorkerOpen(db, (void *)request, request_length);
}

char *knocker_worker_step(uint64_t worker, const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerWorkerStep(worker, (void *)request, request_length);
}

char *knocker_worker_stop_json(uint64_t worker, const char *request, size_t request_length) {
    RETURN_IF_FORKED;
    return goKnockerWorkerStop(worker, (void *)request, request_length);
}

char *knocker_worker_close_json(uint64_t worker) {
    RETURN_IF_FORKED;
    return goKnockerWorkerClose(worker);
}

char *knocker_tx_json(uint64_t step, const char *request, size_t request_length,
                      const void *const *blobs, const size_t *lengths, size_t count) {
    RETURN_IF_FORKED;
    return goKnockerTx(step, (void *)request, request_length, (void *)blobs, (size_t *)lengths, count);
}

void knocker_release(uint64_t handle) {
    if (in_forked_child) return;
    goKnockerRelease(handle);
}

void knocker_free(void *reply) { free(reply); }
