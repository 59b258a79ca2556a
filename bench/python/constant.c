/* A library that answers at once, so that share.py measures Python alone. With
 * -DCOMMIT_US=n -DSYNC_US=n its receives share commits as the real ones do, in
 * the leanest way: whoever finds no commit under way leads one for all that
 * wait, computes n microseconds for each, sleeps for the disk, and wakes them.
 * Build: gcc -O2 -shared -fPIC -pthread. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OK(value) return strdup("{\"ok\":" value "}")
#define ENDPOINT "{\"id\":1,\"name\":\"stripe\",\"path\":\"/webhooks/stripe\",\"provider\":\"stripe\",\"enabled\":true,\"created_at\":1}"
#define RESULT                                                                                        \
    "{\"delivery_id\":12345,\"event_id\":12345,\"event_ids\":[12345],\"duplicate\":false,"            \
    "\"status_code\":204,\"response\":{\"status_code\":204,\"headers\":{},\"body\":null},"            \
    "\"reason\":null,\"handshake_secret\":null}"

uint32_t knocker_abi_version(void) { return 1; }
char *knocker_open_json(void) { OK("{\"db\":1,\"path\":\"/\",\"version\":\"0\",\"sqlite_version\":\"0\",\"schema_version\":1}"); }
char *knocker_close_json(void) { OK("{}"); }
char *knocker_call_json(void) { OK(ENDPOINT); }

#ifdef COMMIT_US
#define MOST 256

typedef struct waiter {
    pthread_cond_t wake;
    int done, leads;
    struct waiter *next;
} waiter;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static waiter *first, **last = &first;
static int busy;

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void commit(int receipts) {
    for (int64_t end = now_us() + (int64_t)receipts * COMMIT_US; now_us() < end;) {
    }
    nanosleep(&(struct timespec){0, SYNC_US * 1000L}, NULL);
}

/* Called with the lock: commits for this one and all that wait. */
static void lead(void) {
    waiter *batch = first;
    int receipts = 1;
    for (waiter *w = first; w; w = w->next) receipts++;
    first = NULL;
    last = &first;
    pthread_mutex_unlock(&lock);
    commit(receipts);
    pthread_mutex_lock(&lock);
    while (batch) {
        waiter *w = batch;
        batch = w->next; /* before it wakes and is gone */
        w->done = 1;
        pthread_cond_signal(&w->wake);
    }
    busy = 0;
    if (first) {
        waiter *w = first;
        first = w->next;
        if (!first) last = &first;
        busy = w->leads = 1;
        pthread_cond_signal(&w->wake);
    }
}

char *knocker_receive_json(void) {
    pthread_mutex_lock(&lock);
    if (busy) {
        waiter w = {PTHREAD_COND_INITIALIZER, 0, 0, NULL};
        *last = &w;
        last = &w.next;
        while (!w.done && !w.leads) pthread_cond_wait(&w.wake, &lock);
        if (w.leads) lead();
    } else {
        busy = 1;
        lead();
    }
    pthread_mutex_unlock(&lock);
    OK(RESULT);
}
#else
char *knocker_receive_json(void) { OK(RESULT); }
#endif

char *knocker_receive_start_json(void) { OK("{}"); }
char *knocker_receive_poll_json(void) { OK("{}"); }
char *knocker_receive_cancel_json(void) { OK("{}"); }
char *knocker_worker_open_json(void) { OK("{}"); }
char *knocker_worker_step(void) { OK("{}"); }
char *knocker_worker_stop_json(void) { OK("{}"); }
char *knocker_worker_close_json(void) { OK("{}"); }
char *knocker_tx_json(void) { OK("{}"); }
void knocker_release(void) {}
void knocker_free(void *reply) { free(reply); }
