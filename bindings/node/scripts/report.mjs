// The report of a run of tests, in build/tests, by which BINDINGS.md says what is proven.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

// Each test's line, as the reporter "spec" writes it.
const RAN = /^(✔|✖|﹣) (.+) \([\d.]+ms\)( # .*)?$/;

/** Writes "passed NAME" or "failed NAME" for each test that `output`, of the reporter "spec", tells of. */
export function writeReport(name, output) {
  const path = fileURLToPath(new URL(`../../../build/tests/${name}`, import.meta.url));
  const ran = output.split("\n").map((line) => RAN.exec(line)).filter(Boolean);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, ran.map(([, mark, test]) => `${mark === "✔" ? "passed" : "failed"} ${test}\n`).join(""));
}
