/*
 * deep.c: threads that are kept for the next call. There are never more than
 * calls at once, which are bounded by the number of dirty schedulers.
 */
#include "deep.h"

#include <pthread.h>
#include <stdlib.h>

/* What a main thread usually has: SQLite's own limits are made for it. */
#define STACK_BYTES (8u << 20)

struct deep {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*function)(void *);
    void *argument;
    struct deep *next;
};

static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static struct deep *idle;

static void *serve(void *object)
{
    struct deep *deep = object;

    pthread_mutex_lock(&deep->lock);
    for (;;) {
        while (deep->function == NULL)
            pthread_cond_wait(&deep->changed, &deep->lock);
        deep->function(deep->argument);
        deep->function = NULL;
        pthread_cond_signal(&deep->changed);
    }
    return NULL;
}

static struct deep *create(void)
{
    struct deep *deep = calloc(1, sizeof *deep);
    pthread_attr_t attributes;
    pthread_t thread;
    int status;

    if (deep == NULL)
        return NULL;
    pthread_mutex_init(&deep->lock, NULL);
    pthread_cond_init(&deep->changed, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    status = pthread_create(&thread, &attributes, serve, deep);
    pthread_attr_destroy(&attributes);
    if (status != 0) {
        free(deep);
        return NULL;
    }
    return deep;
}

static struct deep *take(void)
{
    struct deep *deep;

    pthread_mutex_lock(&idle_lock);
    deep = idle;
    if (deep != NULL)
        idle = deep->next;
    pthread_mutex_unlock(&idle_lock);
    return deep != NULL ? deep : create();
}

static void give(struct deep *deep)
{
    pthread_mutex_lock(&idle_lock);
    deep->next = idle;
    idle = deep;
    pthread_mutex_unlock(&idle_lock);
}

int deep_call(void (*function)(void *), void *argument)
{
    struct deep *deep = take();

    if (deep == NULL)
        return -1;
    pthread_mutex_lock(&deep->lock);
    deep->function = function;
    deep->argument = argument;
    pthread_cond_signal(&deep->changed);
    while (deep->function != NULL)
        pthread_cond_wait(&deep->changed, &deep->lock);
    pthread_mutex_unlock(&deep->lock);
    give(deep);
    return 0;
}
