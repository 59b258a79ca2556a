/** One test's files, connections and inboxes, on one host. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TOKEN = "dev-secret";
export const SIGNED = { "x-knocker-token": TOKEN };
export const ORDERS = "CREATE TABLE IF NOT EXISTS orders (event INTEGER PRIMARY KEY, parent INTEGER REFERENCES orders (event) DEFERRABLE INITIALLY DEFERRED)";

export class Setting {
  #ends = [];

  constructor(host) {
    this.host = host;
    const folder = mkdtempSync(join(tmpdir(), "knocker-attached-"));
    this.#ends.push(() => rmSync(folder, { recursive: true, force: true }));
    this.path = join(folder, "app.db");
    this.db = this.open();
    this.db.exec(ORDERS);
  }

  /** Another connection to the file, closed with the test. */
  open() {
    const db = this.host.open(this.path);
    this.after(() => {
      try {
        db.close();
      } catch {
        // a test has closed it
      }
    });
    return db;
  }

  after(end) {
    this.#ends.push(end);
  }

  /** An inbox with the endpoint "orders". */
  attach(database = this.db, options = {}) {
    const inbox = this.host.knocker.attach(database, options);
    this.after(() => inbox.close());
    inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: TOKEN, backoffInitialS: 3600 });
    return inbox;
  }

  /** What a connection of its own sees. */
  orders() {
    return this.values("SELECT event FROM orders ORDER BY event");
  }

  values(sql) {
    const db = this.open();
    const rows = db.prepare(sql).all().map((row) => Object.values(row)[0]);
    db.close();
    return rows;
  }

  end() {
    for (const end of this.#ends.splice(0).reverse()) end();
  }
}

/** Receives one signed request. */
export function receive(inbox, body = { total: 1 }) {
  return inbox.receive({ endpoint: "orders", body: JSON.stringify(body), headers: SIGNED });
}

/** The application's write. */
export function insert(db, event, parent = null) {
  db.prepare("INSERT INTO orders VALUES (?, ?)").run(event, parent);
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits, for a bounded time, until a condition answers something true. */
export async function until(condition, ms = 20_000) {
  for (const end = Date.now() + ms; ; await sleep(5)) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > end) throw new Error("the condition did not come true");
  }
}
