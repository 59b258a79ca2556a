import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { KnockerError, KnockerSqlite, loadablePath } from "../src/index.js";
import { createTestInbox, sign } from "../src/testing.js";
import { folder, inboxOf, receive, SIGNED, until, workUntil } from "./helpers.js";

test("an inbox touches nothing until its first use", () => {
  const path = join(folder(), "app.db");
  const inbox = new KnockerSqlite(path);
  expect(existsSync(path)).toBe(false);
  inbox.open();
  expect(existsSync(path)).toBe(true);
  inbox.close();
  expect(() => inbox.stats()).toThrow(KnockerError);
});

test("a request is stored before it is answered, a retry folds, a forgery is refused", () => {
  const inbox = inboxOf();
  inbox.addEndpoint({ name: "stripe", provider: "stripe", secrets: "whsec_test" });
  const body = '{"id":"evt_1","type":"invoice.paid"}';
  const { headers } = sign("stripe", { secret: "whsec_test", body });
  const first = inbox.receive({ endpoint: "stripe", body, headers: new Headers(headers) });
  expect(first).toMatchObject({ status_code: 204, duplicate: false, event_id: 1 });
  expect(inbox.receive({ endpoint: "stripe", body, headers })).toMatchObject({ duplicate: true, event_id: 1 });
  expect(inbox.receive({ endpoint: "stripe", body: `${body} `, headers })).toMatchObject({ status_code: 401, event_id: null });
});

test("bodies of every kind arrive byte for byte, from either door", async () => {
  const inbox = inboxOf();
  const bytes = new Uint8Array([0, 255, 10, 0]);
  const bodies = [bytes, Buffer.from(bytes), bytes.buffer, new DataView(bytes.buffer), new Uint8Array(), "Zoë 🦉", new Uint8Array(3_000_000).fill(7)];
  for (const body of bodies) {
    const sent = Buffer.from(await new Blob([body]).arrayBuffer());
    for (const result of [
      inbox.receive({ endpoint: "orders", body, headers: SIGNED }),
      await inbox.receiveAsync({ endpoint: "orders", body, headers: SIGNED }),
    ]) {
      expect(sent.equals(inbox.getDelivery(result.delivery_id!).body_blob!)).toBe(true);
    }
  }
});

test("receives at once share commits and leave the event loop free", async () => {
  const inbox = inboxOf();
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const results = await Promise.all(
    Array.from({ length: 500 }, (_, n) => inbox.receiveAsync({ endpoint: "orders", body: `{"n":${n}}`, headers: SIGNED })),
  );
  clearInterval(timer);
  expect(new Set(results.map(({ event_id }) => event_id)).size).toBe(500);
  expect(turns).toBeGreaterThan(0);
  expect(inbox.stats().process["commits"]!).toBeLessThan(400);
});

test("a receive that is given up in time is not stored", async () => {
  const inbox = inboxOf();
  const given = new AbortController();
  given.abort();
  const refused = inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: SIGNED, signal: given.signal });
  expect(await refused.catch((error: KnockerError) => error.code)).toBe("cancelled");
  expect(inbox.stats().deliveries).toBe(0);
});

test("closing answers those who still wait", async () => {
  const inbox = inboxOf();
  const waiting = Promise.allSettled(
    Array.from({ length: 100 }, (_, n) => inbox.receiveAsync({ endpoint: "orders", body: `${n}`, headers: SIGNED })),
  );
  await inbox.closeAsync();
  for (const outcome of await waiting) {
    if (outcome.status === "rejected") expect((outcome.reason as KnockerError).code).toBe("closed");
  }
});

test("errors keep their code and the status for the route", () => {
  const inbox = inboxOf();
  expect(() => inbox.receive({ endpoint: "order", body: "{}", headers: {} })).toThrow(
    expect.objectContaining({ code: "unknown_endpoint", http_status: 404 }),
  );
});

test("a test inbox has its own clock and drains", async () => {
  const inbox = createTestInbox({ nowS: 1_800_000_000 });
  inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "s" });
  inbox.registerHandler("orders", () => {
    throw new Error("later");
  });
  inbox.receive({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "s" } });
  expect((await inbox.drain()).map(({ status }) => status)).toEqual(["failed"]);
  inbox.advance(100);
  expect(await inbox.drain()).toHaveLength(1);
  inbox.close();
});

test("workers of another JavaScript thread have their own handlers and their own loop", async () => {
  const inbox = inboxOf();
  const source = `
    import { KnockerSqlite } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).pathname)};
    const inbox = new KnockerSqlite(${JSON.stringify(inbox.path)});
    let handled = 0;
    inbox.registerHandler("orders", (event, tx) => { tx.exec("CREATE TABLE IF NOT EXISTS theirs (id)"); handled++; });
    const stop = new AbortController();
    self.onmessage = () => stop.abort();
    postMessage("ready");
    await inbox.runWorker({ signal: stop.signal });
    postMessage(handled);
    inbox.close();
  `;
  const other = new Worker(URL.createObjectURL(new Blob([source], { type: "application/javascript" })));
  const messages: unknown[] = [];
  other.onmessage = ({ data }) => messages.push(data);
  await until(() => messages.length === 1);
  for (let n = 0; n < 20; n++) receive(inbox, { n });
  await until(() => inbox.stats().events.handled === 20);
  other.postMessage("stop");
  await until(() => messages.length === 2);
  expect(messages[1]).toBe(20);
  other.terminate();
});

test("the library's file is there to be loaded as an extension", async () => {
  expect(existsSync(loadablePath())).toBe(true);
  const inbox = inboxOf();
  inbox.registerHandler("orders", () => {});
  receive(inbox);
  await workUntil(inbox, () => inbox.stats().events.handled === 1);
});
