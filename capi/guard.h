/*
 * guard.h: the fork guard. A Go runtime does not survive fork(), so C code
 * tests this flag before it enters Go, in every way in.
 */
#ifndef KNOCKER_GUARD_H
#define KNOCKER_GUARD_H

#include <signal.h>

/* 1 in a child of fork() of the process that loaded the library. */
extern volatile sig_atomic_t in_forked_child __attribute__((visibility("hidden")));

/* The reply of every function there: the text of core's code "forked". */
#define KNOCKER_FORKED_MESSAGE \
    "The library was loaded before fork() and can't be used in the child. Open the inbox after the fork."

#endif
