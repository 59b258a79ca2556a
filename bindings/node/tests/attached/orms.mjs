/** What needs better-sqlite3: Drizzle, drizzle-kit and Knex. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { drizzle } from "drizzle-orm/better-sqlite3";

import { drizzled } from "./cases-drizzle.mjs";
import { knexOver } from "./knex-connection.mjs";
import { receive, sleep } from "./setting.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PAGE = readFileSync(new URL("../../../../docs/orms.md", import.meta.url), "utf8");
const BLOCKS = [.../^## Node and Bun$([^]*?)^## /m.exec(PAGE)[1].matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);

/** A folder beside these modules, from which programs find the hosts. */
function folderHere(s) {
  const folder = mkdtempSync(join(HERE, "kit-"));
  s.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function orms(test, host) {
  drizzled(test, host, drizzle);

  test("Knex: what it writes in a handler and handled commit or roll back together", async (s) => {
    const inbox = s.attach(() => s.open(), { tx: knexOver });
    const { event_id } = receive(inbox);
    let fail = true;
    inbox.registerHandler("orders", async (event, knex) => {
      await knex("orders").insert({ event: event.id });
      await sleep(2);
      assert.deepEqual(await knex("orders").where({ event: event.id }).first("event"), { event: event.id });
      if (fail) throw new Error("after the write");
    });
    assert.equal((await inbox.runWorkerOnce())[0].status, "failed");
    assert.match(inbox.getEvent(event_id).last_error, /after the write/);
    assert.deepEqual(s.orders(), []);
    fail = false;
    inbox.replay(event_id);
    assert.equal((await inbox.runWorkerOnce())[0].status, "handled");
    assert.deepEqual(s.orders(), [event_id]);
  });

  test("Knex: a transaction of its own in a handler is refused by SQLite, and the run has failed", async (s) => {
    const inbox = s.attach(() => s.open(), { tx: knexOver });
    const { event_id } = receive(inbox);
    inbox.registerHandler("orders", (event, knex) => knex.transaction((trx) => trx("orders").insert({ event: event.id })));
    assert.equal((await inbox.runWorkerOnce())[0].status, "failed");
    assert.match(inbox.getEvent(event_id).last_error, /within a transaction/);
    assert.deepEqual(s.orders(), []);
  });

  test("the hosts' own types fit, and tx has them", () => {
    const tsc = join(HERE, "../../node_modules/typescript/bin/tsc");
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,esnext.disposable", "--module", "nodenext"];
    const done = spawnSync(process.execPath, [tsc, ...options, "types.ts"], { cwd: HERE, encoding: "utf8", timeout: 60_000 });
    assert.equal(done.stdout, "");
  });

  test("the programs of docs/orms.md run as they stand there, and end", (s) => {
    const folder = folderHere(s);
    const programs = BLOCKS.filter((code) => code.includes("runWorkerOnce"));
    assert.equal(programs.length, 3);
    for (const code of programs) {
      writeFileSync(join(folder, "program.mjs"), code.replace('"knocker"', JSON.stringify(new URL("../../dist/esm/index.js", import.meta.url).href)));
      const cwd = mkdtempSync(join(dirname(s.path), "program-"));
      const done = spawnSync(process.execPath, [join(folder, "program.mjs")], { cwd, encoding: "utf8", timeout: 20_000 });
      assert.deepEqual([done.status, done.stderr], [0, ""], code);
      const db = host.open(join(cwd, "app.db"));
      assert.deepEqual(db.prepare("SELECT total, status FROM orders, knocker_events").all(), [{ total: 4200, status: "handled" }], code);
      db.close();
    }
  });

  test("drizzle-kit: tablesFilter keeps generate and push away from the inbox's tables", (s) => {
    const folder = folderHere(s);
    const inbox = s.attach();
    receive(inbox);
    s.db.exec("DROP TABLE orders; CREATE TABLE invoices (id integer PRIMARY KEY NOT NULL)");
    const kit = (...command) => {
      const done = spawnSync(process.execPath, [join(HERE, "node_modules/drizzle-kit/bin.cjs"), ...command], { cwd: HERE, encoding: "utf8", timeout: 50_000 });
      return { code: done.status, said: done.stdout + done.stderr };
    };
    const config = join(folder, "drizzle.config.cjs");
    writeFileSync(
      config,
      `module.exports = ${JSON.stringify({
        dialect: "sqlite",
        schema: "./drizzle-schema.mjs",
        out: relative(HERE, folder),
        dbCredentials: { url: s.path },
        tablesFilter: JSON.parse(/tablesFilter: (\[.*\])/.exec(BLOCKS.join())[1]),
      })};`,
    );
    const generated = kit("generate", `--config=${config}`);
    assert.equal(generated.code, 0, generated.said);
    const sql = readdirSync(folder).filter((name) => name.endsWith(".sql")).map((name) => readFileSync(join(folder, name), "utf8")).join();
    assert.match(sql, /CREATE TABLE `invoices`/);
    assert.doesNotMatch(sql, /knocker_|_honker_/);

    const pushed = kit("push", `--config=${config}`, "--force");
    assert.equal(pushed.code, 0, pushed.said);
    assert.ok(s.values("SELECT name FROM pragma_table_info('invoices')").includes("note"), pushed.said);
    assert.equal(s.values("SELECT count(*) FROM knocker_events")[0], 1);
    assert.deepEqual(inbox.check().integrity, []);

    // Without the line.
    writeFileSync(config, readFileSync(config, "utf8").replace(/,"tablesFilter":\[[^\]]*\]/, ""));
    const unfiltered = kit("push", `--config=${config}`, "--force");
    assert.match(unfiltered.said, /FOREIGN KEY/, "it drops what it does not know, until a foreign key stops it");
  });
}
