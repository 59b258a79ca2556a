/** Handlers on the application's connection: what they write and "handled" are one commit. */

import assert from "node:assert/strict";

import { insert, receive, SIGNED, sleep, until } from "./setting.mjs";

export function handlers(test, host) {
  const { RetryAfter, Discard, Ignore } = host.knocker;

  test("a handler's writes and handled commit together, and tx is the connection itself", async (s) => {
    const inbox = s.attach();
    const { event_id } = receive(inbox);
    let seen;
    inbox.registerHandler("orders", (event, tx) => {
      assert.equal(tx, s.db);
      insert(tx, event.id);
      seen ??= [event.json().total, s.orders(), receive(inbox).durable];
    });
    const logged = [];
    const done = await inbox.runWorkerOnce({ onFinished: (finished, run) => logged.push([finished.status, run.attempt, run.error]) });
    assert.deepEqual(done.map(({ status }) => status), ["handled", "handled"], "also the one that the handler has received");
    assert.deepEqual(seen, [1, [], false], "nobody sees the write before the commit, and a receive joins it");
    assert.deepEqual(logged[0], ["handled", 1, undefined]);
    assert.equal(s.orders()[0], event_id);
    assert.equal(inbox.getEvent(event_id).status, "handled");
    assert.equal(inbox.listAttempts(event_id)[0].outcome, "handled");
  });

  test("a handler that throws takes its writes with it, and chooses its outcome", async (s) => {
    const inbox = s.attach();
    const outcomes = {
      failed: () => { throw new TypeError("no such customer"); },
      retry: () => { throw new RetryAfter(1000); },
      dead: () => { throw new Discard("never"); },
      ignored: () => { throw new Ignore("nobody's"); },
      wrong: () => { throw new RetryAfter(-1); },
      text: () => { throw "a text"; },
    };
    for (const [name, end] of Object.entries(outcomes)) {
      inbox.addEndpoint({ name, provider: "token-header", secrets: "s" });
      inbox.registerHandler(name, (event, tx) => {
        insert(tx, event.id);
        end();
      });
      inbox.receive({ endpoint: name, body: "{}", headers: { "x-knocker-token": "s" } });
    }
    const done = await inbox.runWorkerOnce();
    assert.deepEqual(done.map(({ status }) => status), ["failed", "failed", "dead", "ignored", "failed", "failed"]);
    assert.deepEqual(s.orders(), []);
    const [text, wrong, , , , failed] = inbox.listEvents();
    assert.match(failed.last_error, /TypeError: no such customer/);
    assert.match(wrong.last_error, /RetryAfter: .*seconds/);
    assert.match(text.last_error, /a text/);
  });

  test("a handler that commits or rolls back by itself has failed, and the worker goes on", async (s) => {
    const inbox = s.attach();
    let act;
    inbox.registerHandler("orders", (event, tx) => {
      insert(tx, event.id);
      act(tx);
    });
    for (const sql of [["COMMIT"], ["ROLLBACK"], ["COMMIT", "BEGIN IMMEDIATE"], ["ROLLBACK", "BEGIN"]]) {
      const { event_id } = receive(inbox);
      act = (tx) => sql.forEach((statement) => tx.exec(statement));
      const [finished] = await inbox.runWorkerOnce();
      assert.deepEqual([finished.event_id, finished.status], [event_id, "failed"], sql.join());
      assert.match(inbox.getEvent(event_id).last_error, /transaction_ended/);
    }
    const { event_id } = receive(inbox);
    act = (tx) => tx.exec("SAVEPOINT mine; RELEASE mine");
    assert.equal((await inbox.runWorkerOnce())[0].status, "handled");
    assert.ok(s.orders().includes(event_id));
  });

  test("a deferred foreign key that fails the commit fails the run, and the connection is free again", async (s) => {
    const inbox = s.attach();
    const { event_id } = receive(inbox);
    inbox.registerHandler("orders", (event, tx) => insert(tx, event.id, 4711));
    assert.equal((await inbox.runWorkerOnce())[0].status, "failed");
    assert.match(inbox.getEvent(event_id).last_error, /FOREIGN KEY/);
    assert.deepEqual(s.orders(), []);
    s.db.exec("BEGIN IMMEDIATE");
    s.db.exec("COMMIT");
  });

  test("an asynchronous handler on a single connection is refused, or has failed before it writes more", async (s) => {
    const inbox = s.attach();
    assert.throws(() => inbox.registerHandler("orders", async () => {}), { code: "invalid_argument", message: /attach\(\(\) => new Database/ });
    let started = false;
    const answers = {
      promise: (event, tx) => {
        insert(tx, event.id);
        return Promise.reject(new Error("nobody waits for this one"));
      },
      query: (event, tx) => {
        insert(tx, event.id);
        return { then: () => (started = true) };
      },
    };
    for (const [kind, handler] of Object.entries(answers)) {
      const { event_id } = receive(inbox);
      inbox.registerHandler("orders", handler);
      assert.equal((await inbox.runWorkerOnce())[0].status, "failed", kind);
      assert.match(inbox.getEvent(event_id).last_error, /The handler is asynchronous/);
    }
    assert.deepEqual([started, s.orders()], [false, []]);
    await sleep(10); // a rejection that nobody handles would end the process
  });

  test("a worker waits while the application's own transaction is open, and claims nothing in it", async (s) => {
    const inbox = s.attach();
    const { event_id } = receive(inbox);
    inbox.registerHandler("orders", (event, tx) => insert(tx, event.id));
    s.db.exec("BEGIN");
    insert(s.db, 1000);
    await assert.rejects(inbox.runWorkerOnce(), { code: "invalid_state" });
    const running = inbox.runWorker();
    await sleep(60);
    s.db.exec("ROLLBACK");
    await until(() => s.orders().length > 0);
    inbox.stop();
    assert.deepEqual(await running, { rolled_back: [], given_back: 0 });
    assert.deepEqual(s.orders(), [event_id]);
  });

  test("while another process writes the event goes back, and is handled when the file is free", async (s) => {
    const inbox = s.attach();
    const { event_id } = receive(inbox);
    let other;
    inbox.registerHandler("orders", (event, tx) => insert(tx, event.id));
    s.db.exec("PRAGMA busy_timeout = 50");
    // Just between the claim and the handler's transaction.
    const { exec } = s.db;
    s.db.exec = function (sql) {
      if (sql === "BEGIN IMMEDIATE" && other === undefined) {
        other = s.open();
        other.exec("BEGIN IMMEDIATE");
        setTimeout(() => other.exec("COMMIT"), 300);
      }
      return exec.call(s.db, sql);
    };
    const running = inbox.runWorker();
    await until(() => s.orders().length > 0);
    inbox.stop();
    await running;
    assert.deepEqual(inbox.listAttempts(event_id).map(({ outcome }) => outcome), ["handled"]);
  });

  test("closing the inbox in a handler rolls it back and gives the event back; closing the connection ends the worker", async (s) => {
    const inbox = s.attach();
    const { event_id } = receive(inbox);
    inbox.registerHandler("orders", (event, tx) => {
      insert(tx, event.id);
      inbox.close();
    });
    await inbox.runWorker();
    assert.deepEqual([s.orders(), s.values("SELECT status FROM knocker_events")], [[], ["received"]]);

    const again = s.attach();
    again.registerHandler("orders", (event, tx) => insert(tx, event.id));
    assert.equal((await again.runWorkerOnce()).length, 1, "given back, not left to the end of its lease");
    assert.deepEqual(s.orders(), [event_id]);
    const running = again.runWorker();
    await sleep(20);
    s.db.close();
    await running;
  });

  test("one handler at a time is all that there is", async (s) => {
    const inbox = s.attach();
    await assert.rejects(inbox.runWorker({ concurrency: 2 }), { code: "invalid_argument" });
    await assert.rejects(inbox.runWorker({ handlerSynchronous: "full" }), { code: "invalid_argument" });
    await assert.rejects(inbox.runWorker({ leaseSeconds: 2 }), { code: "invalid_argument" });
  });

  test("a worker leaves the event loop its turns", async (s) => {
    const inbox = s.attach();
    for (let n = 0; n < 20; n++) inbox.receive({ endpoint: "orders", body: `{"n":${n}}`, headers: SIGNED });
    const order = [];
    inbox.registerHandler("orders", () => {
      if (order.length === 0) setImmediate(() => order.push("other"));
      order.push("handler");
    });
    const running = inbox.runWorker();
    await until(() => order.length === 21);
    inbox.stop();
    await running;
    assert.ok(order.indexOf("other") < 5, order.join());
  });
}
