/* No input makes a function crash, hang or answer anything but an error. */
#include "test.h"

typedef char *(*with_request)(uint64_t handle, const char *request, size_t length);

static char *open_request(uint64_t unused, const char *request, size_t length) {
    (void)unused;
    return knocker_open_json(request, length);
}
static char *host_request(uint64_t unused, const char *request, size_t length) {
    (void)unused;
    return knocker_host_sqlite_json(request, length);
}
static char *call_request(uint64_t db, const char *request, size_t length) {
    return knocker_call_json(db, "add_endpoint", request, length);
}
static char *receive_request(uint64_t db, const char *request, size_t length) {
    return knocker_receive_json(db, request, length, "x", 1);
}
static char *start_request(uint64_t db, const char *request, size_t length) {
    return knocker_receive_start_json(db, request, length, "x", 1);
}
static char *tx_request(uint64_t step, const char *request, size_t length) {
    return knocker_tx_json(step, request, length, NULL, NULL, 0);
}

static const char *bad_requests[] = {
    "", " ", "null", "[]", "\"x\"", "{", "{}x", "{\"endpoint\":}", "{\"unknown\":1}", "{\"name\":1,\"path\":1,\"endpoint\":1,\"step\":\"\"}",
    "{\"\xff\":1}", "{\"name\":\"\xc3\x28\"}", "{\"name\":\"a\",\"name\":\"b\"}", "{\"max\":0,\"ticket\":0,\"op\":7}",
};

static void check_requests(uint64_t handle, with_request function, int accepts_empty) {
    for (size_t i = accepts_empty ? 1 : 0; i < sizeof bad_requests / sizeof *bad_requests; i++)
        ERROR(function(handle, bad_requests[i], strlen(bad_requests[i])), "invalid_argument");
    ERROR(function(handle, NULL, 1), "invalid_argument");
    ERROR(function(handle, NULL, SIZE_MAX), "invalid_argument");
    ERROR(function(handle, "{}", SIZE_MAX), "invalid_argument");
    ERROR(function(handle, "{}", (size_t)1 << 40), "invalid_argument");
    ERROR(function(handle, "{}\0", 3), "invalid_argument");

    size_t depth = 4u << 20;
    char *deep = malloc(depth + 6);
    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', depth);
    ERROR(function(handle, deep, depth + 5), "invalid_argument");
    free(deep);
}

static void check_stale(uint64_t handle) {
    ERROR(knocker_close_json(handle), "closed");
    ERROR(call(handle, "stats", "{}"), "closed");
    ERROR(receive(handle, INGEST, "x"), "closed");
    ERROR(knocker_receive_start_json(handle, INGEST, strlen(INGEST), "x", 1), "closed");
    ERROR(knocker_receive_poll_json(handle, NULL, 0), "closed");
    ERROR(knocker_receive_cancel_json(handle, "{\"ticket\":1}", 12), "closed");
    ERROR(knocker_worker_open_json(handle, NULL, 0), "closed");
    ERROR(knocker_worker_step(handle, "{\"wait_ms\":0}", 13), "closed");
    ERROR(knocker_worker_stop_json(handle, NULL, 0), "closed");
    ERROR(knocker_worker_close_json(handle), "closed");
    ERROR(tx(handle, "{\"op\":\"state\"}"), "closed");
    knocker_release(handle);
}

static void check_receive(uint64_t db) {
    static char huge[1];
    ERROR(receive(db, "{\"endpoint\":\"nobody\"}", "x"), "unknown_endpoint");
    ERROR(receive(db, "{\"endpoint\":\"shop\"}", "x"), "no_verifier");
    ERROR(receive(db, "{\"endpoint\":\"shop\",\"signature_valid\":true}", "x"), "invalid_argument");
    ERROR(receive(db, "{\"endpoint\":\"shop\",\"ingest\":true,\"headers\":7}", "x"), "invalid_argument");
    ERROR(knocker_receive_json(db, INGEST, strlen(INGEST), NULL, 1), "invalid_argument");
    ERROR(knocker_receive_json(db, INGEST, strlen(INGEST), huge, SIZE_MAX), "invalid_argument");
    ERROR(knocker_receive_json(db, INGEST, strlen(INGEST), huge, ((size_t)1 << 30) + 1), "invalid_argument");
    DONE(knocker_receive_json(db, INGEST, strlen(INGEST), NULL, 0));
    DONE(knocker_receive_json(db, INGEST, strlen(INGEST), huge, 0));
}

