/* The way of one webhook through the library: received, handed to a handler,
 * the handler's rows committed with "handled"; and each other way it can end. */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

static uint64_t next_step(uint64_t worker) {
    return (uint64_t)NUMBER(worker_step(worker, "{\"wait_ms\":5000}"), "step\":{\"step");
}

static char *finish(uint64_t worker, uint64_t step, const char *outcome) {
    return worker_step(worker, "{\"step\":%llu,\"outcome\":%s}", (unsigned long long)step, outcome);
}

/* Verified by its provider, not trusted: the wrong token is stored and refused. */
static void check_verification(uint64_t db) {
    DONE(call(db, "add_endpoint",
              "{\"name\":\"crm\",\"provider\":\"token-header\",\"secrets\":\"hush-hush\",\"unhandled\":\"ignore\"}"));
    HOLDS(receive(db, "{\"endpoint\":\"crm\",\"headers\":{\"X-Knocker-Token\":\"hush-hush\"}}", "{\"type\":\"a\"}"),
          "\"status_code\":204");
    HOLDS(receive(db, "{\"endpoint\":\"crm\",\"headers\":[[\"x-knocker-token\",\"h\"]]}", "{}"), "\"status_code\":401");
    HOLDS(call(db, "list_deliveries", "{\"endpoint\":\"crm\",\"orphaned\":true,\"bodies\":true}"), "\"kind\":\"rejected\"");
    HOLDS(call(db, "list_deliveries", "{\"endpoint\":\"crm\"}"), "[redacted]");
}

static void check_handled(uint64_t db, uint64_t worker) {
    static const unsigned char raw[] = {0, 255, 'a', 0};
    DONE(knocker_receive_json(db, INGEST, strlen(INGEST), raw, sizeof raw));
    char *reply = OK(worker_step(worker, "{\"wait_ms\":5000,\"home\":7}"));
    CHECK(strstr(reply, "\"body\":\"AP9hAA==\"") != NULL);
    CHECK(strstr(reply, "\"event_type\":\"order.paid\"") != NULL);
    CHECK(strstr(reply, "\"status\":\"processing\"") != NULL);
    CHECK(strstr(reply, "\"finished\":null") != NULL);
    uint64_t step = (uint64_t)number(reply, "step\":{\"step");
    long long event = number(reply, "event\":{\"id");
    knocker_free(reply);

    HOLDS(tx(step, "{\"op\":\"state\"}"), "\"open\":false");
    DONE(tx(step, "{\"op\":\"execute\",\"sql\":\"create table orders(id integer primary key, note, raw)\"}"));
    HOLDS(tx(step, "{\"op\":\"state\"}"), "\"open\":true");
    const char *insert =
        "{\"op\":\"execute\",\"sql\":\"insert into orders values (?,?,?)\","
        "\"params\":[{\"int\":\"9223372036854775807\"},\"h\\u00e4t\",{\"blob_index\":0}]}";
    const void *blobs[] = {raw};
    size_t lengths[] = {sizeof raw};
    HOLDS(knocker_tx_json(step, insert, strlen(insert), blobs, lengths, 1),
          "\"changes\":1,\"last_insert_rowid\":{\"int\":\"9223372036854775807\"}");
    HOLDS(tx(step, "{\"op\":\"query\",\"sql\":\"select *, 1.5 as half, :x as x from orders\",\"params\":{\"x\":null}}"),
          "{\"columns\":[\"id\",\"note\",\"raw\",\"half\",\"x\"],"
          "\"rows\":[[{\"int\":\"9223372036854775807\"},\"h\xc3\xa4t\",{\"blob\":\"AP9hAA==\"},{\"real\":\"1.5\"},null]]}");
    HOLDS(finish(worker, step, "{\"kind\":\"handled\"}"), "\"status\":\"handled\",\"error\":null");
    ERROR(finish(worker, step, "{\"kind\":\"handled\"}"), "closed");
    ERROR(tx(step, "{\"op\":\"state\"}"), "closed");

    char get[64];
    snprintf(get, sizeof get, "{\"id\":%lld}", event);
    HOLDS(call(db, "get_event", get), "\"status\":\"handled\"");
    snprintf(get, sizeof get, "{\"event_id\":%lld}", event);
    HOLDS(call(db, "list_attempts", get), "\"outcome\":\"handled\",\"error\":null");
    DONE(call(db, "replay", get));
    step = next_step(worker);
    HOLDS(tx(step, "{\"op\":\"query\",\"sql\":\"select count(*) from orders\"}"), "\"rows\":[[1]]");
    DONE(finish(worker, step, "{\"kind\":\"handled\"}"));
}

