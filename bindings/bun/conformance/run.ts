// Runs the conformance suite through the Bun binding and the real library.
//
//   bun bindings/bun/conformance/run.ts [--results FILE] [--only TEXT] [--verbose]

import { main } from "../../node/conformance/runner.mjs";
import * as knocker from "../src/index.js";
import * as testing from "../src/testing.js";

await main("bun", knocker, testing, process.argv.slice(2));