static void check_call(uint64_t db) {
    ERROR(knocker_call_json(db, NULL, "{}", 2), "unknown_method");
    ERROR(knocker_call_json(db, "", "{}", 2), "unknown_method");
    ERROR(knocker_call_json(db, "\xff\xfe", "{}", 2), "unknown_method");
    ERROR(knocker_call_json(db, "add_endpiont", "{}", 2), "unknown_method");
    char *longest = malloc(1u << 20);
    memset(longest, 'a', (1u << 20) - 1);
    longest[(1u << 20) - 1] = '\0';
    ERROR(knocker_call_json(db, longest, "{}", 2), "unknown_method");
    free(longest);
    ERROR(call(db, "get_event", "{\"id\":404}"), "not_found");
    ERROR(call(db, "set_clock", "{\"now_s\":1}"), "invalid_state");
    ERROR(call(db, "list_events", "{\"cursor\":\"nonsense\"}"), "invalid_argument");
    DONE(knocker_call_json(db, "stats", NULL, 0));
    DONE(call(db, "info", ""));
}

static void check_open(void) {
    const char *cases[][2] = {
        {"{\"path\":\"\"}", "invalid_argument"},
        {"{\"path\":\"no/such/directory/x.db\"}", "cannot_open"},
        {"{\"path\":\".\"}", "cannot_open"},
        {"{\"path\":\"y.db\",\"options\":{\"engine\":\"hosted\"}}", "invalid_argument"},
        {"{\"path\":\"y.db\",\"options\":{\"engine\":\"host\"}}", "driver_unavailable"},
        {"{\"path\":\"y.db\",\"options\":{\"file_mode\":\"9\"}}", "invalid_argument"},
        {"{\"path\":\"y.db\",\"options\":{\"migrate\":\"maybe\"}}", "invalid_argument"},
        {"{\"path\":\"y.db\",\"options\":{\"journal_mode\":\"off\"}}", "invalid_argument"},
        {"{\"path\":\"y.db\",\"options\":{\"maxBodyBytes\":1}}", "invalid_argument"},
        {"{\"path\":\"x.db\",\"options\":{\"max_orphans\":5}}", "open_options_conflict"},
        {"{\"path\":\"garbage.db\"}", "not_a_database"},
    };
    FILE *garbage = fopen("garbage.db", "w");
    CHECK(garbage != NULL);
    for (int i = 0; i < 4096; i++) fputs("not a database ", garbage);
    fclose(garbage);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ERROR(knocker_open_json(cases[i][0], strlen(cases[i][0])), cases[i][1]);
}

