/* A panic inside the library is the error "internal", for that call, for every
 * later one and for those that wait; open transactions are rolled back and the
 * process goes on. Needs the library's build with test_panic. */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t db, worker;

static void *wait_until_internal(void *unused) {
    for (;;) {
        char *reply = worker_step(worker, "{\"wait_ms\":60000}");
        int internal = strstr(reply, "{\"error\":{\"code\":\"internal\"") != NULL;
        CHECK(internal || strncmp(reply, "{\"ok\":", 6) == 0);
        knocker_free(reply);
        if (internal) return unused;
    }
}

static void check_everything_refuses(uint64_t step) {
    ERROR(knocker_open_json("{\"path\":\"other.db\"}", 19), "internal");
    ERROR(knocker_host_sqlite_json(NULL, 0), "internal");
    ERROR(call(db, "stats", "{}"), "internal");
    ERROR(receive(db, INGEST, "x"), "internal");
    ERROR(knocker_receive_start_json(db, INGEST, strlen(INGEST), "x", 1), "internal");
    ERROR(knocker_receive_poll_json(db, NULL, 0), "internal");
    ERROR(knocker_receive_cancel_json(db, "{\"ticket\":1}", 12), "internal");
    ERROR(knocker_worker_open_json(db, NULL, 0), "internal");
    ERROR(worker_step(worker, "{\"wait_ms\":60000}"), "internal");
    ERROR(knocker_worker_stop_json(worker, NULL, 0), "internal");
    ERROR(tx(step, "{\"op\":\"query\",\"sql\":\"select 1\"}"), "internal");
    ERROR(knocker_worker_close_json(worker), "internal");
    ERROR(knocker_close_json(db), "internal");
    knocker_release(db);
    CHECK(knocker_abi_version() == KNOCKER_ABI_VERSION);
}

/* What another process finds: the writer is free, and nothing half done. */
static int probe(void) {
    db = open_inbox("{\"path\":\"panic.db\"}");
    DONE(call(db, "register_handler", "{\"endpoint\":\"shop\"}"));
    DONE(receive(db, INGEST, "y"));
    worker = open_worker(db, "{}");
    uint64_t step = (uint64_t)NUMBER(worker_step(worker, "{\"wait_ms\":5000}"), "step\":{\"step");
    HOLDS(tx(step, "{\"op\":\"query\",\"sql\":\"select count(*) from sqlite_master where name='half_done'\"}"), "[[0]]");
    DONE(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"handled\"}}", (unsigned long long)step));
    DONE(knocker_close_json(db));
    return 0;
}

static void check_rolled_back(const char *program) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        execl(program, program, "probe", (char *)NULL);
        _exit(127);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* The panic comes in the middle of the engine's work. */
static void panic_in_engine(const char *after) {
    char request[64];
    snprintf(request, sizeof request, "{\"where\":\"clock\",\"after\":%s}", after);
    DONE(call(db, "test_panic", request));
    for (int i = 0; i < 1000; i++) {
        char *received = receive(db, INGEST, "x");
        char *stepped = worker_step(worker, "{\"wait_ms\":0}");
        int internal = strstr(received, "\"internal\"") || strstr(stepped, "\"internal\"");
        knocker_free(received);
        knocker_free(stepped);
        if (internal) return;
    }
    CHECK(!"the clock was never read that often");
}

static void panic_where(const char *mode, uint64_t step) {
    if (strncmp(mode, "clock", 5) == 0) {
        panic_in_engine(mode + 5);
        return;
    }
    DONE(tx(step, "{\"op\":\"execute\",\"sql\":\"create table half_done(x)\"}"));
    if (strcmp(mode, "call") == 0)
        ERROR(call(db, "test_panic", "{\"where\":\"call\"}"), "internal");
    else
        DONE(call(db, "test_panic", "{\"where\":\"goroutine\"}"));
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    alarm(60);
    if (strcmp(arguments[1], "probe") == 0) return probe();
    db = open_inbox("{\"path\":\"panic.db\",\"options\":{\"max_transaction_s\":600,\"clock\":{\"now_s\":1700000000}}}");
    DONE(call(db, "add_endpoint", "{\"name\":\"shop\"}"));
    DONE(call(db, "register_handler", "{\"endpoint\":\"shop\"}"));
    int descriptor = (int)NUMBER(call(db, "completion_descriptor", "{}"), "descriptor");
    worker = open_worker(db, "{\"concurrency\":8}");
    DONE(receive(db, INGEST, "x"));
    uint64_t step = (uint64_t)NUMBER(worker_step(worker, "{\"wait_ms\":5000}"), "step\":{\"step");
    pthread_t waiter;
    CHECK(pthread_create(&waiter, NULL, wait_until_internal, NULL) == 0);
    usleep(100 * 1000);

    panic_where(arguments[1], step);
    /* An event loop that waits for tickets is woken. */
    struct pollfd p = {.fd = descriptor, .events = POLLIN};
    CHECK(poll(&p, 1, 5000) == 1 && (p.revents & POLLIN));
    pthread_join(waiter, NULL);
    check_everything_refuses(step);
    check_rolled_back(arguments[0]);
    printf("panic in %s: ok\n", arguments[1]);
    return 0;
}
