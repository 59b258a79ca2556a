/** Attached inboxes on bun:sqlite: the cases that hold on every host, and Drizzle's. */

import { test } from "bun:test";

// @ts-expect-error -- JavaScript that Node's tests share
import { drizzled } from "../../node/tests/attached/cases-drizzle.mjs";
// @ts-expect-error
import { define } from "../../node/tests/attached/cases.mjs";
// @ts-expect-error
import { thisHost } from "../../node/tests/attached/hosts.mjs";
// @ts-ignore -- there once the hosts are installed
import { drizzle } from "../../node/tests/attached/node_modules/drizzle-orm/bun-sqlite/index.js";

type Define = (test: (name: string, run: () => Promise<void>) => void, host: unknown) => void;

const withDrizzle: Define = (inSetting, host) => drizzled(inSetting, host, drizzle);
define((name: string, run: () => Promise<void>) => test(name, run, 60_000), await thisHost(), [withDrizzle]);
