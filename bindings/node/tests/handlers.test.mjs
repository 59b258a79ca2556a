import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Discard, Ignore, KnockerSqlite, RetryAfter } from "knocker";

import { codeOf, folder, inboxOf, receive, until, workUntil } from "./helpers.mjs";

const handled = (inbox, count = 1) => () => inbox.stats().events.handled === count;

/** Runs one event through a handler and answers what the handler gave back. */
async function inHandler(inbox, handler) {
  let answer;
  inbox.registerHandler("orders", async (event, tx) => {
    answer = await handler(tx, event);
  });
  receive(inbox);
  const [finished] = await inbox.runWorkerOnce();
  assert.equal(finished.status, "handled", JSON.stringify(inbox.listAttempts(finished.event_id)));
  return answer;
}

test("a handler's rows and its handled are one commit, and what it throws takes them back", async (t) => {
  const inbox = inboxOf(t, { backoffInitialS: 1, backoffJitter: false, clock: { nowS: 1_700_000_000 } });
  let runs = 0;
  inbox.registerHandler("orders", (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS rows (event, run)");
    tx.prepare("INSERT INTO rows VALUES (?, ?)").run(event.id, ++runs);
    if (runs === 1) throw new TypeError("not yet");
  });
  const { event_id } = receive(inbox);
  assert.deepEqual((await inbox.runWorkerOnce()).map(({ status }) => status), ["failed"]);
  const failed = inbox.getEvent(event_id);
  assert.equal(failed.status, "failed");
  assert.match(failed.last_error, /TypeError: not yet/);
  inbox.setClock(1_700_000_010);
  assert.deepEqual((await inbox.runWorkerOnce()).map(({ status }) => status), ["handled"]);
  let rows;
  inbox.registerHandler("orders", (_, tx) => (rows = tx.prepare("SELECT run FROM rows").all()));
  receive(inbox, { second: true });
  await inbox.runWorkerOnce();
  assert.deepEqual(rows, [{ run: 2 }], "the failed run left nothing");
});

test("an event has its body as a Buffer and as JSON, and its attempt is counted", async (t) => {
  const inbox = inboxOf(t);
  await inHandler(inbox, (_, event) => {
    assert.ok(Buffer.isBuffer(event.body_blob));
    assert.equal(event.body, event.body_blob);
    assert.deepEqual(event.json(), { total: 1 });
    assert.equal(event.attempt_count, 1);
    assert.equal(event.endpoint, "orders");
    assert.equal(event.headers["x-knocker-token"], "[redacted]");
  });
});

test("values keep their type and their exact content", async (t) => {
  const inbox = inboxOf(t);
  const values = [
    0, -1, 2 ** 53 - 1, 2n ** 63n - 1n, -(2n ** 63n), 1.5, -0, 1e300, Infinity, "text", "", "Zoë 🦉", "a\0b",
    Buffer.from([0, 255]), Buffer.alloc(0), null,
  ];
  const seen = await inHandler(inbox, (tx) => values.map((value) => tx.prepare("SELECT ? AS v").get(value).v));
  for (const [n, value] of values.entries()) assert.deepStrictEqual(seen[n], value);
  const more = await inHandler(inboxOf(t), (tx) => [
    tx.prepare("SELECT ?, typeof(?)").get(5n, 5n),
    tx.prepare("SELECT typeof(?1) AS one, ?2 AS two").get(2 ** 53, true),
    tx.prepare("SELECT ? AS v").get(NaN),
    tx.prepare("SELECT hex(?) AS v").get(new Uint8Array([1, 2]).buffer),
  ]);
  assert.deepStrictEqual(more, [{ "?": 5, "typeof(?)": "integer" }, { one: "real", two: 1 }, { v: null }, { v: "0102" }]);
});

test("parameters go by position, as an array, or by name", async (t) => {
  const inbox = inboxOf(t);
  const rows = await inHandler(inbox, (tx) => [
    tx.prepare("SELECT ? AS a, ? AS b").get(1, 2),
    tx.prepare("SELECT ? AS a, ? AS b").get([1, 2]),
    tx.prepare("SELECT :a AS a, @b AS b, $c AS c").get({ a: 1, b: 2, c: 3 }),
    tx.prepare("SELECT 1 AS x WHERE 0").get(),
    tx.prepare("SELECT 1 AS x UNION SELECT 2").all(),
  ]);
  assert.deepEqual(rows, [{ a: 1, b: 2 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }, undefined, [{ x: 1 }, { x: 2 }]]);
});

test("run tells changes and the last rowid, as a bigint where a number is not exact", async (t) => {
  const inbox = inboxOf(t);
  const told = await inHandler(inbox, (tx) => {
    tx.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
    return [
      tx.prepare("INSERT INTO t (a) VALUES (1), (2)").run(),
      tx.prepare("UPDATE t SET a = 0").run().changes,
      tx.prepare("INSERT INTO t (id) VALUES (?)").run(2n ** 60n).lastInsertRowid,
    ];
  });
  assert.deepStrictEqual(told, [{ changes: 2, lastInsertRowid: 2 }, 2, 2n ** 60n]);
});

