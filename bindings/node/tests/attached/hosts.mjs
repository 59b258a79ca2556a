/** The SQLites that the tests attach an inbox to. */

import { createRequire } from "node:module";

const pragmas = (db) => {
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 2000"]) db.exec(`PRAGMA ${pragma}`);
  return db;
};

/** Host -> how it opens a file; `bigints`: so that its integers are BigInts; `all`: all rows of a SELECT. */
export const HOSTS = {
  async "better-sqlite3"() {
    const Database = createRequire(import.meta.url)("better-sqlite3");
    return {
      open: (path) => pragmas(new Database(path)),
      bigints: (path) => pragmas(new Database(path)).defaultSafeIntegers(true),
    };
  },
  async "node:sqlite"() {
    const { DatabaseSync } = await import("node:sqlite");
    return {
      open: (path) => pragmas(new DatabaseSync(path, { allowExtension: true })),
      bigints: (path) => pragmas(new DatabaseSync(path, { allowExtension: true, readBigInts: true, returnArrays: true })),
    };
  },
  async "bun:sqlite"() {
    const { Database } = await import("bun:sqlite");
    return {
      open: (path) => pragmas(new Database(path)),
      bigints: (path) => pragmas(new Database(path, { safeIntegers: true, strict: true, create: true, readwrite: true })),
    };
  },
};

/** The package's modules, as this runtime takes them. */
export function knockerModule() {
  return import("Bun" in globalThis ? "../../../bun/src/index.ts" : "../../dist/esm/index.js");
}

/** The host that this process can run, named by the environment. */
export async function thisHost() {
  const name = "Bun" in globalThis ? "bun:sqlite" : (process.env.KNOCKER_TEST_HOST ?? "better-sqlite3");
  return { name, knocker: await knockerModule(), ...(await HOSTS[name]()) };
}
