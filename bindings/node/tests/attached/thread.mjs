// One of three threads that handle events on a connection of its own: its third of them, as
// one thread alone may claim all that there are at once.

import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";

import { thisHost } from "./hosts.mjs";
import { insert } from "./setting.mjs";

const host = await thisHost();
const db = host.open(workerData.path);
const inbox = host.knocker.attach(db);
let count = 0;
inbox.registerHandler("orders", (event, tx) => {
  insert(tx, event.id);
  if (++count === workerData.share) inbox.stop();
});
parentPort.postMessage("ready");
await once(parentPort, "message");
await inbox.runWorker();
inbox.close();
db.close();
parentPort.postMessage(count);
