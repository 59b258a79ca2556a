/*
 * environment.h: one JavaScript environment (the main thread's or a worker
 * thread's), and how other threads tell it something.
 *
 * An environment may end while threads still work for it. It is counted, and
 * whoever comes too late finds it dead.
 */
#ifndef KNOCKER_NODE_ENVIRONMENT_H
#define KNOCKER_NODE_ENVIRONMENT_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdint.h>

struct environment;

/* What another thread tells: tell runs on the environment's own thread, with
 * env NULL where that ends before. One message is told in a turn of the event
 * loop, so that timers and sockets have theirs however many come. */
struct message {
    void (*tell)(napi_env env, struct message *message);
    struct message *next;
};

/* Makes one for env; NULL with a pending exception if that fails. */
struct environment *environment_make(napi_env env);

struct environment *environment_hold(struct environment *e);
void environment_drop(struct environment *e);

/* Sends a message from any thread; 0 where the environment has ended. Then the
 * message is still the caller's. */
int environment_send(struct environment *e, struct message *message);

/* Counts what keeps the process alive. On the environment's thread only. */
void environment_busy(napi_env env, struct environment *e, int change);

/* Handles to release when the environment ends without closing them. */
int environment_adopt(struct environment *e, uint64_t handle);
void environment_disown(struct environment *e, uint64_t handle);

/* A callback for the end of the environment, called once, on its thread. */
struct ending {
    void (*end)(struct ending *ending);
    struct ending *next;
};
void environment_at_end(struct environment *e, struct ending *ending);
void environment_not_at_end(struct environment *e, struct ending *ending);
/* The first of the endings that are still to come. */
struct ending *environment_endings(struct environment *e);

#endif
