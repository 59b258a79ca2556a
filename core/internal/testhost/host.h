#ifndef TESTHOST_H
#define TESTHOST_H

/* What is wrong with an SQLite. */
enum { TESTHOST_OLD = 1, TESTHOST_LACKS_ROUTINE, TESTHOST_NO_THREADS, TESTHOST_SINGLE_THREAD, TESTHOST_NO_JSON, TESTHOST_NO_PROGRESS };

/* Loads a shared library, or is NULL, with the loader's words at *problem. */
void *testhost_load(const char *name, const char **problem);
/* The path of a loaded library by one of its functions. */
const char *testhost_path(void *library, const char *function);
/* A copy of a table with something wrong. */
const void *testhost_table(const void *real, int wrong);

#endif
