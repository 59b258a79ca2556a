/* Every function from many threads at once, and a close in the middle. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8, EACH = 50 };

static uint64_t db, worker;
static atomic_int handled;

static void *receive_many(void *unused) {
    /* Half of the threads receive; together they send THREADS * EACH. */
    for (int i = 0; i < 2 * EACH; i++) DONE(receive(db, INGEST, "x"));
    return unused;
}

static void *work(void *unused) {
    while (atomic_load(&handled) < THREADS * EACH) {
        char *reply = OK(worker_step(worker, "{\"wait_ms\":200}"));
        long long step = number(reply, "step\":{\"step");
        knocker_free(reply);
        if (step < 0) continue;
        DONE(tx((uint64_t)step, "{\"op\":\"execute\",\"sql\":\"insert into seen default values\"}"));
        HOLDS(worker_step(worker, "{\"step\":%lld,\"outcome\":{\"kind\":\"handled\"}}", step), "\"handled\"");
        atomic_fetch_add(&handled, 1);
    }
    return unused;
}

/* Requests of many threads are taken in together: each must get its own reply,
 * and one's mistake is nobody else's. */
static void *receive_own(void *unused) {
    static atomic_int threads;
    int own = atomic_fetch_add(&threads, 1);
    for (int i = 0; i < EACH; i++) {
        char request[200], expected[60];
        snprintf(request, sizeof request, "{\"endpoint\":\"%s\",\"ingest\":true,\"dedupe_key\":\"key %d-%d\"}",
                 i % 5 == 4 ? "nobody" : "shop", own, i);
        char *reply = receive(db, request, "own");
        if (i % 5 == 4) {
            ERROR(reply, "unknown_endpoint");
            continue;
        }
        snprintf(request, sizeof request, "{\"id\":%lld}", NUMBER(reply, "event_id"));
        snprintf(expected, sizeof expected, "\"dedupe_key\":\"key %d-%d\"", own, i);
        HOLDS(call(db, "get_event", request), expected);
    }
    return unused;
}

/* Calls until the inbox is closed under it: only answers, no crash. */
static void *until_closed(void *unused) {
    for (;;) {
        char *reply = receive(db, INGEST, "y");
        CHECK(reply != NULL);
        int closed = strstr(reply, "\"code\":\"closed\"") != NULL;
        CHECK(closed || strncmp(reply, "{\"ok\":", 6) == 0);
        knocker_free(reply);
        if (closed) return unused;
    }
}

static void *wait_until_closed(void *unused) {
    for (;;) {
        char *reply = worker_step(worker, "{\"wait_ms\":60000}");
        CHECK(reply != NULL);
        long long step = number(reply, "step\":{\"step");
        if (step >= 0) {
            knocker_free(reply);
            reply = tx((uint64_t)step, "{\"op\":\"query\",\"sql\":\"select count(*) from seen\"}");
            knocker_free(reply);
            knocker_free(worker_step(worker, "{\"step\":%lld,\"outcome\":{\"kind\":\"handled\"}}", step));
            continue;
        }
        int ended = strstr(reply, "\"code\":\"closed\"") != NULL || strstr(reply, "\"stopping\":true") != NULL;
        knocker_free(reply);
        if (ended) return unused;
    }
}

/* Two threads on one step: their calls run one after the other. */
static void *hammer(void *handle) {
    for (int i = 0; i < EACH; i++)
        DONE(tx(*(uint64_t *)handle, "{\"op\":\"execute\",\"sql\":\"insert into seen default values\"}"));
    return NULL;
}

static void run(void *(*const functions[])(void *), void *argument) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, functions[i % 2], argument) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

int main(void) {
    db = open_inbox("{\"path\":\"threads.db\",\"options\":{\"receive_timeout_ms\":30000,\"busy_timeout_ms\":30000,"
                    "\"max_transaction_s\":60}}");
    DONE(call(db, "add_endpoint", "{\"name\":\"shop\"}"));
    DONE(call(db, "register_handler", "{\"endpoint\":\"shop\"}"));
    worker = open_worker(db, "{\"concurrency\":4}");

    DONE(receive(db, INGEST, "setup"));
    uint64_t step = (uint64_t)NUMBER(worker_step(worker, "{\"wait_ms\":5000}"), "step\":{\"step");
    DONE(tx(step, "{\"op\":\"execute\",\"sql\":\"create table seen(id integer primary key)\"}"));
    run((void *(*const[])(void *)){hammer, hammer}, &step);
    HOLDS(tx(step, "{\"op\":\"query\",\"sql\":\"select count(*) from seen\"}"), "[[400]]");
    DONE(tx(step, "{\"op\":\"execute\",\"sql\":\"delete from seen\"}"));
    DONE(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"handled\"}}", (unsigned long long)step));

    run((void *(*const[])(void *)){receive_many, work}, NULL);
    CHECK(atomic_load(&handled) == THREADS * EACH);

    run((void *(*const[])(void *)){receive_own, receive_own}, NULL);

    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, i % 2 ? until_closed : wait_until_closed, NULL) == 0);
    for (int i = 0; i < EACH; i++) DONE(receive(db, INGEST, "z"));
    DONE(knocker_close_json(db));
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    puts("threads: ok");
    return 0;
}