static void check_other_outcomes(uint64_t db, uint64_t worker) {
    const char *insert = "{\"op\":\"execute\",\"sql\":\"insert into orders(note) values ('lost')\"}";
    DONE(receive(db, INGEST, "1"));
    uint64_t step = next_step(worker);
    DONE(tx(step, insert));
    HOLDS(finish(worker, step, "{\"kind\":\"give_back\"}"), "\"given_back\"");
    step = next_step(worker);
    DONE(tx(step, insert));
    HOLDS(finish(worker, step, "{\"kind\":\"failed\",\"error\":{\"type\":\"E\",\"message\":\"no\"}}"), "\"failed\"");
    HOLDS(call(db, "list_events", "{\"status\":\"failed\"}"), "\"last_error\":\"E: no\"");

    DONE(receive(db, INGEST, "2"));
    HOLDS(finish(worker, next_step(worker), "{\"kind\":\"discard\",\"reason\":\"spam\"}"), "\"dead\"");
    DONE(receive(db, INGEST, "3"));
    HOLDS(finish(worker, next_step(worker), "{\"kind\":\"ignore\",\"reason\":\"test\"}"), "\"ignored\"");
    DONE(receive(db, INGEST, "4"));
    HOLDS(finish(worker, next_step(worker), "{\"kind\":\"retry_after\",\"seconds\":3600}"), "\"failed\"");

    DONE(receive(db, INGEST, "5"));
    step = next_step(worker);
    HOLDS(tx(step, "{\"op\":\"query\",\"sql\":\"select count(*) from orders where note='lost'\"}"), "[[0]]");
    /* Ending one step and claiming the next in one call. */
    HOLDS(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"handled\"},\"wait_ms\":0}", (unsigned long long)step),
          "\"step\":null,\"stopping\":false");
}

static void wait_readable(int descriptor, int expected) {
    struct pollfd p = {.fd = descriptor, .events = POLLIN};
    CHECK(poll(&p, 1, expected ? 5000 : 0) == expected);
}

static void check_tickets(uint64_t db) {
    int descriptor = (int)NUMBER(call(db, "completion_descriptor", "{}"), "descriptor");
    CHECK(NUMBER(call(db, "completion_descriptor", "{}"), "descriptor") == descriptor);
    wait_readable(descriptor, 0);
    HOLDS(knocker_receive_poll_json(db, NULL, 0), "{\"completed\":[]}");
    long long first = NUMBER(knocker_receive_start_json(db, INGEST, strlen(INGEST), "a", 1), "ticket");
    const char *unknown = "{\"endpoint\":\"nobody\"}";
    long long second = NUMBER(knocker_receive_start_json(db, unknown, strlen(unknown), "a", 1), "ticket");
    CHECK(first > 0 && second > first);
    int done = 0, errors = 0;
    while (done < 2) {
        wait_readable(descriptor, 1);
        char *reply = OK(knocker_receive_poll_json(db, "{\"max\":1}", 9));
        done += strstr(reply, "\"ticket\"") != NULL;
        errors += strstr(reply, "\"error\":{\"code\":\"unknown_endpoint\"") != NULL;
        knocker_free(reply);
    }
    CHECK(errors == 1);
    wait_readable(descriptor, 0);
    HOLDS(knocker_receive_cancel_json(db, "{\"ticket\":1}", 12), "{\"cancelled\":false}");
}

/* A ticket that waits for the writer can be given up, and then nothing of it
 * is stored; one that is done can't. */
static void check_cancel(uint64_t db, uint64_t worker) {
    DONE(receive(db, INGEST, "holder"));
    uint64_t step;
    for (;;) { /* events of earlier tickets come first */
        char *reply = OK(worker_step(worker, "{\"wait_ms\":5000}"));
        step = (uint64_t)number(reply, "step\":{\"step");
        int holder = strstr(reply, "aG9sZGVy") != NULL;
        knocker_free(reply);
        if (holder) break;
        DONE(finish(worker, step, "{\"kind\":\"handled\"}"));
    }
    DONE(tx(step, "{\"op\":\"begin\"}"));
    long long before = NUMBER(call(db, "stats", "{}"), "deliveries");
    long long ticket = NUMBER(knocker_receive_start_json(db, INGEST, strlen(INGEST), "late", 4), "ticket");
    char request[64];
    snprintf(request, sizeof request, "{\"ticket\":%lld}", ticket);
    HOLDS(knocker_receive_cancel_json(db, request, strlen(request)), "{\"cancelled\":true}");
    HOLDS(knocker_receive_cancel_json(db, request, strlen(request)), "{\"cancelled\":false}");
    DONE(finish(worker, step, "{\"kind\":\"handled\"}"));
    HOLDS(knocker_receive_poll_json(db, NULL, 0), "{\"completed\":[]}");
    CHECK(NUMBER(call(db, "stats", "{}"), "deliveries") == before);
}

/* A call that would wait for a handler of its own thread fails at once. */
static void check_home(uint64_t db, uint64_t worker) {
    DONE(receive(db, INGEST, "home"));
    uint64_t step = next_step(worker);
    DONE(tx(step, "{\"op\":\"execute\",\"sql\":\"insert into orders(note) values ('x')\",\"home\":42}"));
    const char *same = "{\"endpoint\":\"shop\",\"ingest\":true,\"home\":42}";
    ERROR(receive(db, same, "x"), "would_deadlock");
    ERROR(call(db, "disable_endpoint", "{\"name\":\"shop\",\"home\":42}"), "would_deadlock");
    DONE(finish(worker, step, "{\"kind\":\"handled\"}"));
    DONE(receive(db, same, "x"));
    DONE(finish(worker, next_step(worker), "{\"kind\":\"handled\"}"));
}

