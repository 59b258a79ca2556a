// Drives an inbox from Node, or from Bun.
//
//   drive.mjs receive DB CALLERS SECONDS MAXIMUM WARMUP   CALLERS receiveAsync in flight; 0: the synchronous receive
//   drive.mjs latency DB CALLERS SECONDS AHEAD            delay of the event loop meanwhile, beside a worker; AHEAD 1:
//                                                         its handlers await tx.begin() before they write
//   drive.mjs memory  DB CALLS                            resident memory before and after CALLS receives
//
// Requests are made and signed before the clock starts. Prints one JSON object.

import { createHmac, randomBytes } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";

const { KnockerSqlite } = await import(process.env.KNOCKER_MODULE ?? "../../bindings/node/dist/esm/index.js");

const SECRET = "whsec_benchmarks_0123456789abcdef";
const BODY_BYTES = 2048;
const RESOLUTION_MS = 1;

/** A webhook with a random identity, signed as Stripe does. */
function request(now, secret = SECRET) {
  const head = `{"id":"evt_${randomBytes(18).toString("base64url")}","object":"event","type":"invoice.paid","created":1700000000,"note":"`;
  const body = Buffer.from(`${head}${"n".repeat(BODY_BYTES - head.length - 2)}"}`);
  const mac = createHmac("sha256", secret).update(`${now}.`).update(body).digest("hex");
  const headers = {
    accept: "*/*; q=0.5, application/xml",
    "accept-encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
    "cache-control": "no-cache",
    connection: "keep-alive",
    "content-length": String(BODY_BYTES),
    "content-type": "application/json; charset=utf-8",
    host: "shop.example.com",
    "stripe-signature": `t=${now},v1=${mac}`,
    "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
    "x-request-id": "5f0c2d6e-8a9b-4d8e-9f27-0d1c2b3a4e5f",
  };
  return { endpoint: "stripe", body, headers, timeoutMs: 30_000 };
}

function requests(count) {
  const now = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, () => request(now));
}

function open(path) {
  const inbox = new KnockerSqlite(path);
  inbox.addEndpoint({ name: "stripe", provider: "stripe", secrets: SECRET });
  return inbox;
}

function check(result) {
  if (result.status_code !== 204 || result.duplicate) throw new Error(`a valid request was answered with ${JSON.stringify(result)}`);
}

/** A closed loop: callers that each send the next request when the one before is answered. */
async function closedLoop(inbox, callers, waiting, seconds) {
  let rows = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  if (callers === 0) {
    for (let item = waiting.pop(); item !== undefined && performance.now() < end; item = waiting.pop(), rows++) check(inbox.receive(item));
  } else {
    const caller = async () => {
      for (let item = waiting.pop(); item !== undefined && performance.now() < end; item = waiting.pop()) {
        check(await inbox.receiveAsync(item));
        rows++;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
  }
  return { rows, seconds: (performance.now() - start) / 1000 };
}

const ways = {
  async receive(path, callers, seconds, maximum, warmup) {
    const inbox = open(path);
    await closedLoop(inbox, 64, requests(warmup), 60);
    return closedLoop(inbox, callers, requests(maximum), seconds);
  },

  async latency(path, callers, seconds, ahead) {
    const inbox = open(path);
    let handled = 0;
    const write = (event, tx) => {
      if (handled++ === 0) tx.exec("CREATE TABLE IF NOT EXISTS app_rows (event_id INTEGER, note TEXT)");
      tx.prepare("INSERT INTO app_rows (event_id, note) VALUES (?, ?)").run(event.id, "note");
    };
    const writeAhead = async (event, tx) => {
      await tx.begin();
      write(event, tx);
    };
    inbox.registerHandler("stripe", ahead ? writeAhead : write);
    await closedLoop(inbox, callers, requests(1536), 60);
    const all = requests(15_000 * seconds);
    const working = inbox.runWorker({ concurrency: 4, stopTimeoutS: 60 });
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delay.enable();
    const run = await closedLoop(inbox, callers, all, seconds);
    delay.disable();
    // It records the time between two of its timers, which an idle loop keeps RESOLUTION_MS apart.
    const late = (nanoseconds) => Math.max(nanoseconds / 1e6 - RESOLUTION_MS, 0);
    const figures = { p50_ms: late(delay.percentile(50)), p99_ms: late(delay.percentile(99)), max_ms: late(delay.max), handled };
    inbox.stop();
    await working;
    return { ...run, ...figures };
  },

  async memory(path, calls) {
    const inbox = open(path);
    // Refused ones: only some of a flood are stored, so that what is measured is the calls.
    const item = request(Math.floor(Date.now() / 1000), "whsec_guessed");
    const some = (count) => {
      for (let n = 0; n < count; n++) inbox.receive(item);
    };
    some(50_000);
    const before = process.memoryUsage.rss();
    const start = performance.now();
    some(calls);
    return { rows: calls, seconds: (performance.now() - start) / 1000, before_mib: before / 2 ** 20, after_mib: process.memoryUsage.rss() / 2 ** 20 };
  },
};

const [way, path, ...numbers] = process.argv.slice(2);
console.log(JSON.stringify(await ways[way](path, ...numbers.map(Number))));