test("what SQLite has no type for, and what a handler may not do, is an error with a code", async (t) => {
  const inbox = inboxOf(t);
  const codes = await inHandler(inbox, async (tx) => [
    await codeOf(() => tx.prepare("SELECT ?").get(undefined)),
    await codeOf(() => tx.prepare("SELECT ?").get(new Date())),
    await codeOf(() => tx.prepare("SELECT ?").get(2n ** 64n)),
    await codeOf(() => tx.exec("BEGIN")),
    await codeOf(() => tx.exec("DELETE FROM knocker_events")),
    await codeOf(() => tx.exec("SELEKT 1")),
    await codeOf(() => tx.exec("SELECT 1; SELECT 2")),
    await codeOf(() => tx.prepare("SELECT ?, ?").get(1)),
  ]);
  assert.deepEqual(codes, [
    "invalid_argument", "invalid_argument", "invalid_argument", "forbidden_in_handler", "forbidden_in_handler",
    "sql_error", "sql_error", "sql_error",
  ]);
});

test("a tx that is kept after its handler says that it is closed", async (t) => {
  const inbox = inboxOf(t);
  const tx = await inHandler(inbox, (tx) => tx);
  assert.equal(await codeOf(() => tx.exec("SELECT 1")), "closed");
  assert.equal(await codeOf(() => tx.begin()), "closed");
});

test("a handler chooses its outcome by what it throws", async (t) => {
  const inbox = inboxOf(t, { clock: { nowS: 1_700_000_000 } });
  const throws = { later: () => new RetryAfter(120), never: () => new Discard("not ours"), whatever: () => new Ignore("spam"), text: () => "plain text" };
  inbox.registerHandler("orders", (event) => {
    throw throws[event.event_type]();
  });
  for (const eventType of Object.keys(throws)) receive(inbox, {}, { eventType });
  const finished = await inbox.runWorkerOnce();
  assert.deepEqual(finished.map(({ status }) => status), ["failed", "dead", "ignored", "failed"]);
  assert.match(inbox.getEvent(2).last_error, /not ours/);
  assert.match(inbox.getEvent(4).last_error, /plain text/);
  inbox.setClock(1_700_000_119);
  assert.deepEqual((await inbox.runWorkerOnce()).map(({ event_id }) => event_id), [4]);
  inbox.setClock(1_700_000_121);
  assert.ok((await inbox.runWorkerOnce()).some(({ event_id }) => event_id === 1));
});

test("handlers are found by exact type, longest prefix, then the endpoint's own, in either order of arguments", async (t) => {
  const inbox = inboxOf(t);
  const seen = [];
  const note = (name) => (event) => void seen.push([event.event_type, name]);
  inbox.registerHandler("orders", note("default"));
  inbox.registerHandler("orders", note("prefix"), "invoice.*");
  inbox.registerHandler("orders", "invoice.paid", note("exact"), { timeoutS: 5 });
  inbox.registerHandler("orders", note("options"), { maxAttempts: 1 });
  for (const eventType of ["invoice.paid", "invoice.sent", "order", null]) receive(inbox, {}, { eventType });
  await inbox.runWorkerOnce();
  assert.deepEqual(seen, [["invoice.paid", "exact"], ["invoice.sent", "prefix"], ["order", "options"], [null, "options"]]);
  assert.equal(await codeOf(() => inbox.registerHandler("orders", "type")), "invalid_argument");
  assert.equal(await codeOf(() => inbox.registerHandler("orders", () => 0, { timeout: 1 })), "invalid_argument");
});

test("two inboxes on one file share handlers, and the last registration wins: a module evaluated twice", async (t) => {
  const path = join(folder(t), "app.db");
  const seen = [];
  const evaluate = (name) => {
    const inbox = new KnockerSqlite(path);
    inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "dev-secret" });
    inbox.registerHandler("orders", () => void seen.push(name));
    t.after(() => inbox.close());
    return inbox;
  };
  const first = evaluate("first");
  receive(first);
  await workUntil(first, async () => {
    if (seen.length === 1) {
      evaluate("second");
      receive(first);
    }
    return seen.length >= 2;
  });
  assert.deepEqual(seen, ["first", "second"]);
});

test("eight asynchronous handlers wait side by side and never mix their writes", async (t) => {
  const inbox = inboxOf(t);
  let waiting = 0;
  let most = 0;
  let open = 0;
  inbox.registerHandler("orders", async (event, tx) => {
    most = Math.max(most, ++waiting);
    await sleep(40);
    waiting--;
    await tx.begin();
    assert.equal(++open, 1, "one transaction at a time");
    tx.exec("CREATE TABLE IF NOT EXISTS rows (event, step)");
    tx.prepare("INSERT INTO rows VALUES (?, 1)").run(event.id);
    await sleep(2); // a slow one between its own writes
    tx.prepare("INSERT INTO rows VALUES (?, 2)").run(event.id);
    open--;
    if (event.json().fail && event.attempt_count === 1) throw new Error("once");
  });
  for (let n = 0; n < 24; n++) receive(inbox, { fail: n % 3 === 0 });
  await workUntil(inbox, handled(inbox, 24), { concurrency: 8 });
  assert.ok(most >= 4, `${most} at once`);
  const rows = await inHandler(inbox, (tx) => tx.prepare("SELECT event, group_concat(step) AS steps FROM rows GROUP BY event").all());
  assert.equal(rows.length, 24);
  assert.ok(rows.every(({ steps }) => steps === "1,2"), "a failed run left nothing");
});

