/*
 * knocker.h: the C interface of libknocker, a durable webhook inbox in a
 * SQLite file. This header is the contract; docs/abi.md lists the requests
 * and replies of every call.
 *
 * Rules that hold for every function
 *
 *   Requests   are UTF-8 JSON objects, given as pointer and length; NULL with
 *              length 0 stands for {}. They are copied before the call returns.
 *   Replies    are one NUL-terminated JSON document, {"ok": ...} or
 *              {"error": {"code","message","http_status","retryable"}}. The
 *              caller gives each back to knocker_free. NULL is returned only
 *              when memory for the reply itself can't be had.
 *   Handles    are 64-bit numbers above 0, never pointers. A handle that is
 *              unknown or already released is the error "closed".
 *   Threads    Every function may be called from any thread at any time.
 *   Stack      A call runs SQLite, and with it a handler's SQL, on the caller's
 *              stack: 512 KiB are enough for everything but statements nested
 *              hundreds of levels deep, which want 2 MiB.
 *   fork()     The library does not survive fork(). In a forked child every
 *              function answers the error "forked" at once: open the inbox
 *              after the fork instead.
 *   Panics     A fault inside the library is the error "internal"; from then
 *              on every call answers "internal", and open transactions are
 *              rolled back. The host process goes on.
 *   home       A number above 0 that names the thread or event loop which must
 *              not be made to wait for itself. A call that would have to wait
 *              for a handler transaction of the same home fails at once with
 *              "would_deadlock".
 */
#ifndef KNOCKER_H
#define KNOCKER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. Bindings compare it with
 * knocker_abi_version() after loading the library. */
#define KNOCKER_ABI_VERSION 1

/* Answers KNOCKER_ABI_VERSION of the library: it changes with every breaking
 * change, and with no other. In a forked child it still answers. */
uint32_t knocker_abi_version(void);

/* Opens an inbox: {"path": text, "options": {...}} -> {"db": handle, ...}.
 * The same file opened again in this process shares one engine. */
char *knocker_open_json(const char *request, size_t request_length);

/* Finds the host's own SQLite for the option "engine": "host", for hosts that
 * can't load this library as an extension, which hands it over too:
 * {"library"?: path} -> {"sqlite_version": text}. The library is one that the
 * process has loaded and that contains SQLite or depends on it; left out, the
 * program itself. Does nothing where an SQLite has been handed over already. */
char *knocker_host_sqlite_json(const char *request, size_t request_length);

/* Closes an inbox and waits for its running calls; steps of its workers are
 * rolled back. Closing twice is the error "closed". */
char *knocker_close_json(uint64_t db);

/* Endpoints, handlers, reads and operations by name ("add_endpoint",
 * "get_event", "replay", ...). An unknown method is "unknown_method". "sign" and
 * "providers" need no inbox: db may be 0 for them. */
char *knocker_call_json(uint64_t db, const char *method, const char *request, size_t request_length);

/* Takes in one HTTP request and answers when it is on disk. The raw body
 * travels beside the JSON; body may be NULL when body_length is 0. */
char *knocker_receive_json(uint64_t db, const char *request, size_t request_length,
                           const void *body, size_t body_length);

/* The same without waiting: {"ticket": n}. The outcome comes by
 * knocker_receive_poll_json; the inbox's completion descriptor (method
 * "completion_descriptor") becomes readable when there is one. */
char *knocker_receive_start_json(uint64_t db, const char *request, size_t request_length,
                                 const void *body, size_t body_length);

/* {"max": 256} -> {"completed": [{"ticket": n, "ok": ...} | {"ticket": n, "error": ...}]}.
 * Never waits, and empties the completion descriptor. */
char *knocker_receive_poll_json(uint64_t db, const char *request, size_t request_length);

/* {"ticket": n} -> {"cancelled": bool}. True: nothing is stored and no outcome
 * comes. False: it is being stored or is done, and its outcome still comes by
 * poll. */
char *knocker_receive_cancel_json(uint64_t db, const char *request, size_t request_length);

/* Opens a worker on an inbox: worker options -> {"worker": handle, "worker_id": text}. */
char *knocker_worker_open_json(uint64_t db, const char *request, size_t request_length);

/* {"step"?, "outcome"?, "wait_ms"?, "home"?}: with "step" ends that step by
 * "outcome"; with "wait_ms" then waits that long for a next event. Run one
 * loop a slot, from any threads. */
char *knocker_worker_step(uint64_t worker, const char *request, size_t request_length);

/* {"deadline_ms"}: stops claiming, wakes every wait, lets running steps end
 * until the deadline, then rolls them back; jobs that never started go back. */
char *knocker_worker_stop_json(uint64_t worker, const char *request, size_t request_length);

/* Closes a worker; steps still open are rolled back and given back. */
char *knocker_worker_close_json(uint64_t worker);

/* SQL in a step's transaction. Blob parameters may travel beside the JSON, as
 * {"blob_index": i}; blobs and lengths hold count entries. */
char *knocker_tx_json(uint64_t step, const char *request, size_t request_length,
                      const void *const *blobs, const size_t *lengths, size_t count);

/* Gives up a handle of any kind without waiting, for finalizers: the library
 * rolls back and closes on a thread of its own. Unknown handles are ignored. */
void knocker_release(uint64_t handle);

/* Frees a reply. NULL is ignored. */
void knocker_free(void *reply);

#ifdef __cplusplus
}
#endif

#endif /* KNOCKER_H */
