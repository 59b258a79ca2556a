// Runs handlers until SIGTERM or Ctrl-C, also as the first process of a
// container: node worker.mjs

import { KnockerSqlite } from "knocker";

const webhooks = new KnockerSqlite(process.env.DATABASE ?? "app.db");
webhooks.addEndpoint({
  name: "orders",
  provider: "stripe",
  secrets: process.env.STRIPE_WEBHOOK_SECRET,
  unhandled: "ignore",
});

// The row and "handled" are one commit.
webhooks.registerHandler("orders", "invoice.paid", (event, tx) => {
  tx.exec("CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY, invoice TEXT, cents INTEGER)");
  const invoice = event.json().data.object;
  tx.prepare("INSERT INTO payments (event, invoice, cents) VALUES (:event, :invoice, :cents)").run({
    event: event.provider_event_id,
    invoice: invoice.id,
    cents: invoice.amount_paid,
  });
});

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stop.abort());

const left = await webhooks.runWorker({
  concurrency: 4,
  stopTimeoutS: 20,
  signal: stop.signal,
  onFinished: ({ event_id, status }, { error }) => console.log(`event ${event_id} ${status}`, error ?? ""),
});
console.log("stopped; rolled back:", left.rolled_back, "given back:", left.given_back);
await webhooks.closeAsync();
