/** Knex over a connection that somebody else opens and closes. */

import knex from "knex";
import Client from "knex/lib/dialects/better-sqlite3/index.js";

// One connection. Nothing is kept idle: a pool's timer keeps the process alive.
const POOL = { min: 0, max: 1, idleTimeoutMillis: 1, reapIntervalMillis: 50 };

export function knexOver(db) {
  class OverConnection extends Client {
    acquireRawConnection() {
      return db;
    }
    destroyRawConnection() {}
  }
  return knex({ client: OverConnection, connection: { filename: "unused" }, useNullAsDefault: true, pool: POOL });
}
