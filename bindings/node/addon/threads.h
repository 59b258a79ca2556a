/*
 * threads.h: the package's own threads, so that a call which waits never
 * takes one of the four that Node uses for files and names.
 */
#ifndef KNOCKER_NODE_THREADS_H
#define KNOCKER_NODE_THREADS_H

/* Where a piece of work may wait for its turn. */
enum lane {
    /* A few at a time, in order: many reads at once must not make many threads. */
    LANE_SHARED,
    /* At once, on a thread of its own: it may wait for seconds. */
    LANE_OWN,
    LANES
};

/* What a thread does; the memory is the caller's, kept until run has returned. */
struct work {
    void (*run)(struct work *);
    struct work *next;
    enum lane lane;
};

/* Has work done on a thread; 0 where the system gives no thread. */
int threads_submit(struct work *work, enum lane lane);

#endif
