/*
 * intake.h: receives of many threads at once. A thread that enters Go needs one
 * of its processors, which are few and come back late; so one enters for all
 * that wait, and the others wait for their replies in C.
 */
#ifndef KNOCKER_INTAKE_H
#define KNOCKER_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __APPLE__
#include <dispatch/dispatch.h>
typedef dispatch_semaphore_t knocker_semaphore;
#else
#include <semaphore.h>
typedef sem_t knocker_semaphore;
#endif

/* A receive whose thread waits for the reply. */
typedef struct knocker_receive_call {
    uint64_t db;
    void *request, *body;
    size_t request_length, body_length;
    int64_t arrived_ns, waited_ns; /* monotonic time; and how long it has stood in the line */

    knocker_semaphore changed; /* a semaphore, since whoever posts it touches nothing of the call afterwards */
    int leads;                 /* it is this thread's turn to enter Go */
    char *reply;
    struct knocker_receive_call *next; /* in the line */
} knocker_receive_call;

/* Takes in one request and waits for its reply. */
char *knocker_take_in(uint64_t db, const void *request, size_t request_length, const void *body, size_t body_length);

/* Gives a call its reply. The call may be gone afterwards. */
void knocker_answer(knocker_receive_call *call, char *reply);

#endif
