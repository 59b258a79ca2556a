import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { inboxOf, receive } from "./helpers.mjs";

const PROGRAM = fileURLToPath(new URL("programs/handling.mjs", import.meta.url));
const PATIENT = { busyTimeoutMs: 60_000, receiveTimeoutMs: 60_000, maxTransactionS: 60 };

const shell = (path, sql) => execFileSync("sqlite3", ["-batch", path, sql]).toString().trim();

/** Runs the program; answers its exit code and signal. */
function run(path, how) {
  const child = spawn(process.execPath, [PROGRAM, path, how], { stdio: ["ignore", "inherit", "inherit"], timeout: 100_000, killSignal: "SIGTERM" });
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
}

function withEvents(t, count) {
  const inbox = inboxOf(t, PATIENT);
  for (let n = 0; n < count; n++) receive(inbox, { n });
  shell(inbox.path, "CREATE TABLE seen (event INTEGER)");
  return inbox;
}

// A row for each run that was committed: an event that ran twice would have two.
test("many slots and processes handle each event once", { timeout: 120_000 }, async (t) => {
  const inbox = withEvents(t, 80);
  const ends = await Promise.all(Array.from({ length: 3 }, () => run(inbox.path, "lives")));
  assert.deepEqual(ends, Array(3).fill({ code: 0, signal: null }));
  assert.equal(shell(inbox.path, "SELECT count(*), count(DISTINCT event) FROM seen"), "80|80");
  assert.deepEqual({ ...inbox.stats().events }, { handled: 80 });
});

// SIGKILL after the handler's INSERT: the next process runs the event again, and only its row is there.
test("each event is worked once however often the worker dies", { timeout: 120_000 }, async (t) => {
  const inbox = withEvents(t, 24);
  let killed = 0;
  while (inbox.stats().events.handled !== 24) if ((await run(inbox.path, "dies")).signal === "SIGKILL") killed++;
  assert.ok(killed >= 2);
  assert.equal(shell(inbox.path, "SELECT count(*), count(DISTINCT event) FROM seen"), "24|24");
});

test("every answered receipt survives SIGKILL", { timeout: 120_000 }, async (t) => {
  const inbox = inboxOf(t, PATIENT);
  const answered = new Set();
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [PROGRAM, inbox.path, "receives"], { stdio: ["ignore", "pipe", "inherit"] });
    const before = answered.size;
    for await (const line of createInterface(child.stdout)) {
      answered.add(Number(line));
      if (answered.size === before + 20) child.kill("SIGKILL");
    }
  }
  const stored = new Set(shell(inbox.path, "SELECT id FROM knocker_events").split("\n").map(Number));
  assert.deepEqual([...answered].filter((id) => !stored.has(id)), []);
  assert.ok(answered.size >= 60);
});
