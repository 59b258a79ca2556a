import { KnockerSqlite } from "knocker";

function create() {
  const inbox = new KnockerSqlite(process.env.DATABASE);
  inbox.addEndpoint({ name: "stripe", provider: "stripe", secrets: process.env.STRIPE_WEBHOOK_SECRET });
  inbox.registerHandler("stripe", (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS seen (event TEXT)");
    tx.prepare("INSERT INTO seen VALUES (?)").run(event.provider_event_id);
  });
  void inbox.runWorker();
  return inbox;
}

/** The inbox, opened by the first request; on globalThis, because development evaluates modules again. */
export function webhooks() {
  return (globalThis.webhooks ??= create());
}
