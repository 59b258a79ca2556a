/** What node:sqlite alone can be: a connection on which loading extensions is switched off. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";

export function nodeSqlite(test, host) {
  test("loading is switched on for a moment, and off again", (s) => {
    s.db.enableLoadExtension(false);
    host.knocker.load(s.db);
    assert.match(s.db.prepare("SELECT knocker_version() AS version").get().version, /^\d/);
    assert.throws(() => s.db.loadExtension(host.knocker.loadablePath()), /not authorized|not allowed/);
  });

  test("a connection that was made without extensions says how to make it", (s) => {
    const db = new DatabaseSync(s.path);
    s.after(() => db.close());
    assert.throws(() => host.knocker.attach(db), { code: "driver_unavailable", message: /allowExtension: true/ });
  });
}
