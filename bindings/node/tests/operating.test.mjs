import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { KnockerEvent, KnockerSqlite, providers } from "knocker";

import { codeOf, filled, folder, inboxOf, receive, SIGNED } from "./helpers.mjs";

test("lists leave bodies out unless asked, and lead on by a cursor", async (t) => {
  const inbox = await filled(t);
  const first = inbox.listEvents({ limit: 60, eventType: "order.*" });
  assert.equal(first.length, 60);
  assert.ok(first[0] instanceof KnockerEvent && first[0].id > first[1].id, "newest first");
  assert.equal(first[0].body_included, false);
  assert.throws(() => first[0].json(), { code: "invalid_state" });
  const second = inbox.listEvents({ limit: 60, eventType: "order.*", cursor: first.cursor, bodies: true });
  assert.deepEqual([second.length, second.cursor], [40, null]);
  assert.deepEqual(second.at(-1).json(), { n: 0 });
  assert.equal(await codeOf(() => inbox.listEvents({ staus: "dead" })), "invalid_argument");
  assert.equal(await codeOf(() => inbox.listEvents({ status: "ded" })), "invalid_argument");
});

test("for await follows the cursors to the end, and ends early without reading on", async (t) => {
  const inbox = await filled(t);
  const ids = [];
  for await (const event of inbox.events({ limit: 7, status: "handled" })) ids.push(event.id);
  assert.deepEqual(ids, Array.from({ length: 100 }, (_, n) => 100 - n));
  for await (const event of inbox.events({ limit: 7, bodies: true })) {
    assert.ok(event.body_included);
    break;
  }
  let refused = 0;
  for await (const delivery of inbox.deliveries({ orphaned: true })) refused += delivery.kind === "rejected";
  assert.equal(refused, 1);
});

test("actions change what they say, and tell why where they can't", async (t) => {
  const inbox = await filled(t);
  assert.equal(inbox.requeue(101), 101);
  assert.equal(await inbox.ignoreAsync(101), 101);
  assert.equal(inbox.getEvent(101).status, "ignored");
  assert.equal(await codeOf(() => inbox.replay(999)), "not_found");
  assert.equal(await codeOf(() => inbox.replayDeliveryAsync(102)), "not_linked");
  inbox.replayDelivery(1);
  assert.equal(inbox.getEvent(1).status, "received");
  assert.equal(await codeOf(() => inbox.requeue(1)), "invalid_state");
});

test("pruning takes a Date or seconds, and guards young events", async (t) => {
  const inbox = await filled(t, { clock: { nowS: 1_700_000_000 } });
  const later = new Date((1_700_000_000 + 40 * 86_400) * 1000);
  inbox.setClock(later.getTime() / 1000);
  assert.equal(await codeOf(() => inbox.pruneEvents(later)), "invalid_argument");
  assert.equal(await codeOf(() => inbox.pruneEvents(new Date(NaN))), "invalid_argument");
  const month = new Date(later.getTime() - 30 * 86_400_000);
  assert.equal(inbox.pruneEvents(month, { limit: 40 }).events_pruned, 40);
  assert.equal((await inbox.pruneEventsAsync(month.getTime() / 1000 + 0.9)).events_pruned, 60);
  assert.equal(inbox.pruneOrphanDeliveries(month).deliveries_pruned, 1);
  assert.equal(inbox.listPruneAudits().length, 3);
  const pass = inbox.runRetentionPass({ deadS: 10 * 86_400 });
  assert.equal(pass.events_pruned, 1, "the dead one, by its own age");
});

test("retention runs by itself until it is stopped", async (t) => {
  const inbox = inboxOf(t);
  inbox.runRetention({ intervalS: 60 });
  assert.equal(inbox.retentionState().running, true);
  assert.equal(inbox.stopRetention(), true);
  assert.equal(inbox.retentionState().running, false);
});

test("a backup is a whole file, and hooks tell what happened", async (t) => {
  const inbox = inboxOf(t);
  const copy = join(folder(t), "copy.db");
  inbox.watchHooks();
  receive(inbox);
  await inbox.backupAsync(copy);
  assert.ok(existsSync(copy));
  const twin = new KnockerSqlite(copy);
  assert.equal(twin.listEvents().length, 1);
  twin.close();
  const { events, dropped } = inbox.pollHooks();
  assert.ok(events.some(({ kind }) => kind === "received"));
  assert.equal(dropped, 0);
});

test("opening is lazy: neither the library nor the file is touched before the first call", async (t) => {
  const path = join(folder(t), "nowhere", "app.db");
  const inbox = new KnockerSqlite(path);
  assert.equal(inbox.maxBodyBytes, 25 * 1024 * 1024);
  inbox.stop();
  assert.equal(await codeOf(() => inbox.open()), "cannot_open");
  inbox.close();
  assert.equal(await codeOf(() => inbox.open()), "closed");
});

test("await using closes the inbox", async (t) => {
  const inbox = inboxOf(t);
  await inbox[Symbol.asyncDispose]();
  assert.equal(inbox.closed, true);
  const other = inboxOf(t);
  other[Symbol.dispose]();
  assert.equal(await codeOf(() => other.stats()), "closed");
});

test("contradicting options on one file are told", async (t) => {
  const inbox = inboxOf(t);
  const twin = new KnockerSqlite(inbox.path, { maxAttempts: 3 });
  assert.equal(await codeOf(() => twin.open()), "open_options_conflict");
  assert.equal(await codeOf(() => new KnockerSqlite(inbox.path, { maxAttempt: 3 }).open()), "invalid_argument");
});

test("an inbox that is dropped without close is released by the collector", { skip: typeof gc !== "function" }, async (t) => {
  const path = join(folder(t), "app.db");
  const use = () => void new KnockerSqlite(path, { maxAttempts: 3 }).open();
  use();
  // Released: other options are no contradiction any more.
  for (let n = 0; n < 200; n++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const twin = new KnockerSqlite(path, { maxAttempts: 4 });
    if ((await codeOf(() => twin.open())) === null) return twin.close();
  }
  assert.fail("it is still open");
});

test("the library lists its providers", () => {
  const stripe = providers().find(({ name }) => name === "stripe");
  assert.equal(stripe.needs_secret, true);
});

test("the counters of this process count", async (t) => {
  const inbox = await filled(t);
  const { events, process } = inbox.stats();
  assert.deepEqual([events.handled, events.dead, process.received], [100, 1, 102]);
  assert.equal(inbox.receive({ endpoint: "orders", body: "", headers: SIGNED }).status_code, 204);
});
