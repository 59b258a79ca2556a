/*
 * deep.h: calls on a thread with a large stack.
 *
 * SQLite compiles SQL by recursion, on the stack of the thread that calls, and
 * a dirty scheduler has 320 KB by default: a deeply nested statement of a
 * handler would end the VM. Such calls run on threads of our own.
 */
#ifndef KNOCKER_NIF_DEEP_H
#define KNOCKER_NIF_DEEP_H

/* Runs function(argument) on a deep thread and waits for it. Where no thread
 * can be made, answers -1 and runs nothing. */
int deep_call(void (*function)(void *), void *argument);

#endif
