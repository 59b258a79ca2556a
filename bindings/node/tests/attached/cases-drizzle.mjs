/** Drizzle's object as what handlers get. */

import assert from "node:assert/strict";

import { eq } from "drizzle-orm";
import { integer, sqliteTable } from "drizzle-orm/sqlite-core";

import { receive, sleep } from "./setting.mjs";

const orders = sqliteTable("orders", { event: integer().primaryKey(), parent: integer() });

/** `drizzle`: of the host's own entry point. */
export function drizzled(test, host, drizzle) {
  const tx = (db) => drizzle(db, { schema: { orders } });

  test("Drizzle: what it writes in a handler and handled commit or roll back together", async (s) => {
    const inbox = s.attach(s.db, { tx });
    const { event_id } = receive(inbox);
    let fail = true;
    inbox.registerHandler("orders", (event, orm) => {
      orm.insert(orders).values({ event: event.id }).run();
      assert.equal(orm.select().from(orders).where(eq(orders.event, event.id)).all().length, 1);
      orm.transaction((inner) => inner.update(orders).set({ parent: event.id }).run()); // a savepoint
      if (fail) throw new Error("after the write");
    });
    assert.equal((await inbox.runWorkerOnce())[0].status, "failed");
    assert.deepEqual(s.orders(), []);
    fail = false;
    inbox.replay(event_id);
    assert.equal((await inbox.runWorkerOnce())[0].status, "handled");
    assert.deepEqual(s.orders(), [event_id]);
  });

  test("Drizzle: a query that nobody ran is a failure, not a row that is missing", async (s) => {
    const inbox = s.attach(s.db, { tx });
    const { event_id } = receive(inbox);
    inbox.registerHandler("orders", (event, orm) => orm.insert(orders).values({ event: event.id }));
    assert.equal((await inbox.runWorkerOnce())[0].status, "failed");
    assert.match(inbox.getEvent(event_id).last_error, /\.run\(\)/);
    await sleep(5);
    assert.deepEqual(s.orders(), []);
  });

  test("Drizzle: an application's transaction takes a receipt in, and a worker with its own connection may wait", async (s) => {
    const orm = tx(s.db);
    const sync = s.attach(s.db);
    assert.throws(() =>
      orm.transaction((inner) => {
        inner.insert(orders).values({ event: 500 }).run();
        assert.equal(receive(sync).durable, false);
        inner.rollback();
      }),
    );
    assert.deepEqual([s.orders(), s.values("SELECT count(*) FROM knocker_events")], [[], [0]]);
    const inbox = s.attach(() => s.open(), { tx });
    const { event_id } = receive(inbox);
    inbox.registerHandler("orders", async (event, own) => {
      await sleep(5);
      await own.insert(orders).values({ event: event.id });
    });
    assert.equal((await inbox.runWorkerOnce())[0].status, "handled");
    assert.deepEqual(s.orders(), [event_id]);
  });
}
