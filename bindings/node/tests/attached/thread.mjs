// One of several threads that handle events on a connection of its own, until none is left.

import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";

import { thisHost } from "./hosts.mjs";
import { insert, sleep } from "./setting.mjs";

const host = await thisHost();
const db = host.open(workerData.path);
const inbox = host.knocker.attach(db);
let count = 0;
inbox.registerHandler("orders", (event, tx) => {
  insert(tx, event.id);
  count++;
});
// They begin together: one that is there first would have nothing left for the others.
parentPort.postMessage("ready");
await once(parentPort, "message");
const running = inbox.runWorker();
while ((inbox.stats().events.handled ?? 0) < 60) await sleep(10);
inbox.stop();
await running;
inbox.close();
db.close();
parentPort.postMessage(count);
