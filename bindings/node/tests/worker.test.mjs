import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { KnockerSqlite } from "knocker";

import { codeOf, folder, inboxOf, receive, SIGNED, until, workUntil } from "./helpers.mjs";

const PROGRAM = fileURLToPath(new URL("programs/waiting.mjs", import.meta.url));

/** Runs the waiting program; answers its exit code, signal and output. */
function run(t, how, onReady) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [PROGRAM, join(folder(t), "app.db"), how], { timeout: 30_000, killSignal: "SIGKILL" });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        said += chunk;
        if (said.includes("ready")) onReady?.(child);
      });
    }
    child.on("close", (code, signal) => resolve({ code, signal, said: said.trim() }));
  });
}

test("runWorker ends by its signal, by stop, and before it claims anything where that came first", async (t) => {
  const inbox = inboxOf(t);
  let ran = 0;
  inbox.registerHandler("orders", () => void ran++);
  receive(inbox);
  assert.deepEqual(await inbox.runWorker({ signal: AbortSignal.abort() }), { rolled_back: [], given_back: 0 });
  inbox.stop();
  await inbox.runWorker();
  assert.equal(ran, 0);
  const running = inbox.runWorker({ concurrency: 3 });
  await until(() => ran === 1);
  inbox.stop();
  assert.deepEqual(await running, { rolled_back: [], given_back: 0 });
});

test("a stopping worker lets a running handler end and its rows be kept", async (t) => {
  const inbox = inboxOf(t);
  let begun = false;
  inbox.registerHandler("orders", async (_, tx) => {
    begun = true;
    await new Promise((resolve) => setTimeout(resolve, 150));
    tx.exec("CREATE TABLE kept (a)");
  });
  const { event_id } = receive(inbox);
  await workUntil(inbox, () => begun);
  assert.equal(inbox.getEvent(event_id).status, "handled");
});

test("waiting workers take none of the threads that Node uses for files", async (t) => {
  const inbox = inboxOf(t);
  const stop = new AbortController();
  const running = inbox.runWorker({ concurrency: 16, signal: stop.signal });
  const files = Array.from({ length: 8 }, () => readFile(new URL(import.meta.url)));
  const start = performance.now();
  await Promise.all(files);
  assert.ok(performance.now() - start < 3000);
  // Nor do they keep reads of their own inbox from being answered.
  assert.equal((await inbox.statsAsync()).deliveries, 0);
  stop.abort();
  await running;
});

test("a worker serves the endpoints that it is told", async (t) => {
  const inbox = inboxOf(t);
  inbox.addEndpoint({ name: "other", provider: "token-header", secrets: "x" });
  inbox.registerHandler("orders", () => undefined);
  inbox.registerHandler("other", () => undefined);
  receive(inbox);
  inbox.ingest({ endpoint: "other", body: "{}" });
  assert.deepEqual((await inbox.runWorkerOnce({ endpoints: ["other"] })).map(({ event_id }) => event_id), [2]);
  assert.equal(await codeOf(() => inbox.runWorker({ concurency: 2 })), "invalid_argument");
  assert.equal(await codeOf(() => inbox.runWorker({ concurrency: 0 })), "invalid_argument");
});

test("closing the inbox under its worker ends the worker", async (t) => {
  const inbox = inboxOf(t);
  inbox.registerHandler("orders", () => undefined);
  const running = inbox.runWorker({ concurrency: 4 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await inbox.closeAsync();
  await running;
});

test("an event that another process has received wakes a waiting worker", async (t) => {
  const inbox = inboxOf(t);
  let ran = 0;
  inbox.registerHandler("orders", () => void ran++);
  const program = `
    import { KnockerSqlite } from "knocker";
    const inbox = new KnockerSqlite(${JSON.stringify(inbox.path)});
    inbox.ingest({ endpoint: "orders", body: "{}" });
    inbox.close();`;
  await workUntil(inbox, async () => {
    if (ran === 0) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd: fileURLToPath(new URL("..", import.meta.url)) });
      await new Promise((resolve) => child.on("close", resolve));
      await until(() => ran > 0);
    }
    return ran > 0;
  });
});

