/* test.h: what the C test programs share. Each is run in an empty directory. */
#ifndef KNOCKER_TEST_H
#define KNOCKER_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../knocker.h"

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                          \
        }                                                                     \
    } while (0)

/* The value of "ok"; aborts with the error otherwise. Free with knocker_free. */
#define OK(reply) expect_start(__FILE__, __LINE__, (reply), "{\"ok\":")

/* Frees an error reply after checking its code. */
#define ERROR(reply, code) expect_error(__FILE__, __LINE__, (reply), (code))

/* Frees a successful reply. */
#define DONE(reply) knocker_free(OK(reply))

static inline char *expect_start(const char *file, int line, char *reply, const char *start) {
    if (reply == NULL || strncmp(reply, start, strlen(start)) != 0) {
        fprintf(stderr, "%s:%d: expected %s, got %s\n", file, line, start, reply ? reply : "NULL");
        abort();
    }
    return reply;
}

static inline void expect_error(const char *file, int line, char *reply, const char *code) {
    char start[96];
    snprintf(start, sizeof start, "{\"error\":{\"code\":\"%s\",", code);
    knocker_free(expect_start(file, line, reply, start));
}

/* The number after "name": in a reply; -1 when it isn't there. */
static inline long long number(const char *reply, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(reply, key);
    if (at == NULL) return -1;
    char *end;
    long long value = strtoll(at + strlen(key), &end, 10);
    return end == at + strlen(key) ? -1 : value;
}

/* The number of a successful reply, which it frees. */
#define NUMBER(reply, name) take_number(__FILE__, __LINE__, (reply), (name))

static inline long long take_number(const char *file, int line, char *reply, const char *name) {
    long long value = number(expect_start(file, line, reply, "{\"ok\":"), name);
    if (value < 0) {
        fprintf(stderr, "%s:%d: no %s in %s\n", file, line, name, reply);
        abort();
    }
    knocker_free(reply);
    return value;
}

/* Checks that a successful reply holds a text, and frees it. */
#define HOLDS(reply, text) expect_text(__FILE__, __LINE__, (reply), (text))

static inline void expect_text(const char *file, int line, char *reply, const char *text) {
    expect_start(file, line, reply, "{\"ok\":");
    if (strstr(reply, text) == NULL) {
        fprintf(stderr, "%s:%d: no %s in %s\n", file, line, text, reply);
        abort();
    }
    knocker_free(reply);
}

static inline char *call(uint64_t db, const char *method, const char *request) {
    return knocker_call_json(db, method, request, strlen(request));
}

static inline uint64_t open_inbox(const char *request) {
    return (uint64_t)NUMBER(knocker_open_json(request, strlen(request)), "db");
}

static inline uint64_t open_worker(uint64_t db, const char *request) {
    return (uint64_t)NUMBER(knocker_worker_open_json(db, request, strlen(request)), "worker");
}

static inline char *receive(uint64_t db, const char *request, const char *body) {
    return knocker_receive_json(db, request, strlen(request), body, strlen(body));
}

/* Requests with numbers in them: worker_step and tx. */
__attribute__((format(printf, 2, 3)))
static inline char *worker_step(uint64_t worker, const char *format, ...) {
    char request[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(request, sizeof request, format, arguments);
    va_end(arguments);
    return knocker_worker_step(worker, request, strlen(request));
}

static inline char *tx(uint64_t step, const char *request) {
    return knocker_tx_json(step, request, strlen(request), NULL, NULL, 0);
}

/* A trusted request, so that no test needs a signature. */
#define INGEST "{\"endpoint\":\"shop\",\"ingest\":true,\"signature_valid\":true,\"event_type\":\"order.paid\"}"

#endif
