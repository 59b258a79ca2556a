// bun:sqlite's own types beside the package's. Compiled, never run.

import { Database } from "bun:sqlite";

import { attach, load } from "../src/index.js";

const inbox = attach(new Database("app.db"));
inbox.registerHandler("orders", (event, tx) => tx.query("INSERT INTO orders VALUES (?)").run(event.id).changes);
// @ts-expect-error bun:sqlite has no such method
inbox.registerHandler("orders", (_, tx) => tx.pragma("user_version"));
attach(() => new Database("app.db"), { tx: (db) => ({ db }) }).registerHandler("orders", async (_, { db }) => db.run("DELETE FROM orders"));
load(new Database("app.db"));
