// Go's runtime uses signals to stop its threads, which has hung Bun in the past:
// everything that uses threads and signals at once runs here, for 4 s or as long
// as KNOCKER_SOAK_SECONDS says.

import { expect, test } from "bun:test";

import { Elysia } from "elysia";
import { Hono } from "hono";
import Stripe from "stripe";

import type { KnockerSqlite } from "../src/index.js";
import { inboxOf } from "./helpers.js";

const SECRET = "whsec_serve_test";
const SECONDS = Number(process.env["KNOCKER_SOAK_SECONDS"] ?? 4);
const stripe = new Stripe("sk_test_none");

function stripeInbox(): KnockerSqlite {
  const inbox = inboxOf();
  inbox.addEndpoint({ name: "stripe", provider: "stripe", secrets: SECRET });
  return inbox;
}

async function signed(id: string): Promise<RequestInit> {
  const body = JSON.stringify({ id, object: "event", type: "invoice.paid" });
  const header = await stripe.webhooks.generateTestHeaderStringAsync({ payload: body, secret: SECRET });
  return { method: "POST", body, headers: { "stripe-signature": header, "content-type": "application/json" } };
}

async function take(inbox: KnockerSqlite, request: Request): Promise<Response> {
  const { response } = await inbox.receiveAsync({
    endpoint: "stripe",
    method: request.method,
    headers: request.headers,
    query: new URL(request.url).searchParams,
    body: await request.arrayBuffer(),
  });
  return new Response(response.body, { status: response.status_code, headers: response.headers });
}

/** A WebAssembly module that adds two numbers. */
const ADDER = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0,
  32, 1, 106, 11,
]);

test("Bun.serve takes requests while a worker, WASM and fetch run in the same process", async () => {
  const inbox = stripeInbox();
  let handled = 0;
  inbox.registerHandler("stripe", (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS paid (event)");
    tx.prepare("INSERT INTO paid VALUES (?)").run(event.id);
    handled++;
  });
  const stop = new AbortController();
  const working = inbox.runWorker({ concurrency: 2, signal: stop.signal });
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => take(inbox, request) });
  const { instance } = await WebAssembly.instantiate(ADDER);
  const add = instance.exports["add"] as (a: number, b: number) => number;
  const end = Date.now() + SECONDS * 1000;
  let sent = 0;
  const client = async (): Promise<void> => {
    while (Date.now() < end) {
      const response = await fetch(server.url, await signed(`evt_${sent++}`));
      expect(response.status).toBe(204);
      let sum = 0;
      for (let n = 0; n < 2000; n++) sum = add(sum, n);
      expect(sum).toBe(1_999_000);
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  while (handled < sent && Date.now() < end + 20_000) await Bun.sleep(10);
  stop.abort();
  await working;
  await server.stop(true);
  expect(inbox.stats().events.handled).toBe(sent);
  expect(sent).toBeGreaterThan(SECONDS * 20);
}, (SECONDS + 40) * 1000);

test("Hono and Elysia routes take the sender's signed bytes", async () => {
  const inbox = stripeInbox();
  const hono = new Hono().post("/hooks", (context) => take(inbox, context.req.raw));
  const elysia = new Elysia().post("/hooks", ({ request }) => take(inbox, request), { parse: "none" });
  const servers = [hono.fetch, elysia.fetch].map((fetch) => Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => fetch(request) }));
  for (const [n, server] of servers.entries()) {
    expect((await fetch(new URL("/hooks", server.url), await signed(`evt_${n}`))).status).toBe(204);
    const forged = await fetch(new URL("/hooks", server.url), { method: "POST", body: "{}" });
    expect(forged.status).toBe(401);
    await server.stop(true);
  }
  expect(inbox.stats().events.received).toBe(2);
});
