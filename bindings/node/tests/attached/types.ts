// The hosts' own types beside the package's. Compiled, never run.

import { DatabaseSync } from "node:sqlite";

import BetterSqlite3 from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { integer, sqliteTable } from "drizzle-orm/sqlite-core";

import { attach, load } from "../../dist/esm/index.js";

const orders = sqliteTable("orders", { event: integer().primaryKey() });

const better = attach(new BetterSqlite3("app.db"));
better.registerHandler("orders", (event, tx) => {
  tx.prepare("INSERT INTO orders VALUES (?)").run(event.id).lastInsertRowid;
  tx.pragma("user_version");
});
// @ts-expect-error better-sqlite3 has no such method
better.registerHandler("orders", (_, tx) => tx.begin());

const node = attach(() => new DatabaseSync("app.db", { allowExtension: true }));
node.registerHandler("orders", async (event, tx) => void tx.prepare("INSERT INTO orders VALUES (?)").run(event.id));
load(new DatabaseSync("app.db"));

const orm = attach(new BetterSqlite3("app.db"), { tx: (db) => drizzle(db, { schema: { orders } }) });
orm.registerHandler("orders", (event, tx) => tx.insert(orders).values({ event: event.id }).run());
// @ts-expect-error a column of another type
orm.registerHandler("orders", (_, tx) => tx.insert(orders).values({ event: "x" }).run());
