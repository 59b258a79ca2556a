import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, symlinkSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { createTestInbox, sign } from "knocker/testing";

import { codeOf, folder } from "./helpers.mjs";

const HOME = fileURLToPath(new URL("..", import.meta.url));

test("a test inbox has a clock that moves only by hand, and drains what is due", async () => {
  const inbox = createTestInbox({ nowS: 1_700_000_000, maxAttempts: 3, backoffInitialS: 60, backoffJitter: false });
  const folder = dirname(inbox.path);
  inbox.addEndpoint({ name: "orders", provider: "stripe", secrets: "whsec_test" });
  let runs = 0;
  inbox.registerHandler("orders", () => {
    if (++runs < 2) throw new Error("not yet");
  });
  const { headers, body } = sign("stripe", { secret: "whsec_test", body: '{"id":"evt_1"}', at: inbox.now });
  assert.equal(inbox.receive({ endpoint: "orders", headers, body }).status_code, 204);
  assert.deepEqual((await inbox.drain()).map(({ status }) => status), ["failed"]);
  assert.deepEqual(await inbox.drain(), [], "its time has not come");
  inbox.advance(61);
  assert.deepEqual((await inbox.drain()).map(({ status }) => status), ["handled"]);
  assert.deepEqual(inbox.received.map((event) => [event.json().id, event.received_at]), [["evt_1", 1_700_000_000]]);
  inbox.now += 1000;
  assert.equal(inbox.receive({ endpoint: "orders", headers, body }).reason, "timestamp_too_old");
  inbox.close();
  assert.equal(existsSync(folder), false);
});

test("sign takes a Date, bytes and several secrets, and tells an unknown provider", async () => {
  const at = new Date(1_700_000_000_000);
  const text = sign("stripe", { secret: "s", body: "{}", at });
  assert.deepEqual(sign("stripe", { secret: ["s"], body: Buffer.from("{}"), at: 1_700_000_000.9 }), text);
  assert.ok(Buffer.isBuffer(text.body) && text.method === "POST");
  assert.equal(await codeOf(() => sign("strip", { secret: "s", body: "" })), "unknown_provider");
});

const SUITE = `
  const inbox = createTestInbox();
  inbox.addEndpoint({ name: "orders", provider: "github", secrets: "s" });
  let seen;
  inbox.registerHandler("orders", async (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS t (a)");
    seen = event.json();
  });
  const { headers, body } = sign("github", { secret: "s", body: '{"n":1}', eventType: "push" });
  expect(inbox.receive({ endpoint: "orders", headers, body }).status_code).toBe(204);
  expect((await inbox.receiveAsync({ endpoint: "orders", headers: new Headers(headers), body: new Uint8Array(body).buffer })).duplicate).toBe(true);
  expect((await inbox.drain()).length).toBe(1);
  expect(seen).toEqual({ n: 1 });
  expect(() => inbox.getEvent(99)).toThrow(KnockerError);
  inbox.close();`;

/** A project with two test files, so that the package is loaded more than once. */
function project(t, head, names) {
  const path = folder(t);
  mkdirSync(join(path, "node_modules"));
  symlinkSync(HOME, join(path, "node_modules/knocker"));
  writeFileSync(join(path, "package.json"), "{}");
  for (const name of names) writeFileSync(join(path, name), `${head}\ntest("receives and handles", async () => {${SUITE}});\n`);
  return path;
}

function run(path, tool, ...args) {
  const done = spawnSync(process.execPath, [join(HOME, "node_modules", tool), ...args], {
    cwd: path, encoding: "utf8", timeout: 100_000, env: { ...process.env, CI: "1", NODE_ENV: "test" },
  });
  return { code: done.status, said: done.stdout + done.stderr };
}

for (const pool of ["threads", "forks"]) {
  test(`the package works under vitest with ${pool}`, (t) => {
    const head = 'import { expect, test } from "vitest"; import { KnockerError } from "knocker"; import { createTestInbox, sign } from "knocker/testing";';
    const path = project(t, head, ["a.test.mjs", "b.test.mjs"]);
    symlinkSync(join(HOME, "node_modules/vitest"), join(path, "node_modules/vitest"));
    const { code, said } = run(path, "vitest/vitest.mjs", "run", `--pool=${pool}`);
    assert.equal(code, 0, said);
    assert.match(said, /2 passed/);
  });
}

test("the package works under jest", (t) => {
  const head = 'const { KnockerError } = require("knocker"); const { createTestInbox, sign } = require("knocker/testing");';
  const path = project(t, head, ["a.test.cjs", "b.test.cjs"]);
  writeFileSync(join(path, "jest.config.cjs"), 'module.exports = { testMatch: ["**/*.test.cjs"], testEnvironment: "node" };\n');
  for (const more of [[], ["--runInBand"]]) {
    const { code, said } = run(path, "jest/bin/jest.js", "--no-watchman", "--no-cache", ...more);
    assert.equal(code, 0, said);
    assert.match(said, /Tests:\s+2 passed/);
  }
});
