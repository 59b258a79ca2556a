/** Other processes and threads: kills between the write and the commit, and a connection a thread. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { insert, receive, until } from "./setting.mjs";

const PROGRAM = fileURLToPath(new URL("killed.mjs", import.meta.url));
const THREAD = new URL("thread.mjs", import.meta.url);

export function processes(test, host) {
  for (const place of ["written", "handled", "committed", "waiting"]) {
    test(`a process that is killed when the handler's row is ${place} leaves both or none, and the next run is the only one`, async (s) => {
      const inbox = s.attach();
      const { event_id } = receive(inbox);
      const child = spawn(process.execPath, [PROGRAM, s.path, place], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, KNOCKER_TEST_HOST: host.name } });
      s.after(() => child.kill("SIGKILL"));
      let said = "";
      child.stdout.on("data", (text) => (said += text));
      const ended = new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)));
      await until(() => said.includes(place));
      child.kill("SIGKILL");
      assert.equal(await ended, "SIGKILL");

      const committed = place === "committed";
      assert.deepEqual(s.orders(), committed ? [event_id] : []);
      assert.equal(inbox.getEvent(event_id).status === "handled", committed);
      inbox.registerHandler("orders", (event, tx) => insert(tx, event.id));
      const done = [];
      await until(async () => {
        done.push(...(await inbox.runWorkerOnce()));
        return committed || done.length > 0;
      });
      assert.deepEqual(done.map(({ status }) => status), committed ? [] : ["handled"]);
      assert.deepEqual(s.orders(), [event_id]);
      assert.deepEqual(inbox.check().integrity, []);
      if (!committed) assert.equal(inbox.getEvent(event_id).attempt_count, 2, "the attempt that was killed counts");
    });
  }

  test("threads with connections of their own share the work, and each has its own handlers", async (s) => {
    const inbox = s.attach();
    const events = Array.from({ length: 60 }, () => receive(inbox).event_id);
    const threads = Array.from({ length: 3 }, () => new Worker(THREAD, { workerData: { path: s.path, share: 20 } }));
    const said = () =>
      Promise.all(
        threads.map(
          (thread) =>
            new Promise((resolve, reject) => {
              thread.once("message", resolve);
              thread.once("error", reject);
            }),
        ),
      );
    await said();
    const counted = said();
    for (const thread of threads) thread.postMessage("begin");
    const counts = await counted;
    await Promise.all(threads.map((thread) => thread.terminate()));
    assert.deepEqual(s.orders(), events);
    assert.deepEqual(counts, [20, 20, 20]);
    assert.equal(inbox.stats().events.handled, events.length);
  });
}
