// Waits in a worker with receives under way, and ends as it is told:
// waiting.mjs DATABASE exit|exit-busy|signal|unfinished|worker-thread|terminate

import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

import { KnockerSqlite } from "knocker";

const [path, how] = isMainThread ? process.argv.slice(2) : [workerData.path, "inner"];
const inbox = new KnockerSqlite(path);
inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "dev-secret" });
const receive = () => inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "dev-secret" } });

const ways = {
  async exit() {
    await receive();
    setTimeout(() => process.exit(7), 100);
    await inbox.runWorker({ concurrency: 4 });
  },
  async "exit-busy"() {
    for (let n = 0; n < 1000; n++) receive().catch(() => undefined);
    void inbox.runWorker({ concurrency: 8 });
    setImmediate(() => process.exit(7));
  },
  async signal() {
    await receive();
    console.log("ready");
    await inbox.runWorker({ concurrency: 4 });
  },
  // Nothing is closed: the process must end by itself all the same.
  async unfinished() {
    await receive();
    console.log("ends");
  },
  async "worker-thread"() {
    const thread = new Worker(new URL(import.meta.url), { workerData: { path } });
    const told = new Promise((resolve) => thread.on("message", resolve));
    const own = receive();
    console.log(JSON.stringify({ inner: await told, own: (await own).status_code }));
    await new Promise((resolve) => thread.on("exit", resolve));
  },
  async terminate() {
    for (let n = 0; n < 5; n++) {
      const thread = new Worker(new URL(import.meta.url), { workerData: { path, wait: true } });
      await new Promise((resolve) => thread.on("message", resolve));
      await thread.terminate();
    }
    console.log(JSON.stringify(inbox.listEvents().length));
    inbox.close();
  },
  async inner() {
    const { status_code } = await receive();
    inbox.registerHandler("orders", () => undefined);
    const done = await inbox.runWorkerOnce();
    parentPort.postMessage({ status_code, ran: done.length });
    if (workerData.wait) await inbox.runWorker({ concurrency: 4 });
  },
};
await ways[how]();
