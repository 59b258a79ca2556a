// Node's own node:sqlite (Node 22 or newer) beside Knocker: see torture.mjs.

import { DatabaseSync } from "node:sqlite";

import { main } from "./torture.mjs";

await main(import.meta.url, (path) => {
  const db = new DatabaseSync(path, { allowExtension: true });
  db.exec("PRAGMA busy_timeout=20000");
  const prepared = new Map();
  const statement = (sql) => prepared.get(sql) ?? prepared.set(sql, db.prepare(sql)).get(sql);
  return {
    run: (sql, ...values) => void (values.length === 0 ? db.exec(sql) : statement(sql).run(...values)),
    get: (sql, ...values) => statement(sql).get(...values),
    load: (extension) => db.loadExtension(extension),
    close: () => db.close(),
  };
});
