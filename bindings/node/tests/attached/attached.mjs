// The tests on one host of Node's. Run by scripts/test-attached.mjs, once a host.

import { test } from "node:test";

import { define } from "./cases.mjs";
import { thisHost } from "./hosts.mjs";

const host = await thisHost();
const more = host.name === "better-sqlite3" ? (await import("./orms.mjs")).orms : (await import("./cases-node-sqlite.mjs")).nodeSqlite;
define((name, run) => test(`${host.name}: ${name}`, { timeout: 60_000 }, run), host, [more]);
