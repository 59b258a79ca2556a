// Runs the conformance suite through the Node binding and the real library.
//
//   node bindings/node/conformance/run.mjs [--results FILE] [--only TEXT] [--verbose]

import * as knocker from "knocker";
import * as testing from "knocker/testing";

import { main } from "./runner.mjs";

await main("node", knocker, testing, process.argv.slice(2));
