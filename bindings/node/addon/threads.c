#include "threads.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

enum {
    SHARED_MOST = 4, /* how much of LANE_SHARED runs at once */
    IDLE_SECONDS = 10 /* after which a thread without work ends */
};

struct queue {
    struct work *first;
    struct work **last;
    int length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct queue queues[LANES] = {{NULL, &queues[LANE_SHARED].first, 0}, {NULL, &queues[LANE_OWN].first, 0}};
static int idle;
static int shared_running;

static void append(struct queue *q, struct work *w) {
    w->next = NULL;
    *q->last = w;
    q->last = &w->next;
    q->length++;
}

static struct work *pop(struct queue *q) {
    struct work *w = q->first;
    if (w != NULL) {
        q->first = w->next;
        if (q->first == NULL) {
            q->last = &q->first;
        }
        q->length--;
    }
    return w;
}

/* Takes the newest entry away again. */
static void remove_last(struct queue *q, struct work *w) {
    struct work **at = &q->first;
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = NULL;
    q->last = at;
    q->length--;
}

static int startable(void) {
    int shared = SHARED_MOST - shared_running;
    return queues[LANE_OWN].length + (queues[LANE_SHARED].length < shared ? queues[LANE_SHARED].length : shared);
}

static struct work *take(void) {
    struct work *w = pop(&queues[LANE_OWN]);
    if (w == NULL && shared_running < SHARED_MOST) {
        w = pop(&queues[LANE_SHARED]);
        shared_running += w != NULL;
    }
    return w;
}

/* Waits for work; NULL after a time without any. */
static struct work *await_work(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_SECONDS;
    struct work *w = take();
    int timed_out = 0;
    while (w == NULL && !timed_out) {
        idle++;
        timed_out = pthread_cond_timedwait(&more, &mutex, &until) != 0;
        idle--;
        w = take();
    }
    return w;
}

static void *serve(void *unused) {
    pthread_mutex_lock(&mutex);
    for (struct work *w = await_work(); w != NULL; w = await_work()) {
        enum lane lane = w->lane;
        pthread_mutex_unlock(&mutex);
        w->run(w); /* w may be gone from here on */
        pthread_mutex_lock(&mutex);
        shared_running -= lane == LANE_SHARED;
    }
    pthread_mutex_unlock(&mutex);
    return unused;
}

static int start_thread(void) {
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return 0;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int started = pthread_create(&thread, &attributes, serve, NULL) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

int threads_submit(struct work *w, enum lane lane) {
    w->lane = lane;
    pthread_mutex_lock(&mutex);
    append(&queues[lane], w);
    int accepted = 1;
    if (startable() > idle && !start_thread()) {
        /* Without a thread of its own it may still have its turn behind others. */
        accepted = lane == LANE_SHARED && shared_running > 0;
        if (!accepted) {
            remove_last(&queues[lane], w);
        }
    }
    pthread_cond_signal(&more);
    pthread_mutex_unlock(&mutex);
    return accepted;
}
