/* In a child of fork() every function answers "forked" at once; the parent
 * goes on as before. */
#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 20000 };

static uint64_t db, worker, step;

static char *forked_call(int i) {
    static const char *request = INGEST;
    size_t n = strlen(request);
    switch (i % 13) {
    case 0: return knocker_open_json("{\"path\":\"other.db\"}", 19);
    case 1: return call(db, "stats", "{}");
    case 2: return knocker_receive_json(db, request, n, "x", 1);
    case 3: return knocker_receive_start_json(db, request, n, "x", 1);
    case 4: return knocker_receive_poll_json(db, NULL, 0);
    case 5: return knocker_receive_cancel_json(db, "{\"ticket\":1}", 12);
    case 6: return knocker_worker_open_json(db, NULL, 0);
    case 7: return worker_step(worker, "{\"wait_ms\":60000}");
    case 8: return knocker_worker_stop_json(worker, NULL, 0);
    case 9: return tx(step, "{\"op\":\"query\",\"sql\":\"select 1\"}");
    case 10: return knocker_worker_close_json(worker);
    case 11: return knocker_host_sqlite_json(NULL, 0);
    }
    return knocker_close_json(db);
}

static void child(void) {
    alarm(60); /* a call that hangs ends the test */
    CHECK(knocker_abi_version() == KNOCKER_ABI_VERSION);
    for (int i = 0; i < CALLS; i++) ERROR(forked_call(i), "forked");
    knocker_release(step);
    knocker_release(db);
    knocker_free(NULL);
    if (fork() == 0) { /* and in its children */
        ERROR(forked_call(1), "forked");
        _exit(0);
    }
    int status;
    CHECK(wait(&status) > 0 && status == 0);
    _exit(0);
}

int main(void) {
    db = open_inbox("{\"path\":\"fork.db\"}");
    DONE(call(db, "add_endpoint", "{\"name\":\"shop\"}"));
    DONE(call(db, "register_handler", "{\"endpoint\":\"shop\"}"));
    worker = open_worker(db, "{}");
    char *inherited = OK(receive(db, INGEST, "x"));
    step = (uint64_t)NUMBER(worker_step(worker, "{\"wait_ms\":5000}"), "step\":{\"step");
    DONE(tx(step, "{\"op\":\"begin\"}"));

    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        knocker_free(inherited);
        child();
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    knocker_free(inherited);
    HOLDS(worker_step(worker, "{\"step\":%llu,\"outcome\":{\"kind\":\"handled\"}}", (unsigned long long)step), "\"handled\"");
    DONE(receive(db, INGEST, "x"));
    DONE(knocker_close_json(db));
    printf("fork: %d calls in a forked child: ok\n", CALLS);
    return 0;
}
