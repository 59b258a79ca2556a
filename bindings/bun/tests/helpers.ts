/** What several test files need. */

import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { KnockerSqlite, type OpenOptions, type ReceiveResult } from "../src/index.js";

export const TOKEN = "dev-secret";
export const SIGNED = { "x-knocker-token": TOKEN };

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "knocker-bun-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** An inbox with the endpoint "orders", closed with the test. */
export function inboxOf(options: OpenOptions = {}): KnockerSqlite {
  const inbox = new KnockerSqlite(join(folder(), "app.db"), options);
  inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: TOKEN });
  cleanups.push(() => inbox.close());
  return inbox;
}

/** Receives one signed request with a JSON body. */
export function receive(inbox: KnockerSqlite, body: unknown = { total: 1 }): ReceiveResult {
  return inbox.receive({ endpoint: "orders", body: JSON.stringify(body), headers: SIGNED });
}

/** Waits, for a bounded time, until a condition is true. */
export async function until(condition: () => boolean, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; !condition(); await Bun.sleep(5)) {
    if (Date.now() > end) throw new Error("the condition did not come true");
  }
}

/** Runs a worker until a condition is true, then stops it. */
export async function workUntil(inbox: KnockerSqlite, condition: () => boolean, concurrency = 1): Promise<void> {
  const stop = new AbortController();
  const running = inbox.runWorker({ concurrency, signal: stop.signal });
  try {
    await Promise.race([until(condition), running]);
  } finally {
    stop.abort();
  }
  await running;
}