/* Neither this program nor what it has loaded holds an SQLite that can be seen. */
static void check_host(void) {
    static const char *cases[] = {"{}", "{\"library\":\"\"}", "{\"library\":\"/nowhere.so\"}", "{\"library\":\"libc.so.6\"}", "{\"library\":\"a\\u0000b\"}"};
    check_requests(0, host_request, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ERROR(knocker_host_sqlite_json(cases[i], strlen(cases[i])), "driver_unavailable");
}

static void check_tx(uint64_t step) {
    const void *null_blob[1] = {NULL};
    const void *blob[1] = {"b"};
    size_t one[1] = {1}, endless[1] = {SIZE_MAX};
    const char *query = "{\"op\":\"query\",\"sql\":\"select ?\",\"params\":[{\"blob_index\":0}]}";
    size_t n = strlen(query);
    ERROR(tx(step, "{\"op\":\"quarry\",\"sql\":\"x\"}"), "invalid_argument");
    ERROR(tx(step, "{\"op\":\"query\"}"), "invalid_argument");
    ERROR(tx(step, "{\"op\":\"state\",\"sql\":\"select 1\"}"), "invalid_argument");
    ERROR(tx(step, query), "invalid_argument");
    ERROR(knocker_tx_json(step, query, n, NULL, NULL, 1), "invalid_argument");
    ERROR(knocker_tx_json(step, query, n, blob, NULL, 1), "invalid_argument");
    ERROR(knocker_tx_json(step, query, n, NULL, one, 1), "invalid_argument");
    ERROR(knocker_tx_json(step, query, n, null_blob, one, 1), "invalid_argument");
    ERROR(knocker_tx_json(step, query, n, blob, endless, 1), "invalid_argument");
    ERROR(knocker_tx_json(step, query, n, blob, one, SIZE_MAX), "invalid_argument");
    ERROR(tx(step, "{\"op\":\"query\",\"sql\":\"select\"}"), "sql_error");
    ERROR(tx(step, "{\"op\":\"query\",\"sql\":\"select 1; select 2\"}"), "sql_error");
    ERROR(tx(step, "{\"op\":\"execute\",\"sql\":\"commit\"}"), "forbidden_in_handler");
    ERROR(tx(step, "{\"op\":\"execute\",\"sql\":\"delete from knocker_events\"}"), "forbidden_in_handler");
}

int main(void) {
    CHECK(knocker_abi_version() == KNOCKER_ABI_VERSION);
    knocker_free(NULL);
    check_requests(0, open_request, 0);
    uint64_t stale[] = {0, 1, 12345, UINT64_MAX, (uint64_t)1 << 53};
    for (size_t i = 0; i < sizeof stale / sizeof *stale; i++) check_stale(stale[i]);

    uint64_t db = open_inbox("{\"path\":\"x.db\"}");
    check_open();
    check_host();
    DONE(call(db, "add_endpoint", "{\"name\":\"shop\"}"));
    long long handler = NUMBER(call(db, "register_handler", "{\"endpoint\":\"shop\"}"), "handler");
    CHECK(handler > 0);
    check_requests(db, call_request, 0);
    check_requests(db, receive_request, 0);
    check_requests(db, start_request, 0);
    check_requests(db, knocker_receive_poll_json, 1);
    check_requests(db, knocker_receive_cancel_json, 0);
    check_requests(db, knocker_worker_open_json, 1);
    check_call(db);
    check_receive(db);

    uint64_t worker = open_worker(db, "{}");
    check_requests(worker, knocker_worker_step, 1);
    check_requests(worker, knocker_worker_stop_json, 1);
    ERROR(worker_step(worker, "{\"step\":1}"), "invalid_argument");
    ERROR(worker_step(worker, "{\"outcome\":{\"kind\":\"handled\"}}"), "invalid_argument");
    ERROR(worker_step(worker, "{\"step\":99999,\"outcome\":{\"kind\":\"handled\"}}"), "closed");

    /* A handle of another kind is a mistake of the caller's, not a closed one. */
    ERROR(knocker_worker_close_json(db), "invalid_argument");
    ERROR(knocker_close_json(worker), "invalid_argument");
    ERROR(tx(worker, "{\"op\":\"state\"}"), "invalid_argument");

    uint64_t step = (uint64_t)NUMBER(worker_step(worker, "{\"wait_ms\":5000}"), "step\":{\"step");
    check_requests(step, tx_request, 0);
    check_tx(step);
    unsigned long long n = step;
    ERROR(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"handeld\"}}", n), "invalid_argument");
    ERROR(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"failed\"}}", n), "invalid_argument");
    ERROR(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"retry_after\"}}", n), "invalid_argument");
    ERROR(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"handled\",\"reason\":\"x\"}}", n), "invalid_argument");
    DONE(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"handled\"}}", n));
    check_stale(step);
    DONE(knocker_worker_close_json(worker));
    check_stale(worker);
    DONE(knocker_close_json(db));
    check_stale(db);
    puts("bad_input: ok");
    return 0;
}
