// A worker that stops dead at a place in the handler's transaction, to be killed there.
//
//   killed.mjs FILE written|handled|committed|waiting

import { writeSync } from "node:fs";

import { thisHost } from "./hosts.mjs";
import { insert, sleep } from "./setting.mjs";

const [, , path, place] = process.argv;
const host = await thisHost();

function stand(name) {
  if (name !== place) return;
  writeSync(1, `${name}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const opened = () => {
  const db = host.open(path);
  const { exec } = db;
  db.exec = (sql) => {
    if (sql === "COMMIT") stand("handled");
    const answer = exec.call(db, sql);
    if (sql === "COMMIT") stand("committed");
    return answer;
  };
  return db;
};
const inbox = host.knocker.attach(place === "waiting" ? opened : opened());
const handler = (event, tx) => {
  insert(tx, event.id);
  stand("written");
  if (place === "waiting") {
    writeSync(1, "waiting\n");
    return sleep(60_000);
  }
};
inbox.registerHandler("orders", handler);
await inbox.runWorker({ leaseS: 1 });
