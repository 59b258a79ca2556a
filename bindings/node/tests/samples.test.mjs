import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { KnockerSqlite } from "knocker";
import Stripe from "stripe";

import { folder, until } from "./helpers.mjs";

const SAMPLES = fileURLToPath(new URL("../samples", import.meta.url));
const SECRET = "whsec_samples_0123456789";

/** A request signed by Stripe's own SDK. */
function stripeRequest(id, secret = SECRET) {
  const payload = JSON.stringify({ id, object: "event", type: "invoice.paid", data: { object: { id: "in_1", amount_paid: 4200 } } });
  const header = Stripe.webhooks.generateTestHeaderString({ payload, secret });
  return { method: "POST", body: payload, headers: { "stripe-signature": header, "content-type": "application/json" } };
}

function environment(path) {
  return { ...process.env, DATABASE: path, STRIPE_WEBHOOK_SECRET: SECRET, PORT: "0" };
}

/** Starts a sample; killed with the test. */
function start(t, path, command) {
  const child = spawn(command[0], command.slice(1), { cwd: SAMPLES, env: environment(path) });
  t.after(() => child.kill("SIGKILL"));
  const state = { child, said: "", ended: new Promise((resolve) => child.on("close", (code, signal) => resolve(code ?? signal))) };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (state.said += chunk));
  return state;
}

function receiveOne(path, id) {
  const inbox = new KnockerSqlite(path);
  inbox.addEndpoint({ name: "orders", provider: "stripe", secrets: SECRET, unhandled: "ignore" });
  const { body, headers } = stripeRequest(id);
  assert.equal(inbox.receive({ endpoint: "orders", body, headers }).status_code, 204);
  return inbox;
}

test("the route sample takes what Stripe's SDK signs, and stops on SIGTERM", async (t) => {
  const path = join(folder(t), "app.db");
  const server = start(t, path, [process.execPath, "receive.mjs"]);
  const base = await until(() => /http:\/\/[\d.:]+/.exec(server.said)?.[0], "the server's address");
  const send = async (request) => (await fetch(`${base}/webhooks/orders`, request)).status;
  assert.equal(await send(stripeRequest("evt_1")), 204);
  assert.equal(await send(stripeRequest("evt_1")), 204);
  assert.equal(await send(stripeRequest("evt_2", "whsec_guessed")), 401);
  assert.equal(await send({ method: "HEAD" }), 401);
  const inbox = new KnockerSqlite(path);
  t.after(() => inbox.close());
  assert.deepEqual(inbox.listEvents().map(({ provider_event_id }) => provider_event_id), ["evt_1"]);
  server.child.kill("SIGTERM");
  assert.equal(await server.ended, 0, server.said);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  for (const first of [false, true]) {
    test(`the worker sample stops cleanly on ${signal}${first ? " as PID 1" : ""}`, async (t) => {
      if (first && spawnSync("unshare", ["--pid", "--fork", "true"]).status !== 0) return t.skip("no process namespaces are permitted here");
      const path = join(folder(t), "app.db");
      const inbox = receiveOne(path, "evt_1");
      t.after(() => inbox.close());
      const command = [process.execPath, "worker.mjs"];
      const worker = start(t, path, first ? ["unshare", "--pid", "--fork", "--kill-child", ...command] : command);
      await until(() => inbox.stats().events.handled === 1, "handling");
      const pid = first ? Number(readFileSync(`/proc/${worker.child.pid}/task/${worker.child.pid}/children`, "utf8")) : worker.child.pid;
      process.kill(pid, signal);
      assert.equal(await worker.ended, 0, worker.said);
      assert.match(worker.said, /event 1 handled/);
      const shell = execFileSync("sqlite3", [path, "SELECT event, invoice, cents FROM payments"], { encoding: "utf8" });
      assert.equal(shell.trim(), "evt_1|in_1|4200");
    });
  }
}

test("the operator sample looks and acts", (t) => {
  const path = join(folder(t), "app.db");
  receiveOne(path, "evt_1").close();
  const operate = (...args) => spawnSync(process.execPath, ["operator.mjs", path, ...args], { cwd: SAMPLES, encoding: "utf8" });
  assert.match(operate().stdout, /deliveries 1/);
  assert.match(operate("show", "1").stdout, /invoice\.paid received/);
  assert.match(operate("ignore", "1").stdout, /ignored/);
  assert.match(operate("requeue", "1").stdout, /received/);
  assert.deepEqual([operate("show", "9").status, operate("show").status], [1, 2]);
});

test("the README's programs run as they stand there", async (t) => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [whole, testing] = [...readme.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);
  const path = join(folder(t), "app.db");
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const inline = (code) => [process.execPath, "--input-type=module", "-e", code.replace('"app.db"', JSON.stringify(path)).replace("3000", String(port))];
  const server = start(t, path, inline(whole));
  const url = `http://127.0.0.1:${port}/webhooks/orders`;
  await until(async () => (await fetch(url).catch(() => null))?.status === 401, "the server");
  assert.equal((await fetch(url, stripeRequest("evt_1"))).status, 204);
  const inbox = new KnockerSqlite(path);
  t.after(() => inbox.close());
  await until(() => inbox.stats().events.handled === 1, "handling");
  server.child.kill();
  const test = start(t, path, inline(testing));
  assert.equal(await test.ended, 0, test.said);
});
