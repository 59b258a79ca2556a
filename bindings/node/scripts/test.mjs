// Runs the tests; the last line is "N passed, N failed". A run of all leaves its report in build/tests/node.txt, by which BINDINGS.md says
// what is proven.
//
//   node scripts/test.mjs [NAME_PATTERN]
//   node scripts/test.mjs --only FILE

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { writeReport } from "./report.mjs";

const home = fileURLToPath(new URL("..", import.meta.url));
const only = process.argv[2] === "--only" ? process.argv[3] : undefined;
const pattern = only === undefined ? process.argv[2] : undefined;
const all = readdirSync(new URL("../tests", import.meta.url)).filter((name) => name.endsWith(".test.mjs")).sort();
const files = only === undefined ? all.map((name) => `tests/${name}`) : [only.replace(/^bindings\/node\//, "")];
const child = spawn(
  process.execPath,
  [
    "--expose-gc",
    "--test",
    "--test-reporter=spec",
    ...(pattern ? [`--test-name-pattern=${pattern}`] : []),
    ...files,
  ],
  { cwd: home, stdio: ["ignore", "pipe", "inherit"] },
);

let tail = "";
const lines = [];
child.stdout.on("data", (chunk) => {
  process.stdout.write(chunk);
  tail = (tail + chunk).slice(-65536);
  lines.push(chunk);
});
child.on("close", (code) => {
  const count = (what) => Number(new RegExp(`^. ${what} (\\d+)$`, "m").exec(tail)?.[1] ?? 0);
  const failed = Math.max(count("fail") + count("cancelled"), code === 0 ? 0 : 1);
  console.log(`${count("pass")} passed, ${failed} failed`);
  if (pattern === undefined && only === undefined) writeReport("node.txt", Buffer.concat(lines).toString());
  process.exitCode = failed > 0 ? 1 : 0;
});
