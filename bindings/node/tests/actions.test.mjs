import assert from "node:assert/strict";
import { test } from "node:test";

import { codeOf, filled, inboxOf, receive } from "./helpers.mjs";

test("every read and action has a twin off the loop that answers the same", async (t) => {
  const inbox = await filled(t);
  const calls = [
    ["getEvent", 1], ["getDelivery", 1], ["listEvents", { status: "dead" }], ["listDeliveries", { orphaned: true }], ["listAttempts", 101],
    ["listEndpoints"], ["getEndpoint", "orders"], ["listRunning"], ["statsByEndpoint"], ["listPruneAudits"], ["retentionState"], ["check"],
  ];
  for (const [name, ...values] of calls) {
    assert.deepEqual(await inbox[`${name}Async`](...values), inbox[name](...values), name);
  }
});

test("an action on a filter covers all that it matches in bounded transactions, and tells its progress", async (t) => {
  const inbox = await filled(t);
  const filter = { status: "handled", eventType: "order.paid" };
  assert.deepEqual(await inbox.replayEvents(filter, { dryRun: true }), { matched: 100, changed: 0, skipped: 0 });
  const steps = [];
  assert.equal((await inbox.replayEvents(filter, { limit: 30, progress: ({ changed }) => steps.push(changed) })).changed, 30);
  const done = await inbox.replayEvents(filter, { progress: ({ changed }) => steps.push(changed) });
  assert.deepEqual([done.matched, done.changed], [70, 70]);
  assert.ok(steps.includes(30) && steps.at(-1) === 70, String(steps));
  assert.equal(inbox.stats().events.received, 100);
  assert.equal(await codeOf(() => inbox.ignoreEvents({})), "invalid_argument", "an empty filter is no filter");
  assert.equal((await inbox.ignoreEvents({ all: true })).changed > 0, true);
  const stop = AbortSignal.abort();
  assert.equal(await codeOf(() => inbox.requeueEvents({ status: "ignored" }, { signal: stop })), stop.reason.code);
});

test("refused requests are explained, verified again and accepted", async (t) => {
  const inbox = inboxOf(t);
  const { delivery_id } = inbox.receive({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "guessed" } });
  const explained = inbox.explainDelivery(delivery_id);
  assert.equal(explained.valid, false);
  assert.ok(explained.steps.length > 0 && !JSON.stringify(explained).includes("dev-secret"));
  const { event_id } = inbox.acceptDelivery(delivery_id, "the sender's mistake");
  assert.equal(inbox.getEvent(event_id).status, "received");
  const again = await inbox.reverify({ endpoint: "orders", orphaned: true });
  assert.equal(again.changed, 0);
});

test("a paused endpoint receives and does not run", async (t) => {
  const inbox = inboxOf(t);
  let ran = 0;
  inbox.registerHandler("orders", () => void ran++);
  assert.equal(inbox.pauseEndpoint("orders").paused, true);
  receive(inbox);
  assert.deepEqual([(await inbox.runWorkerOnce()).length, ran], [0, 0]);
  inbox.resumeEndpoint("orders");
  assert.deepEqual([(await inbox.runWorkerOnce()).length, ran], [1, 1]);
});

test("expunging erases the body and keeps what happened", async (t) => {
  const inbox = await filled(t);
  const done = await inbox.expunge({ eventId: 1 }, { reason: "asked for" });
  assert.deepEqual([done.changed, typeof done.erased_from_file], [1, "boolean"]);
  const event = inbox.getEvent(1);
  assert.deepEqual([event.status, event.body.length], ["handled", 0]);
});