test("process.exit ends a process at once while its worker waits", async (t) => {
  assert.deepEqual(await run(t, "exit"), { code: 7, signal: null, said: "" });
});

test("process.exit ends a process at once in the middle of receives", async (t) => {
  assert.deepEqual(await run(t, "exit-busy"), { code: 7, signal: null, said: "" });
});

test("SIGTERM ends a process whose worker waits, as any other program", async (t) => {
  const { code, signal } = await run(t, "signal", (child) => child.kill("SIGTERM"));
  assert.deepEqual([code, signal], [null, "SIGTERM"]);
});

test("an open inbox does not keep a process alive", async (t) => {
  assert.deepEqual(await run(t, "unfinished"), { code: 0, signal: null, said: "ends" });
});

test("a worker thread has its own handlers and loop, on the same file as the main thread", async (t) => {
  const { code, said } = await run(t, "worker-thread");
  assert.equal(code, 0, said);
  const { inner, own } = JSON.parse(said);
  assert.deepEqual([inner.status_code, own], [204, 204]);
  assert.ok(inner.ran >= 1);
});

test("a worker thread that is terminated while it waits leaves nothing behind", async (t) => {
  const { code, said } = await run(t, "terminate");
  assert.deepEqual([code, said], [0, "5"]);
});

test("the event loop goes on while receives wait for the disk", async (t) => {
  const inbox = inboxOf(t);
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  const start = performance.now();
  while (performance.now() - start < 300) {
    await Promise.all(Array.from({ length: 64 }, () => inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: SIGNED })));
  }
  clearInterval(ticking);
  assert.ok(turns > 20, `${turns} turns`);
});

const HANDLERS = {
  write(event, tx) {
    tx.exec("CREATE TABLE IF NOT EXISTS rows (event)");
    tx.prepare("INSERT INTO rows VALUES (?)").run(event.id);
  },
  "do nothing": () => undefined,
};

for (const [what, handler] of Object.entries(HANDLERS)) test(`a synchronous receive beside a worker on its loop is not refused while handlers ${what}`, async (t) => {
  const inbox = inboxOf(t);
  inbox.registerHandler("orders", handler);
  const codes = new Set();
  await workUntil(inbox, async () => {
    for (let n = 0; n < 300; n++) {
      codes.add(await codeOf(() => receive(inbox)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return true;
  }, { concurrency: 2 });
  assert.deepEqual([...codes], [null]);
});

test("timers have their turn however many answers come", async (t) => {
  const inbox = inboxOf(t);
  inbox.registerHandler("orders", (event, tx) => void tx.prepare("SELECT ?").get(event.id));
  let over = false;
  let longest = 0;
  let answered = 0;
  const flood = Array.from({ length: 64 }, async () => {
    for (; !over; answered++) await inbox.statsAsync();
  });
  const ticking = (async () => {
    for (let before = performance.now(); !over; ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      longest = Math.max(longest, performance.now() - before);
      before = performance.now();
    }
  })();
  const start = performance.now();
  await workUntil(inbox, async () => {
    receive(inbox);
    return performance.now() - start > 1000;
  }, { concurrency: 4 });
  over = true;
  await Promise.all([...flood, ticking]);
  assert.ok(answered > 100 && longest < 500, `${answered} answers, ${longest} ms without a turn`);
});

test("memory does not grow with calls", { skip: typeof gc !== "function" }, async (t) => {
  const inbox = new KnockerSqlite(join(folder(t), "app.db"));
  inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "dev-secret" });
  t.after(() => inbox.close());
  const body = Buffer.alloc(50_000);
  // Refused without a row: what is measured is the calls, not the file's cache.
  const some = async (count) => {
    for (let n = 0; n < count; n++) await codeOf(() => inbox.receive({ endpoint: "none", body, headers: SIGNED }));
    gc();
    return process.memoryUsage().rss;
  };
  await some(5000);
  const before = await some(2000);
  const after = await some(20_000);
  assert.ok(after - before < 32 * 1024 * 1024, `${(after - before) / 1048576} MiB more`);
});
