import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";

import { serve } from "@hono/node-server";
import { sign as signGitHub } from "@octokit/webhooks-methods";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { KnockerSqlite } from "knocker";
import { sign } from "knocker/testing";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as SvixWebhook } from "svix";
import { join } from "node:path";

import { folder, until } from "./helpers.mjs";

const SECRETS = {
  stripe: "whsec_test_0123456789",
  github: "It's a Secret to Everybody",
  "standard-webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  svix: "whsec_plJ3nmyCDGBKInavdOK15jsl",
};

/** One request each, signed by the provider's own SDK. */
const SIGNED = {
  stripe(secret = SECRETS.stripe) {
    const payload = JSON.stringify({ id: "evt_1", object: "event", type: "invoice.paid", data: { object: { note: "Zoë" } } });
    return { body: payload, headers: { "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret }) } };
  },
  async github(secret = SECRETS.github) {
    const body = '{"zen":"Keep it logically awesome.","hook_id":1}';
    return { body, headers: { "x-hub-signature-256": await signGitHub(secret, body), "x-github-event": "ping", "x-github-delivery": "72d3162e" } };
  },
  "standard-webhooks"(secret = SECRETS["standard-webhooks"]) {
    const [body, at] = ['{"type":"contact.created","data":{}}', new Date()];
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(at / 1000)),
      "webhook-signature": new StandardWebhook(secret).sign("msg_1", at, body),
    };
    return { body, headers };
  },
  svix(secret = SECRETS.svix) {
    const [body, at] = ['{"type":"user.created","data":{}}', new Date()];
    const headers = { "svix-id": "msg_2", "svix-timestamp": String(Math.floor(at / 1000)), "svix-signature": new SvixWebhook(secret).sign("msg_2", at, body) };
    return { body, headers };
  },
};

