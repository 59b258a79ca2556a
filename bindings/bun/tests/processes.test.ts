/** Several processes on one file, and processes that are killed. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { writeFileSync } from "node:fs";

import { type KnockerSqlite } from "../src/index.js";
import { folder, inboxOf, receive } from "./helpers.js";

const PATIENT = { busyTimeoutMs: 60_000, receiveTimeoutMs: 60_000, maxTransactionS: 60 };

const PROGRAM = `
import { KnockerSqlite } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).pathname)};
const [path, how] = process.argv.slice(2);
const inbox = new KnockerSqlite(path, ${JSON.stringify(PATIENT)});
inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "dev-secret" });
const request = { endpoint: "orders", body: "{}", headers: { "x-knocker-token": "dev-secret" } };
while (how === "receives") {
  for (const { event_id } of await Promise.all(Array.from({ length: 8 }, () => inbox.receiveAsync(request)))) console.log(event_id);
}
inbox.registerHandler("orders", (event, tx) => {
  tx.prepare("INSERT INTO seen VALUES (?)").run(event.id);
  if (how === "dies" && event.attempt_count === 1 && event.id % 4 === 0) process.kill(process.pid, "SIGKILL");
});
const stop = new AbortController();
const running = inbox.runWorker({ concurrency: 4, leaseS: 1, signal: stop.signal });
const left = ({ received = 0, processing = 0, failed = 0 }) => received + processing + failed > 0;
while (left(inbox.stats().events)) await Bun.sleep(50);
stop.abort();
await running;
inbox.close();
`;

function shell(path: string, sql: string): string {
  const { stdout, exitCode } = Bun.spawnSync(["sqlite3", "-batch", path, sql]);
  expect(exitCode).toBe(0);
  return stdout.toString().trim();
}

function start(path: string, how: string) {
  const file = join(folder(), "program.ts");
  writeFileSync(file, PROGRAM);
  return Bun.spawn([process.execPath, file, path, how], { stdout: "pipe", stderr: "inherit" });
}

function withEvents(count: number): KnockerSqlite {
  const inbox = inboxOf(PATIENT);
  for (let n = 0; n < count; n++) receive(inbox, { n });
  shell(inbox.path, "CREATE TABLE seen (event INTEGER)");
  return inbox;
}

// A row for each run that was committed: an event that ran twice would have two.
test("many slots and processes handle each event once", async () => {
  const inbox = withEvents(80);
  const running = Array.from({ length: 3 }, () => start(inbox.path, "lives"));
  expect(await Promise.all(running.map((child) => child.exited))).toEqual([0, 0, 0]);
  expect(shell(inbox.path, "SELECT count(*), count(DISTINCT event) FROM seen")).toBe("80|80");
}, 120_000);

// SIGKILL after the handler's INSERT: the next process runs the event again, and only its row is there.
test("each event is worked once however often the worker dies", async () => {
  const inbox = withEvents(24);
  let killed = 0;
  while (inbox.stats().events.handled !== 24) {
    const child = start(inbox.path, "dies");
    await child.exited;
    if (child.signalCode === "SIGKILL") killed++;
  }
  expect(killed).toBeGreaterThanOrEqual(2);
  expect(shell(inbox.path, "SELECT count(*), count(DISTINCT event) FROM seen")).toBe("24|24");
}, 120_000);

test("every answered receipt survives SIGKILL", async () => {
  const inbox = inboxOf(PATIENT);
  const answered: number[] = [];
  for (let round = 0; round < 3; round++) {
    const child = start(inbox.path, "receives");
    let text = "";
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk);
      if (text.split("\n").length > 20) child.kill("SIGKILL");
    }
    const lines = text.split("\n").slice(0, -1);
    expect(lines.length).toBeGreaterThanOrEqual(20);
    answered.push(...lines.map(Number));
  }
  const stored = new Set(shell(inbox.path, "SELECT id FROM knocker_events").split("\n").map(Number));
  expect(answered.filter((id) => !stored.has(id))).toEqual([]);
}, 120_000);
