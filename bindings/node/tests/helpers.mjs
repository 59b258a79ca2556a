/** What several test files need. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { KnockerSqlite } from "knocker";

export const TOKEN = "dev-secret";
export const SIGNED = { "x-knocker-token": TOKEN };

/** A folder that goes with the test. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), "knocker-node-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** An inbox with the endpoint "orders", closed with the test. */
export function inboxOf(t, options = {}) {
  const inbox = new KnockerSqlite(join(folder(t), "app.db"), options);
  inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: TOKEN });
  t.after(() => inbox.close());
  return inbox;
}

/** Receives one signed request with a JSON body. */
export function receive(inbox, body = { total: 1 }, more = {}) {
  return inbox.receive({ endpoint: "orders", body: JSON.stringify(body), headers: SIGNED, ...more });
}

/** Waits, for a bounded time, until a condition answers something true. */
export async function until(condition, what = "the condition", ms = 30_000) {
  for (const end = Date.now() + ms; ; await new Promise((resolve) => setTimeout(resolve, 5))) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what} did not come true`);
  }
}

/** Runs a worker until a condition is true, then stops it. */
export async function workUntil(inbox, condition, options = {}) {
  const stop = new AbortController();
  const running = inbox.runWorker({ stopTimeoutS: 20, ...options, signal: stop.signal });
  running.catch(() => undefined);
  try {
    await Promise.race([until(condition), running.then(() => Promise.reject(new Error("the worker ended")))]);
  } finally {
    stop.abort();
  }
  return running;
}

/** The code of the error that a function throws or rejects with. */
export async function codeOf(action) {
  try {
    await action();
  } catch (error) {
    return error.code;
  }
  return null;
}

/** An inbox with a hundred handled events and one dead one. */
export async function filled(t, options = {}) {
  const inbox = inboxOf(t, { maxAttempts: 1, ...options });
  inbox.registerHandler("orders", (event) => {
    if (event.event_type === "bad") throw new Error("broken");
  });
  for (let n = 0; n < 100; n++) receive(inbox, { n }, { eventType: "order.paid", dedupeKey: `k${n}` });
  receive(inbox, {}, { eventType: "bad" });
  inbox.receive({ endpoint: "orders", body: "?", headers: {} });
  await inbox.runWorkerOnce();
  return inbox;
}
