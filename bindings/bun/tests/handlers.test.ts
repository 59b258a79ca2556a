import { expect, test } from "bun:test";

import { KnockerError, type KnockerEvent } from "../src/index.js";
import { inboxOf, receive, SIGNED, until, workUntil } from "./helpers.js";

test("a handler's rows and its handled are one commit", async () => {
  const inbox = inboxOf({ backoffJitter: false, clock: { nowS: 1_800_000_000 } });
  let runs = 0;
  inbox.registerHandler("orders", (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS rows (event, run)");
    tx.prepare("INSERT INTO rows VALUES (?, ?)").run(event.id, ++runs);
    if (runs === 1) throw new TypeError("not yet");
  });
  receive(inbox);
  expect((await inbox.runWorkerOnce()).map(({ status }) => status)).toEqual(["failed"]);
  inbox.setClock(1_800_000_010);
  expect((await inbox.runWorkerOnce()).map(({ status }) => status)).toEqual(["handled"]);
  let rows: unknown;
  inbox.registerHandler("orders", (_, tx) => void (rows = tx.prepare("SELECT run FROM rows").all()));
  receive(inbox, { second: true });
  await inbox.runWorkerOnce();
  expect(rows).toEqual([{ run: 2 }]);
});

test("values keep their type and their content", async () => {
  const inbox = inboxOf();
  const values = [0, 2n ** 63n - 1n, 1.5, -0, "Zoë 🦉", "a\0b", Buffer.from([0, 255]), Buffer.alloc(0), null];
  let seen: unknown[] = [];
  inbox.registerHandler("orders", (_, tx) => {
    seen = values.map((value) => tx.prepare("SELECT ? AS v").get(value)!.v);
  });
  receive(inbox);
  await inbox.runWorkerOnce();
  expect(seen).toEqual(values);
});

test("eight asynchronous handlers on one loop wait first, write last, and never mix their writes", async () => {
  const inbox = inboxOf();
  let together = 0;
  let most = 0;
  const order: number[] = [];
  inbox.registerHandler("orders", async (event, tx) => {
    most = Math.max(most, ++together);
    await Bun.sleep(20);
    await tx.begin();
    tx.exec("CREATE TABLE IF NOT EXISTS rows (event, part)");
    for (const part of [1, 2]) {
      order.push(event.id);
      tx.prepare("INSERT INTO rows VALUES (?, ?)").run(event.id, part);
      await Bun.sleep(1);
    }
    together--;
  });
  for (let n = 0; n < 24; n++) receive(inbox, { n });
  await workUntil(inbox, () => inbox.stats().events.handled === 24, 8);
  expect(most).toBeGreaterThan(1);
  for (let at = 0; at < order.length; at += 2) expect(order[at]).toBe(order[at + 1]!);
  expect(inbox.listEvents({ limit: 1000 }).every(({ attempt_count }) => attempt_count === 1)).toBe(true);
});

test("a synchronous receive that would wait for a handler of its own loop fails at once; receiveAsync waits", async () => {
  const inbox = inboxOf();
  let code = "";
  let stored = 0;
  let later: Promise<unknown> | undefined;
  inbox.registerHandler("orders", async (event: KnockerEvent, tx) => {
    if ((event.json() as { n: number }).n !== 1) return;
    tx.exec("CREATE TABLE IF NOT EXISTS rows (event)");
    const begun = performance.now();
    try {
      receive(inbox, { n: 2 });
    } catch (error) {
      code = (error as KnockerError).code;
    }
    expect(performance.now() - begun).toBeLessThan(1000);
    later = inbox.receiveAsync({ endpoint: "orders", body: '{"n":3}', headers: SIGNED }).then(() => stored++);
    await Bun.sleep(20);
    expect(stored).toBe(0);
  });
  receive(inbox, { n: 1 });
  await workUntil(inbox, () => inbox.stats().events.handled === 2, 8);
  await later;
  expect([code, stored]).toEqual(["would_deadlock", 1]);
});

test("a handler that first writes while another holds the writer runs again, and no attempt counts", async () => {
  const inbox = inboxOf();
  let runs = 0;
  inbox.registerHandler("orders", async (event, tx) => {
    runs++;
    await Bun.sleep(5);
    tx.exec("CREATE TABLE IF NOT EXISTS rows (event)");
    await Bun.sleep(5);
    tx.prepare("INSERT INTO rows VALUES (?)").run(event.id);
  });
  for (let n = 0; n < 16; n++) receive(inbox, { n });
  await workUntil(inbox, () => inbox.stats().events.handled === 16, 8);
  expect(runs).toBeGreaterThanOrEqual(16);
  expect(inbox.listEvents({ limit: 1000 }).every(({ attempt_count }) => attempt_count === 1)).toBe(true);
});

test("tx.signal tells of the time limit", async () => {
  const inbox = inboxOf();
  let reason: unknown;
  inbox.registerHandler(
    "orders",
    async (_, tx) => {
      await new Promise((resolve) => tx.signal.addEventListener("abort", resolve, { once: true }));
      reason = tx.signal.reason;
    },
    undefined,
    { timeoutS: 0.2 },
  );
  receive(inbox);
  await workUntil(inbox, () => inbox.stats().events.failed === 1);
  await until(() => reason !== undefined);
  expect((reason as KnockerError).code).toBe("handler_timeout");
});
