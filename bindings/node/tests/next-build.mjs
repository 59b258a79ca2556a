// A real `next build` and `next start` with the packed package: make test-node-next

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { KnockerSqlite } from "knocker";
import Stripe from "stripe";

import { until } from "./helpers.mjs";

const HERE = fileURLToPath(new URL("next/", import.meta.url));
const NEXT = join(HERE, "node_modules/next/dist/bin/next");
const SECRET = "whsec_next_0123456789";
const folder = mkdtempSync(join(tmpdir(), "knocker-next-"));
const database = join(folder, "app.db");

before(() => {
  execFileSync(process.execPath, [join(HERE, "../../scripts/pack.mjs")]);
  const packages = join(HERE, "../../../../build/npm");
  for (const name of readdirSync(packages)) {
    const target = join(HERE, "node_modules", name === "knocker" ? name : join("@knocker", name));
    rmSync(target, { recursive: true, force: true });
    cpSync(join(packages, name), target, { recursive: true });
  }
});

/** The environment of a build: neither a database nor a secret. */
function environment(more) {
  const { DATABASE: _, STRIPE_WEBHOOK_SECRET: __, NODE_TEST_CONTEXT: ___, ...rest } = process.env;
  return { ...rest, NEXT_TELEMETRY_DISABLED: "1", ...more };
}

test("next build needs neither the file nor a secret, and takes the native files along", { timeout: 240_000 }, () => {
  rmSync(join(HERE, ".next"), { recursive: true, force: true });
  const built = spawnSync(process.execPath, [NEXT, "build"], { cwd: HERE, encoding: "utf8", env: environment({ DATABASE: database }) });
  assert.equal(built.status, 0, built.stdout + built.stderr);
  assert.equal(existsSync(database), false);
  const traced = readFileSync(join(HERE, ".next/server/app/webhooks/[endpoint]/route.js.nft.json"), "utf8");
  assert.match(traced, /@knocker\/[^"]+libknocker/);
});

test("next start takes what Stripe's SDK signs, and the worker handles it", { timeout: 120_000 }, async (t) => {
  const port = await freePort();
  const server = spawn(process.execPath, [NEXT, "start", "-p", String(port), "-H", "127.0.0.1"], {
    cwd: HERE, env: environment({ DATABASE: database, STRIPE_WEBHOOK_SECRET: SECRET }),
  });
  let said = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk) => (said += chunk));
  t.after(() => {
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}/webhooks/stripe`;
  await until(async () => (await fetch(url).catch(() => null))?.status === 401, `the server: ${said}`, 60_000);
  const payload = JSON.stringify({ id: "evt_1", object: "event", type: "invoice.paid", note: "n".repeat(150_000) });
  const send = (secret) =>
    fetch(url, { method: "POST", body: payload, headers: { "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret }) } });
  assert.equal((await send(SECRET)).status, 204);
  assert.equal((await send("whsec_guessed")).status, 401);
  const inbox = new KnockerSqlite(database);
  t.after(() => inbox.close());
  await until(() => inbox.stats().events.handled === 1, "handling");
  server.kill("SIGTERM");
  await new Promise((resolve) => server.on("close", resolve));
});

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