static void *release_in_thread(void *handle) {
    knocker_release(*(uint64_t *)handle);
    return NULL;
}

static void release_elsewhere(uint64_t handle) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, release_in_thread, &handle) == 0);
    pthread_join(thread, NULL);
}

/* A finalizer of another thread gives up a step, a worker and an inbox: what
 * the step wrote is rolled back and its job comes back. */
static void check_release(uint64_t db, uint64_t worker) {
    DONE(receive(db, INGEST, "release"));
    uint64_t step = next_step(worker);
    DONE(tx(step, "{\"op\":\"execute\",\"sql\":\"insert into orders(note) values ('released')\"}"));
    release_elsewhere(step);
    ERROR(tx(step, "{\"op\":\"state\"}"), "closed");
    step = next_step(worker);
    HOLDS(tx(step, "{\"op\":\"query\",\"sql\":\"select count(*) from orders where note='released'\"}"), "[[0]]");
    DONE(finish(worker, step, "{\"kind\":\"handled\"}"));

    uint64_t second = open_worker(db, "{}");
    DONE(receive(db, INGEST, "again"));
    step = next_step(second);
    DONE(tx(step, "{\"op\":\"begin\"}"));
    release_elsewhere(second);
    ERROR(worker_step(second, "{\"wait_ms\":0}"), "closed");
    ERROR(tx(step, "{\"op\":\"state\"}"), "closed");
    DONE(finish(worker, next_step(worker), "{\"kind\":\"handled\"}"));
}

static void check_stop(uint64_t db) {
    uint64_t worker = open_worker(db, "{\"concurrency\":1}");
    DONE(receive(db, INGEST, "stop"));
    uint64_t step = next_step(worker);
    DONE(tx(step, "{\"op\":\"execute\",\"sql\":\"insert into orders(note) values ('stopped')\"}"));
    const char *now = "{\"deadline_ms\":0}";
    HOLDS(knocker_worker_stop_json(worker, now, strlen(now)), "\"stopped\":true,\"rolled_back\":[");
    ERROR(tx(step, "{\"op\":\"query\",\"sql\":\"select 1\"}"), "stopped");
    HOLDS(finish(worker, step, "{\"kind\":\"handled\"}"), "\"status\":\"lost\"");
    HOLDS(worker_step(worker, "{\"wait_ms\":60000}"), "\"stopping\":true");
    DONE(knocker_worker_close_json(worker));
}

/* Time stands still until it is set, also for a second open of the file. */
static void check_clock(void) {
    uint64_t db = open_inbox("{\"path\":\"clock.db\",\"options\":{\"clock\":{\"now_s\":1700000000}}}");
    uint64_t twin = open_inbox("{\"path\":\"./clock.db\",\"options\":{\"clock\":{\"now_s\":1700000000}}}");
    HOLDS(call(db, "add_endpoint", "{\"name\":\"shop\"}"), "\"created_at\":1700000000");
    HOLDS(call(twin, "set_clock", "{\"now_s\":1700000100.5}"), "\"now_s\":1700000100.5");
    DONE(receive(db, INGEST, "x"));
    HOLDS(call(twin, "list_events", "{\"limit\":1,\"bodies\":true}"), "\"received_at\":1700000100,");
    DONE(knocker_close_json(twin));
    DONE(call(db, "set_clock", "{\"now_s\":1700000200}"));
    DONE(receive(db, INGEST, "y"));
    HOLDS(call(db, "list_events", "{\"limit\":1}"), "\"received_at\":1700000200,");
    knocker_release(db);
    ERROR(call(db, "stats", "{}"), "closed");
}

int main(void) {
    check_clock(); /* first: what it releases is closed by another thread, long before the end */
    uint64_t db = open_inbox("{\"path\":\"walk.db\",\"options\":{\"file_mode\":\"0640\",\"max_transaction_s\":30}}");
    DONE(call(db, "add_endpoint", "{\"name\":\"shop\",\"unhandled\":\"leave\"}"));
    CHECK(NUMBER(call(db, "register_handler", "{\"endpoint\":\"shop\",\"backoff_initial_s\":3600}"), "handler") > 0);
    uint64_t worker = open_worker(db, "{}");
    check_handled(db, worker);
    check_other_outcomes(db, worker);
    check_verification(db);
    check_tickets(db);
    check_cancel(db, worker);
    check_home(db, worker);
    check_release(db, worker);
    DONE(knocker_worker_close_json(worker));
    check_stop(db);
    DONE(knocker_close_json(db));
    puts("walk: ok");
    return 0;
}
