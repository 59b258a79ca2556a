// Handles what is due until nothing is left, or receives until it is killed:
// handling.mjs DATABASE lives|dies|receives

import { KnockerSqlite } from "knocker";

const [path, how] = process.argv.slice(2);
const inbox = new KnockerSqlite(path, { busyTimeoutMs: 60_000, receiveTimeoutMs: 60_000, maxTransactionS: 60 });
inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "dev-secret" });

if (how === "receives") {
  for (;;) {
    const requests = Array.from({ length: 8 }, () =>
      inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "dev-secret" } }));
    for (const { event_id } of await Promise.all(requests)) console.log(event_id);
  }
}

inbox.registerHandler("orders", (event, tx) => {
  tx.prepare("INSERT INTO seen VALUES (?)").run(event.id);
  if (how === "dies" && event.attempt_count === 1 && event.id % 4 === 0) process.kill(process.pid, "SIGKILL");
});
const stop = new AbortController();
const running = inbox.runWorker({ concurrency: 4, leaseS: 1, signal: stop.signal });
const left = () => {
  const { received = 0, processing = 0, failed = 0 } = inbox.stats().events;
  return received + processing + failed > 0;
};
while (left()) await new Promise((resolve) => setTimeout(resolve, 50));
stop.abort();
await running;
inbox.close();
