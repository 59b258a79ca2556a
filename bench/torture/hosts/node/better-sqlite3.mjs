// better-sqlite3 beside Knocker: see torture.mjs.

import Database from "better-sqlite3";

import { main } from "./torture.mjs";

await main(import.meta.url, (path) => {
  const db = new Database(path, { timeout: 20_000 });
  const prepared = new Map();
  const statement = (sql) => prepared.get(sql) ?? prepared.set(sql, db.prepare(sql)).get(sql);
  return {
    run: (sql, ...values) => void (sql.startsWith("PRAGMA") ? db.exec(sql) : statement(sql).run(...values)),
    get: (sql, ...values) => statement(sql).get(...values),
    load: (extension) => void db.loadExtension(extension),
    close: () => db.close(),
  };
});