test("a first use of tx that would wait for a handler of the same loop is run again, and no attempt counts", async (t) => {
  const inbox = inboxOf(t);
  let met = 0;
  inbox.registerHandler("orders", async (event, tx) => {
    try {
      tx.exec("CREATE TABLE IF NOT EXISTS rows (event)");
    } catch (error) {
      met += error.code === "would_deadlock";
      throw error;
    }
    await sleep(30); // holds the transaction open, which is what makes the others meet it
    tx.prepare("INSERT INTO rows VALUES (?)").run(event.id);
  });
  for (let n = 0; n < 16; n++) receive(inbox);
  await workUntil(inbox, handled(inbox, 16), { concurrency: 8 });
  assert.ok(met > 0, "some handler met another one's transaction");
  for (let id = 1; id <= 16; id++) {
    assert.deepEqual(inbox.listAttempts(id).map(({ outcome }) => outcome), ["handled"]);
  }
});

test("while a handler of the loop holds its transaction, receive fails at once and receiveAsync waits", async (t) => {
  const inbox = inboxOf(t);
  let later;
  const seen = await inHandler(inbox, async (tx) => {
    await tx.begin();
    const start = performance.now();
    const sync = await codeOf(() => receive(inbox));
    const action = await codeOf(() => inbox.ignore(1));
    const took = performance.now() - start;
    later = inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "dev-secret" } });
    assert.equal(await Promise.race([later, sleep(50, "waits")]), "waits");
    return { sync, action, took };
  });
  assert.deepEqual([seen.sync, seen.action], ["would_deadlock", "would_deadlock"]);
  assert.ok(seen.took < 1000, `${seen.took} ms`);
  assert.equal((await later).status_code, 204);
});

test("a transaction that stays open too long is rolled back and says so", async (t) => {
  const inbox = inboxOf(t, { maxTransactionS: 0.2 });
  const codes = [];
  inbox.registerHandler("orders", async (_, tx) => {
    if (codes.length > 0) return;
    await tx.begin();
    await sleep(500);
    codes.push(await codeOf(() => tx.exec("SELECT 1")));
  });
  receive(inbox);
  const [finished] = await inbox.runWorkerOnce();
  assert.deepEqual(codes, ["transaction_timeout"]);
  assert.equal(finished.status, "failed");
  assert.equal(finished.error.code, "transaction_timeout");
});

test("tx.signal aborts at the time limit, and a handler that never ends does not stop its worker", async (t) => {
  const inbox = inboxOf(t, { maxAttempts: 1 });
  let reason;
  inbox.registerHandler(
    "orders",
    async (event, tx) => {
      if (event.json().quick) return;
      tx.signal.addEventListener("abort", () => (reason = tx.signal.reason));
      await new Promise(() => undefined);
    },
    { timeoutS: 0.3 },
  );
  receive(inbox, {});
  const { event_id } = receive(inbox, { quick: true });
  await workUntil(inbox, () => inbox.getEvent(event_id).status === "handled");
  assert.equal(reason?.code, "handler_timeout");
  await until(() => inbox.getEvent(1).status === "dead");
});

test("tx.signal aborts when its worker stops at the deadline, and the event is rolled back", async (t) => {
  const inbox = inboxOf(t);
  let reason;
  let begun = false;
  inbox.registerHandler("orders", async (_, tx) => {
    tx.exec("CREATE TABLE never (a)");
    begun = true;
    tx.signal.addEventListener("abort", () => (reason = tx.signal.reason.code));
    await new Promise(() => undefined);
  });
  const { event_id } = receive(inbox);
  const report = await workUntil(inbox, () => begun, { stopTimeoutS: 0.2 });
  assert.deepEqual(report.rolled_back, [event_id]);
  assert.equal(reason, "stopped");
});

test("onFinished sees every run with what its handler threw", async (t) => {
  const inbox = inboxOf(t, { maxAttempts: 1 });
  const runs = [];
  inbox.registerHandler("orders", (event) => {
    if (event.id === 2) throw new Error("two");
  });
  receive(inbox);
  receive(inbox);
  await inbox.runWorkerOnce({ onFinished: ({ status }, { event, attempt, error }) => runs.push([event.id, attempt, status, error?.message]) });
  assert.deepEqual(runs, [[1, 1, "handled", undefined], [2, 1, "dead", "two"]]);
});
