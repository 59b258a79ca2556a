/** Loading the library into a host's connection, and the raw SQL of docs/sql.md. */

import assert from "node:assert/strict";

import { SIGNED, TOKEN, insert, receive } from "./setting.mjs";

const one = (db, sql, ...values) => Object.values(db.prepare(sql).get(...values))[0];
const number = (value) => Number(value);

export function loading(test, host) {
  const { load, loadablePath, KnockerError } = host.knocker;

  test("the raw SQL walk: the application's row, handled and the job's end are one commit, or none", (s) => {
    load(s.db);
    load(s.db);
    assert.equal(number(one(s.db, "SELECT knocker_endpoint_upsert('provider', '/webhooks/provider', 'token-header', 1)")), 1);
    const body = Buffer.from([0, 255, 1]);
    const receipt = () =>
      JSON.parse(
        one(
          s.db,
          "SELECT knocker_receive('provider', 'token-header', json_array(?), json_object(), 'POST', ?, ?, NULL, NULL, NULL, NULL, 'key', 'knocker.events', 3)",
          TOKEN,
          JSON.stringify(SIGNED),
          body,
        ),
      );
    const first = receipt();
    assert.deepEqual([first.status_code, first.duplicate, first.durable], [204, 0, 1]);
    assert.deepEqual(Buffer.from(one(s.db, "SELECT body_blob FROM knocker_deliveries")), body);
    for (const end of ["ROLLBACK", "COMMIT"]) {
      s.db.exec("BEGIN IMMEDIATE");
      const [job] = JSON.parse(one(s.db, "SELECT honker_claim_batch('knocker.events', 'worker-1', 1, 60)"));
      const { event_id } = JSON.parse(job.payload);
      assert.equal(event_id, first.event_id);
      assert.equal(one(s.db, "SELECT knocker_mark_processing(?, ?)", event_id, job.attempts), 1);
      insert(s.db, event_id);
      assert.equal(one(s.db, "SELECT knocker_mark_handled(?, 7)", event_id), 1);
      assert.equal(one(s.db, "SELECT honker_ack(?, 'somebody else')", job.id), 0);
      assert.equal(one(s.db, "SELECT honker_ack(?, 'worker-1')", job.id), 1);
      s.db.exec(end);
      const done = end === "COMMIT";
      assert.deepEqual(s.orders(), done ? [event_id] : []);
      assert.deepEqual(s.values("SELECT status FROM knocker_events"), [done ? "handled" : "received"]);
      assert.deepEqual(s.values("SELECT count(*) FROM _honker_live"), [done ? 0 : 1]);
    }
    assert.equal(receipt().duplicate, 1);
  });

  test("what is no connection, and a connection that is closed, are told apart from each other", (s) => {
    for (const wrong of [undefined, null, {}, "app.db", 7, Promise.resolve(s.db)]) {
      assert.throws(() => load(wrong), { code: "invalid_argument" });
      assert.throws(() => host.knocker.attach(wrong), (error) => error instanceof KnockerError && error.code === "invalid_argument");
    }
    assert.throws(() => host.knocker.attach(() => s.path), { code: "invalid_argument" });
    s.db.close();
    const closed = (error) => error instanceof KnockerError && error.code === "closed" && !/allowExtension/.test(error.message);
    assert.throws(() => load(s.db), closed);
    assert.throws(() => host.knocker.attach(s.db), closed);
  });

  test("the library's path is a file that a host loads by itself", (s) => {
    s.db.loadExtension(loadablePath());
    assert.match(one(s.db, "SELECT knocker_version()"), /^\d+\.\d+/);
  });

  test("errors of the library in the host's SQL begin with their code, and the connection goes on", (s) => {
    load(s.db);
    assert.throws(() => one(s.db, "SELECT knocker_mark_handled(99, 1)"), /not_found: /);
    assert.throws(() => one(s.db, "SELECT knocker_call(1, 2)"), /invalid_argument: /);
    assert.equal(JSON.parse(one(s.db, "SELECT knocker_call('no_such_method', '{}')")).error.code, "unknown_method");
    insert(s.db, 1);
  });

  test("receiving joins the application's transaction, and numbers are numbers however the host reads integers", (s) => {
    const db = host.bigints(s.path);
    s.after(() => db.close());
    const inbox = s.attach(db);
    db.exec("BEGIN IMMEDIATE");
    const inside = receive(inbox);
    assert.deepEqual([inside.durable, inside.duplicate, typeof inside.event_id], [false, false, "number"]);
    db.exec("ROLLBACK");
    assert.equal(number(s.values("SELECT count(*) FROM knocker_events")[0]), 0);
    const result = receive(inbox);
    assert.deepEqual([result.durable, result.status_code, typeof result.event_id], [true, 204, "number"]);
    const event = inbox.getEvent(result.event_id);
    assert.deepEqual([typeof event.id, typeof event.received_at, typeof inbox.stats().jobs_ready], ["number", "number", "number"]);
    assert.deepEqual(event.json(), { total: 1 });
  });

  test("whole bodies, text and bytes of every kind, arrive as they were sent", (s) => {
    const inbox = s.attach();
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set([1, 0, 2]);
    for (const body of [Buffer.from([0, 255]), new Uint8Array([9, 8, 7]).subarray(1), shared, "é\0", new ArrayBuffer(4), ""]) {
      const { event_id, status_code } = inbox.receive({ endpoint: "orders", body, headers: SIGNED });
      assert.equal(status_code, 204);
      const expected = typeof body === "string" ? Buffer.from(body) : Buffer.from(new Uint8Array(body));
      assert.deepEqual(inbox.getEvent(event_id).body, expected);
    }
    assert.throws(() => inbox.receive({ endpoint: "orders", body: [1], headers: SIGNED }), { code: "body_consumed" });
  });

  test("operators' calls, options and errors are those of an opened inbox", async (s) => {
    const inbox = s.attach(s.db, { maxBodyBytes: 1000 });
    assert.equal(inbox.maxBodyBytes, 1000);
    assert.ok(inbox instanceof host.knocker.KnockerSqlite);
    assert.deepEqual([inbox.info().engine, inbox.path.endsWith("app.db"), inbox.info().schema_version > 0], ["host", true, true]);
    assert.equal(inbox.receive({ endpoint: "orders", body: Buffer.alloc(1001), headers: SIGNED }).status_code, 413);
    const { event_id } = await inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: SIGNED });
    await assert.rejects(inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: SIGNED, signal: AbortSignal.abort() }), { code: "cancelled" });
    assert.equal(inbox.ignore(event_id), event_id);
    assert.equal(await inbox.requeueAsync(event_id), event_id);
    assert.deepEqual(await inbox.ignoreEvents({ endpoint: "orders" }), { matched: 1, changed: 1, skipped: 0 });
    const ids = [];
    for await (const event of inbox.events()) ids.push(event.id);
    assert.deepEqual(ids, [event_id]);
    assert.deepEqual(inbox.check().integrity, []);
    assert.throws(() => inbox.backup(`${s.path}.copy`), { code: "invalid_state" });
    assert.throws(() => inbox.receive({ endpoint: "nobody", body: "{}" }), { code: "unknown_endpoint", http_status: 404 });
    assert.throws(() => host.knocker.attach(s.db, { maxBodyBytes: 999 }), { code: "open_options_conflict" });
    assert.throws(() => host.knocker.attach(s.db, { maxBodyByte: 1000 }), { code: "invalid_argument", message: /max_body_bytes/ });
    inbox.close();
    assert.throws(() => inbox.stats(), { code: "closed" });
    insert(s.db, 1); // the connection is the application's
  });

  test("a schema that is dropped under the inbox is schema_missing", (s) => {
    const inbox = s.attach();
    s.db.exec("PRAGMA foreign_keys = OFF");
    for (const name of s.values("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'knocker_%'")) s.db.exec(`DROP TABLE ${name}`);
    assert.throws(() => receive(inbox), { code: "schema_missing" });
  });
}
