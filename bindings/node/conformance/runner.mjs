/** The conformance runner of the JavaScript bindings: conformance/README.md says what it must do. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { bindingOf } from "./binding.mjs";
import { Fixtures } from "./fixtures.mjs";
import { Scenario } from "./scenarios.mjs";

const SUITE = fileURLToPath(new URL("../../../conformance", import.meta.url));

/** Runs the suite through a runtime's modules `knocker` and `knocker/testing`. */
export async function main(name, knocker, testing, args) {
  const options = readArguments(args);
  const folder = mkdtempSync(join(tmpdir(), "knocker-conformance-"));
  const results = [];
  const inbox = new knocker.KnockerSqlite(join(folder, "fixtures.db"), { clock: { nowS: 1 } });
  const fixtures = new Fixtures(inbox);
  try {
    for (const item of suite(name)) {
      if (!item.id.includes(options.only)) continue;
      const run = item.scenario
        ? () => scenario(bindingOf(knocker, testing), item.scenario, folder, options.verbose)
        : () => (item.case.requests ? fixtures.sequence(item.provider, item.case) : fixtures.single(item.provider, item.case));
      results.push(await judged(item.id, run));
    }
  } finally {
    inbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
  if (options.results) writeFileSync(options.results, JSON.stringify({ binding: name, results }));
  const failed = results.filter(({ status }) => status === "failed").length;
  console.log(`${results.length - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || results.length === 0 ? 1 : 0;
}

function readArguments(args) {
  const options = { only: "", results: undefined, verbose: false };
  for (let at = 0; at < args.length; at++) {
    if (args[at] === "--verbose") options.verbose = true;
    else if (args[at] === "--only") options.only = args[++at];
    else if (args[at] === "--results") options.results = args[++at];
    else throw new Error(`there is no option ${args[at]}`);
  }
  return options;
}

/** Everything there is to run, with its id. */
function* suite(binding) {
  for (const provider of readdirSync(join(SUITE, "fixtures"), { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    for (const file of jsonFiles(join(SUITE, "fixtures", provider.name))) {
      for (const [n, item] of read(file).entries()) {
        yield { id: `fixtures/${provider.name}/${basename(file, ".json")}#${n}`, provider: provider.name, case: item };
      }
    }
  }
  for (const file of jsonFiles(join(SUITE, "sequences"))) {
    const provider = basename(file, ".json");
    for (const [n, item] of read(file).entries()) yield { id: `sequences/${provider}#${n}`, provider, case: item };
  }
  for (const file of jsonFiles(join(SUITE, "scenarios")).filter((path) => basename(path) !== "coverage.json")) {
    for (const item of read(file)) {
      if (!(binding in (item.except ?? {}))) yield { id: `scenarios/${basename(file, ".json")}/${item.name}`, scenario: item };
    }
  }
}

function jsonFiles(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => join(folder, name));
}

function read(file) {
  const document = JSON.parse(readFileSync(file, "utf8"));
  return Array.isArray(document) ? document : [document];
}

async function scenario(binding, { steps }, folder, verbose) {
  const own = mkdtempSync(join(folder, "scenario-"));
  try {
    return await new Scenario(binding, own, join(SUITE, "scenarios", "files"), verbose).run(steps);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

async function judged(id, run) {
  let differences;
  try {
    differences = await run();
  } catch (error) {
    differences = [error?.stack ?? String(error)];
  }
  if (differences.length === 0) return { id, status: "passed" };
  console.log(`FAIL ${id}: ${differences.join("; ")}`);
  return { id, status: "failed", difference: differences.join("; ") };
}
