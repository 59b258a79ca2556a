import { expect, test } from "bun:test";
import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { folder } from "./helpers.js";

const ROOT = new URL("../../..", import.meta.url).pathname;

test("Bun finds its half in the packed npm package, out of sight of the checkout", () => {
  const packed = Bun.spawnSync(["node", join(ROOT, "bindings/node/scripts/pack.mjs")]);
  expect(packed.exitCode, packed.stderr.toString()).toBe(0);
  const home = folder();
  for (const name of readdirSync(join(ROOT, "build/npm"))) {
    const place = name === "knocker" ? name : `@knocker/${name}`;
    cpSync(join(ROOT, "build/npm", name), join(home, "node_modules", place), { recursive: true });
  }
  const program = join(home, "program.ts");
  writeFileSync(program, `
import { KnockerSqlite, loadablePath } from "knocker";
import { createTestInbox } from "knocker/testing";
const inbox = createTestInbox();
inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "s" });
const result = await inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "s" } });
console.log(result.status_code, inbox instanceof KnockerSqlite, loadablePath());
inbox.close();
`);
  const { stdout, stderr } = Bun.spawnSync([process.execPath, program], { cwd: home });
  expect(stderr.toString()).toBe("");
  expect(stdout.toString().trim()).toStartWith(`204 true ${home}`);
}, 60_000);
