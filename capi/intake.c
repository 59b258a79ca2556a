#include "intake.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "_cgo_export.h"

#ifdef __APPLE__
static void begin_semaphore(knocker_semaphore *s) { *s = dispatch_semaphore_create(0); }
static void end_semaphore(knocker_semaphore *s) { dispatch_release(*s); }
static void post(knocker_semaphore *s) { dispatch_semaphore_signal(*s); }
static void await(knocker_semaphore *s) { dispatch_semaphore_wait(*s, DISPATCH_TIME_FOREVER); }
#else
static void begin_semaphore(knocker_semaphore *s) { sem_init(s, 0, 0); }
static void end_semaphore(knocker_semaphore *s) { sem_destroy(s); }
static void post(knocker_semaphore *s) { sem_post(s); }
static void await(knocker_semaphore *s) {
    while (sem_wait(s) != 0) {} /* a signal of the host's */
}
#endif

/* How many requests one thread takes in for the others: about a commit's. */
#define MOST_TOGETHER 32

static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;
static knocker_receive_call *first, **last = &first; /* of the line */
static int leaders, most_leaders;

/* Half of the machine verifies, at most; the other half has the host's own work
 * and the commits. */
__attribute__((constructor)) static void count_processors(void) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    most_leaders = processors < 4 ? 1 : (int)(processors / 2);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static knocker_receive_call *take_first(void) {
    knocker_receive_call *call = first;
    if (call) {
        first = call->next;
        if (!first) last = &first;
    }
    return call;
}

/* Whether the thread leads at once. Else it stands in the line. */
static int leads_at_once(knocker_receive_call *call) {
    pthread_mutex_lock(&line_lock);
    int leads = leaders < most_leaders;
    if (leads) {
        leaders++;
    } else {
        *last = call;
        last = &call->next;
    }
    pthread_mutex_unlock(&line_lock);
    return leads;
}

/* Takes in the thread's own request with those in the line, and gives the lead
 * to the next: nobody works for others while its own reply is there. */
static void lead(knocker_receive_call *own) {
    knocker_receive_call *together[MOST_TOGETHER], *next;
    int count = 0;

    together[count++] = own;
    pthread_mutex_lock(&line_lock);
    while (count < MOST_TOGETHER && (next = take_first())) together[count++] = next;
    pthread_mutex_unlock(&line_lock);

    int64_t now = now_ns();
    for (int i = 0; i < count; i++) together[i]->waited_ns = now - together[i]->arrived_ns;
    goKnockerReceive(together, count);

    pthread_mutex_lock(&line_lock);
    next = take_first();
    if (!next) leaders--;
    pthread_mutex_unlock(&line_lock);
    if (next) {
        next->leads = 1;
        post(&next->changed);
    }
}

char *knocker_take_in(uint64_t db, const void *request, size_t request_length, const void *body, size_t body_length) {
    knocker_receive_call call = {.db = db, .request = (void *)request, .request_length = request_length,
                                 .body = (void *)body, .body_length = body_length, .arrived_ns = now_ns()};

    begin_semaphore(&call.changed);
    if (leads_at_once(&call)) lead(&call);
    await(&call.changed);
    if (call.leads) {
        lead(&call);
        await(&call.changed);
    }
    end_semaphore(&call.changed);
    return call.reply;
}

void knocker_answer(knocker_receive_call *call, char *reply) {
    call->reply = reply;
    post(&call->changed);
}