const GUESSED = { stripe: "whsec_guessed", github: "guessed", "standard-webhooks": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", svix: "whsec_AAAAAAAAAAAAAAAAAAAAAAAA" };

function inboxFor(t) {
  const inbox = new KnockerSqlite(join(folder(t), "app.db"), { maxBodyBytes: 300_000 });
  for (const [provider, secrets] of Object.entries(SECRETS)) inbox.addEndpoint({ name: provider, provider, secrets, unhandled: "ignore" });
  inbox.addEndpoint({ name: "slack", provider: "slack", secrets: "slack-secret" });
  t.after(() => inbox.close());
  return inbox;
}

/** What every framework's route must do alike: `base` is the server's address. */
async function judge(inbox, base) {
  const send = async (endpoint, request) => {
    const answer = await fetch(`${base}/webhooks/${endpoint}?tag=a&tag=b`, { method: "POST", ...request });
    return { status: answer.status, text: await answer.text(), type: answer.headers.get("content-type") };
  };
  const json = { "content-type": "application/json" };
  for (const provider of Object.keys(SECRETS)) {
    const request = await SIGNED[provider]();
    const signed = { ...request, headers: { ...json, ...request.headers } };
    assert.equal((await send(provider, signed)).status, 204, provider);
    assert.equal((await send(provider, signed)).status, 204, `${provider} again`);
    const forged = await SIGNED[provider](GUESSED[provider]);
    assert.equal((await send(provider, { ...forged, headers: { ...json, ...forged.headers } })).status, 401, `${provider} guessed`);
    const [event, ...others] = inbox.listEvents({ endpoint: provider, bodies: true });
    assert.deepEqual([others.length, event.body.toString(), event.query.tag], [0, request.body, ["a", "b"]], provider);
  }
  // A sender that asks whether the URL is ours wants its own answer back.
  const challenge = sign("slack", { secret: "slack-secret", body: '{"type":"url_verification","challenge":"c-1"}' });
  const answer = await send("slack", { body: challenge.body, headers: challenge.headers });
  assert.equal(answer.status, 200);
  assert.match(answer.text, /c-1/);
  assert.ok(answer.type);
  // No body at all, not even a length of 0.
  assert.equal((await send("stripe", { method: "GET" })).status, 401);
  assert.equal((await send("nowhere", { body: "{}", headers: json })).status, 404);
  // Larger than a framework's own limit of 100 kB, and signed: nothing was cut.
  const payload = JSON.stringify({ id: "evt_big", type: "x", note: "n".repeat(250_000) });
  const large = { body: payload, headers: { ...json, "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret: SECRETS.stripe }) } };
  assert.equal((await send("stripe", large)).status, 204);
}

/** The route of everything that has Web requests: Next.js, Hono, Remix, … */
function webRoute(inbox) {
  return async (request) => {
    const url = new URL(request.url);
    try {
      const { response } = await inbox.receiveAsync({
        endpoint: url.pathname.split("/").pop(),
        body: await request.arrayBuffer(),
        headers: request.headers,
        query: url.searchParams,
        method: request.method,
      });
      return new Response(response.body, { status: response.status_code, headers: response.headers });
    } catch (error) {
      return new Response(null, { status: error.http_status ?? 500 });
    }
  };
}

async function address(server) {
  await until(() => server.listening && server.address(), "the server's address");
  return `http://127.0.0.1:${server.address().port}`;
}

test("Express with express.raw", async (t) => {
  const inbox = inboxFor(t);
  const app = express();
  app.set("query parser", "extended");
  app.all("/webhooks/:endpoint", express.raw({ type: "*/*", limit: inbox.maxBodyBytes }), async (req, res) => {
    const { response } = await inbox.receiveAsync({
      endpoint: req.params.endpoint, body: req.body, headers: req.headers, query: req.query, method: req.method,
    });
    res.status(response.status_code).set(response.headers).send(response.body ?? "");
  });
  // Express answers with error.status and prints the error where NODE_ENV is not "test".
  app.use((error, _req, res, _next) => res.status(error.status).end());
  const server = app.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await judge(inbox, await address(server));
});

test("Express with the synchronous receive and sendStatus, as in the quick start", async (t) => {
  const inbox = inboxFor(t);
  const app = express();
  app.post("/webhooks/:endpoint", express.raw({ type: "*/*" }), (req, res) => {
    const result = inbox.receive({ endpoint: req.params.endpoint, body: req.body, headers: req.headers, query: req.query });
    res.sendStatus(result.status_code);
  });
  const server = app.listen(0, "127.0.0.1");
  t.after(() => server.close());
  const url = `${await address(server)}/webhooks/stripe`;
  assert.equal((await fetch(url, { method: "POST", ...SIGNED.stripe() })).status, 204);
  assert.equal((await fetch(url, { method: "POST" })).status, 401, "express.raw leaves {} or undefined without a body");
});

test("a body that express.json has parsed answers 500 and says how to get the raw one", async (t) => {
  const inbox = inboxFor(t);
  const app = express();
  let said;
  app.post("/webhooks/stripe", express.json(), async (req) => {
    await inbox.receiveAsync({ endpoint: "stripe", body: req.body, headers: req.headers });
  });
  app.use((error, _req, res, _next) => {
    said = error;
    res.status(error.status).end();
  });
  const server = app.listen(0, "127.0.0.1");
  t.after(() => server.close());
  const { body, headers } = SIGNED.stripe();
  const answer = await fetch(`${await address(server)}/webhooks/stripe`, { method: "POST", body, headers: { ...headers, "content-type": "application/json" } });
  assert.deepEqual([answer.status, said.code], [500, "body_consumed"]);
});

test("Fastify", async (t) => {
  const inbox = inboxFor(t);
  const app = Fastify();
  t.after(() => app.close());
  app.register(async (plugin) => {
    plugin.removeAllContentTypeParsers();
    plugin.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: inbox.maxBodyBytes }, (_request, body, done) => done(null, body));
    plugin.route({
      method: ["GET", "HEAD", "POST"],
      url: "/webhooks/:endpoint",
      async handler(request, reply) {
        const { response } = await inbox.receiveAsync({
          endpoint: request.params.endpoint, body: request.body, headers: request.headers, query: request.query, method: request.method,
        });
        return reply.code(response.status_code).headers(response.headers).send(response.body ?? undefined);
      },
    });
  });
  await judge(inbox, await app.listen({ port: 0, host: "127.0.0.1" }));
});

test("Hono", async (t) => {
  const inbox = inboxFor(t);
  const app = new Hono();
  const route = webRoute(inbox);
  app.all("/webhooks/:endpoint", (c) => route(c.req.raw));
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  t.after(() => server.close());
  await judge(inbox, await address(server));
});

test("a route handler of Next.js's shape: Web requests in, Web responses out", async (t) => {
  const inbox = inboxFor(t);
  const POST = webRoute(inbox);
  const server = http.createServer(async (req, res) => {
    const init = { method: req.method, headers: new Headers(Object.entries(req.headers).map(([name, value]) => [name, String(value)])) };
    if (req.method === "POST") Object.assign(init, { body: req, duplex: "half" });
    const answer = await POST(new Request(`http://${req.headers.host}${req.url}`, init));
    res.writeHead(answer.status, Object.fromEntries(answer.headers));
    res.end(Buffer.from(await answer.arrayBuffer()));
  });
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await judge(inbox, await address(server));
});

test("plain node:http, headers and the raw query as they are", async (t) => {
  const inbox = inboxFor(t);
  const server = http.createServer(async (req, res) => {
    const [path, query = ""] = req.url.split("?");
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    try {
      const { response } = await inbox.receiveAsync({
        endpoint: path.split("/").pop(), body: Buffer.concat(chunks), headers: req.headers, query, method: req.method,
      });
      res.writeHead(response.status_code, response.headers).end(response.body ?? "");
    } catch (error) {
      res.writeHead(error.http_status).end();
    }
  });
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await judge(inbox, await address(server));
});

test("the package's own signatures are those of the SDKs", async () => {
  for (const provider of Object.keys(SECRETS)) {
    const { body } = await SIGNED[provider]();
    const { headers } = sign(provider, { secret: SECRETS[provider], body });
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    if (provider === "stripe") Stripe.webhooks.constructEvent(body, lower["stripe-signature"], SECRETS.stripe);
    if (provider === "standard-webhooks") new StandardWebhook(SECRETS[provider]).verify(body, lower);
    if (provider === "svix") new SvixWebhook(SECRETS.svix).verify(body, lower);
    if (provider === "github") assert.equal(lower["x-hub-signature-256"], await signGitHub(SECRETS.github, body));
  }
});
