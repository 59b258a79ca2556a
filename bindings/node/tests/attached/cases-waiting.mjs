/** Asynchronous handlers: an inbox that is attached to a function, so that workers have connections of their own. */

import assert from "node:assert/strict";

import { insert, receive, SIGNED, sleep, until } from "./setting.mjs";

export function waiting(test, host) {
  test("an asynchronous handler's writes and handled commit together, on a connection of the worker's own", async (s) => {
    const made = [];
    const inbox = s.attach(() => made[made.push(s.open()) - 1]);
    const { event_id } = receive(inbox);
    inbox.registerHandler("orders", async (event, tx) => {
      insert(tx, event.id);
      await sleep(10);
      assert.equal(tx, made[1]);
      assert.deepEqual([s.orders(), receive(inbox).durable], [[], false], "its own receive is in its transaction");
      throw new Error("and so are both gone");
    });
    assert.equal((await inbox.runWorkerOnce())[0].status, "failed");
    assert.deepEqual([s.orders(), s.values("SELECT count(*) FROM knocker_events")], [[], [1]]);
    inbox.registerHandler("orders", async (event, tx) => {
      await sleep(1);
      insert(tx, event.id);
    });
    inbox.replay(event_id);
    assert.equal((await inbox.runWorkerOnce())[0].status, "handled");
    assert.deepEqual(s.orders(), [event_id]);
    inbox.close();
    for (const db of made) assert.throws(() => db.prepare("SELECT 1").get(), "closed with what it was made for");
  });

  test("while a handler waits, what needs the writer waits too, or is told that it would wait for ever", async (s) => {
    const inbox = s.attach(() => s.open());
    const second = host.knocker.attach(() => s.open());
    s.after(() => second.close());
    const { event_id } = receive(inbox);
    let go;
    let started = false;
    const gate = new Promise((resolve) => (go = resolve));
    inbox.registerHandler("orders", async (event, tx) => {
      if (event.id !== event_id) return;
      insert(tx, event.id);
      started = true;
      await gate;
    });
    const running = inbox.runWorker();
    const twin = second.runWorker();
    await until(() => started);
    assert.equal(inbox.listRunning()[0]?.event_id, event_id, "reading waits for nobody");
    const start = performance.now();
    assert.throws(() => receive(inbox), { code: "would_deadlock", http_status: 503 });
    assert.throws(() => second.pruneEvents(0), { code: "would_deadlock" });
    assert.ok(performance.now() - start < 500, "at once, not after a busy timeout");
    const body = Buffer.from('{"total":2}');
    const later = inbox.receiveAsync({ endpoint: "orders", body, headers: SIGNED });
    body.fill(0);
    const cancelled = assert.rejects(second.receiveAsync({ endpoint: "orders", body: "{}", headers: SIGNED, signal: AbortSignal.timeout(20) }), { code: "cancelled" });
    await cancelled;
    assert.equal(inbox.listEvents().length, 1, "neither is stored yet");
    go();
    const result = await later;
    assert.equal(result.durable, true);
    assert.deepEqual(inbox.getEvent(result.event_id).json(), { total: 2 });
    await until(() => inbox.getEvent(result.event_id).status === "handled");
    inbox.stop();
    second.stop();
    await Promise.all([running, twin]);
    assert.deepEqual(s.orders(), [event_id]);
  });

  test("workers of one loop take turns, and one that stops does not wait for the other's handler", async (s) => {
    const inboxes = [s.attach(() => s.open()), s.attach(() => s.open())];
    const events = Array.from({ length: 12 }, () => receive(inboxes[0]).event_id);
    let running = 0;
    let most = 0;
    let longest = 5;
    inboxes[0].registerHandler("orders", async (event, tx) => {
      most = Math.max(most, ++running);
      insert(tx, event.id);
      await sleep(longest);
      running--;
    });
    const start = performance.now();
    const workers = inboxes.map((inbox) => inbox.runWorker());
    await until(() => s.orders().length === events.length);
    assert.ok(performance.now() - start < 1900, "nobody has waited for a busy timeout");
    assert.equal(most, 1);
    longest = 300;
    receive(inboxes[0]);
    await until(() => running === 1);
    const stopped = performance.now();
    inboxes.forEach((inbox) => inbox.stop());
    await Promise.race(workers);
    assert.ok(performance.now() - stopped < 250);
    await Promise.all(workers);
    assert.equal(s.orders().length, events.length + 1);
  });

  test("a database in memory is a single connection's", (s) => {
    const db = host.open(":memory:");
    s.after(() => db.close());
    assert.throws(() => host.knocker.attach(() => host.open(":memory:")), { code: "invalid_argument" });
    const inbox = host.knocker.attach(db);
    inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "dev-secret" });
    assert.deepEqual([inbox.path, receive(inbox).durable], ["", false]);
    inbox.close();
  });

  test("a handler that outlives its time has failed, and can't write any more", async (s) => {
    const inbox = s.attach(() => s.open());
    const { event_id } = receive(inbox);
    let late;
    inbox.registerHandler("orders", async (event, tx) => {
      insert(tx, event.id);
      const kept = tx.prepare("INSERT INTO orders VALUES (98, NULL)");
      await sleep(400);
      assert.throws(() => insert(tx, 99));
      assert.throws(() => kept.run());
      late = "refused";
    }, { timeoutS: 0.1 });
    const [finished] = await inbox.runWorkerOnce();
    assert.equal(finished.status, "failed");
    assert.match(inbox.getEvent(event_id).last_error, /handler_timeout/);
    await until(() => late === "refused");
    assert.deepEqual(s.orders(), []);
    inbox.registerHandler("orders", async (event, tx) => insert(tx, event.id));
    inbox.replay(event_id);
    assert.equal((await inbox.runWorkerOnce())[0].status, "handled", "on a new connection");
    assert.deepEqual(s.orders(), [event_id]);
  });

  test("stopping waits for the running handler, and rolls it back at the deadline", async (s) => {
    const inbox = s.attach(() => s.open());
    const first = receive(inbox).event_id;
    let started = 0;
    let pause = 100;
    inbox.registerHandler("orders", async (event, tx) => {
      started++;
      insert(tx, event.id);
      await sleep(pause);
    });
    let running = inbox.runWorker({ stopTimeoutS: 5 });
    await until(() => started === 1);
    inbox.stop();
    assert.deepEqual(await running, { rolled_back: [], given_back: 0 });
    assert.deepEqual(s.orders(), [first]);

    pause = 1500;
    const second = receive(inbox).event_id;
    running = inbox.runWorker({ stopTimeoutS: 0.1 });
    await until(() => started === 2);
    inbox.stop();
    assert.deepEqual(await running, { rolled_back: [second], given_back: 0 });
    assert.deepEqual([s.orders(), inbox.getEvent(second).status], [[first], "received"]);
    pause = 1;
    assert.equal((await inbox.runWorkerOnce())[0].status, "handled");
  });

  test("closing the inbox under a handler that waits rolls it back at once", async (s) => {
    const inbox = s.attach(() => s.open());
    const { event_id } = receive(inbox);
    let started = false;
    inbox.registerHandler("orders", async (event, tx) => {
      started = true;
      insert(tx, event.id);
      await sleep(200);
    });
    const running = inbox.runWorker();
    await until(() => started);
    inbox.close();
    s.db.exec("BEGIN IMMEDIATE"); // the writer is free
    s.db.exec("COMMIT");
    await running;
    const again = s.attach(() => s.open());
    again.registerHandler("orders", async (event, tx) => insert(tx, event.id));
    assert.deepEqual((await again.runWorkerOnce()).map(({ status }) => status), ["handled"]);
    assert.deepEqual(s.orders(), [event_id]);
  });

  test("a function that fails, or that answers something else, is told by the call that needed it", async (s) => {
    let fail = false;
    const inbox = s.attach(() => {
      if (fail) throw new RangeError("no more connections");
      return s.open();
    });
    receive(inbox);
    inbox.registerHandler("orders", () => {});
    fail = true;
    await assert.rejects(inbox.runWorkerOnce(), RangeError);
    fail = false;
    assert.equal((await inbox.runWorkerOnce()).length, 1);
  });
}
