/**
 * The torture's Node programs: an SQLite of Node's world beside Knocker's.
 *
 * Called by the torture command as `node FILE ROLE path journal_mode writer`; runs
 * until its standard input ends. Each writer is a worker thread, so that both
 * copies of SQLite are at work at the same moment.
 */

import { readdirSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { Worker, isMainThread, workerData } from "node:worker_threads";
import { setTimeout as sleep } from "node:timers/promises";

import { KnockerSqlite } from "../../../../bindings/node/dist/esm/index.js";

const FILLER = Buffer.alloc(300);
const BACK = 10;
const ADDON = new URL("../../../../build/node/knocker.node", import.meta.url);

/** Prints a line in one write: the threads share the pipe, and a kill must not cut it. */
function say(...words) {
  writeSync(1, `${words.join(" ").replaceAll("\n", " ")}\n`);
}

/** Plays the role. `connect(path)` opens a connection with run(sql, ...parameters), get, load(extension) and close. */
export async function main(entry, connect) {
  if (!isMainThread) return thread(connect, workerData);
  const [role, path, mode, name] = process.argv.slice(2);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const start = (kind, number, reopen) =>
    new Promise((resolve) => {
      const worker = new Worker(new URL(entry), { workerData: { kind, path, mode, name: `${name}.${kind}${number}`, reopen, stop } });
      worker.on("error", (error) => say("error", kind, error?.stack ?? error));
      worker.on("exit", resolve);
    });
  const work = [];
  if (role !== "host") work.push(start("knocker", 0, role === "embedded"));
  if (role === "host") work.push(start("host", 0, true));
  if (role === "main") work.push(start("host", 1, false), start("host", 2, true));
  const counting = role === "main" ? setInterval(() => say("fds", readdirSync("/proc/self/fd").length), 50) : undefined;
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.once("end", resolve));
  Atomics.store(stop, 0, 1);
  await Promise.all(work);
  clearInterval(counting);
}

function thread(connect, data) {
  // The build that can leave the cure out; what is loaded first stays.
  if (process.env.TORTURE_LIBRARY) createRequire(ADDON)(ADDON.pathname).load(process.env.TORTURE_LIBRARY);
  if (process.env.TORTURE_ENGINE === "host") handOver(connect);
  const stopped = () => Atomics.load(data.stop, 0) === 1;
  return data.kind === "host" ? host(connect, data, stopped) : knocker(data, stopped);
}

/** Lets the host's SQLite hand itself over. */
function handOver(connect) {
  const db = connect(":memory:");
  db.load(process.env.TORTURE_LIBRARY);
  db.close();
}

/** Writes through the host's SQLite, on one connection or on a new one every few transactions. */
async function host(connect, { path, mode, name, reopen }, stopped) {
  let connection;
  for (let n = 1; !stopped(); ) {
    try {
      connection ??= connect(path);
      connection.run(`PRAGMA synchronous=${mode === "delete" ? "OFF" : "NORMAL"}`);
      transaction(connection, name, n);
      say("commit", name, n++);
    } catch (error) {
      if (!String(error.message).includes("database is locked")) {
        say("error", name, error);
        await sleep(1);
      }
    }
    if (connection !== undefined && reopen && n % 5 === 0) {
      connection.close();
      connection = undefined;
    }
  }
  connection?.close();
}

/** Writes row n; what this writer wrote before must be there. */
function transaction(connection, name, n) {
  connection.run("BEGIN IMMEDIATE");
  try {
    connection.run("INSERT INTO entry VALUES(?,?,?)", name, n, FILLER);
    connection.run("UPDATE total SET n = n + 1");
    const { seen } = connection.get("SELECT count(*) AS seen FROM entry WHERE writer = ? AND n > ?", name, n - BACK);
    if (seen !== Math.min(n, BACK)) throw new Error(`${seen} of the last ${Math.min(n, BACK)} rows are there before commit`);
    connection.run("COMMIT");
  } catch (error) {
    try {
      connection.run("ROLLBACK");
    } catch {
      // It had ended already.
    }
    throw error;
  }
}

/** Receives and handles; opens the inbox again and again if told to. */
async function knocker({ path, mode, name, reopen }, stopped) {
  for (let generation = 0; !stopped(); generation++) {
    const end = reopen ? Date.now() + 700 : Infinity;
    try {
      await useInbox(path, mode, `${name}.g${generation}`, () => stopped() || Date.now() >= end);
    } catch (error) {
      say("error", name, error.code, error);
      await sleep(5);
    }
  }
}

async function useInbox(path, mode, name, over) {
  const inbox = new KnockerSqlite(path, {
    journalMode: mode === "delete" ? "keep" : "wal",
    engine: process.env.TORTURE_ENGINE,
    busyTimeoutMs: 20_000,
    receiveTimeoutMs: 20_000,
    maxTransactionS: 20,
  });
  try {
    inbox.addEndpoint({ name: "torture", provider: "token-header", secrets: "token" });
    const begun = [];
    inbox.registerHandler("torture", (event, tx) => {
      tx.prepare("INSERT INTO handled VALUES(?)").run(event.id);
      tx.exec("UPDATE total SET n = n + 1");
      begun.push(event.id);
    });
    const running = inbox.runWorker();
    await Promise.all([receive(inbox, `${name}.0`, over), receive(inbox, `${name}.1`, over), confirm(inbox, begun, over)]);
    inbox.stop();
    await running;
    await confirm(inbox, begun, () => true);
  } finally {
    await inbox.closeAsync();
  }
}

/** Receives one event after the other. */
async function receive(inbox, name, over) {
  for (let n = 1; !over(); ) {
    let result;
    try {
      result = await inbox.receiveAsync({
        endpoint: "torture", body: '{"type":"torture"}', headers: { "x-knocker-token": "token" }, dedupeKey: `${name} ${n}`,
      });
    } catch (error) {
      if (error.code !== "busy") {
        say("error", "receive", name, error.code, error);
        await sleep(1);
      }
      continue;
    }
    if (result.status_code !== 204) return say("error", "receive", name, result.status_code, result.reason);
    // A duplicate was stored by a call that answered busy: fine too.
    if (!result.duplicate) say("commit", name, n);
    n++;
  }
}

/** Reports the events of whose commit a read knows. */
async function confirm(inbox, begun, over) {
  do {
    const event = begun.shift();
    if (event === undefined) {
      if (over()) return;
      await sleep(20);
      continue;
    }
    try {
      if ((await inbox.getEventAsync(event)).status === "handled") say("handled", event);
      else if (!over()) {
        begun.push(event); // its commit is under way, or it runs once more
        await sleep(2);
      }
    } catch (error) {
      if (error.code !== "busy") say("error", "getEvent", error.code, error);
    }
  } while (!over() || begun.length > 0);
}
