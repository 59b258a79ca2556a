import assert from "node:assert/strict";
import { test } from "node:test";

import { KnockerError, KnockerSqlite } from "knocker";

import { codeOf, inboxOf, receive, SIGNED, TOKEN } from "./helpers.mjs";

test("a valid request is stored before it is answered, and its retry folded into one event", (t) => {
  const inbox = inboxOf(t);
  const first = receive(inbox, { a: 1 }, { dedupeKey: "k1" });
  assert.equal(first.status_code, 204);
  assert.equal(first.duplicate, false);
  assert.deepEqual(first.event_ids, [first.event_id]);
  assert.deepEqual(first.response, { status_code: 204, headers: {}, body: null });
  const again = receive(inbox, { a: 1 }, { dedupeKey: "k1" });
  assert.equal(again.duplicate, true);
  assert.equal(again.event_id, first.event_id);
  assert.equal(inbox.listDeliveries({ eventId: first.event_id }).length, 2);
});

test("a request that does not verify is a stored result with status 401, not an error", (t) => {
  const inbox = inboxOf(t);
  const result = inbox.receive({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "guessed" } });
  assert.equal(result.status_code, 401);
  assert.equal(result.event_id, null);
  assert.equal(typeof result.reason, "string");
  assert.equal(inbox.getDelivery(result.delivery_id).signature_valid, false);
});

test("every shape of bytes arrives as the same bytes", (t) => {
  const inbox = inboxOf(t);
  const bytes = Buffer.from([0, 1, 0xff, 0x7b, 0x0a, 0xc3, 0xa4]);
  const copy = () => Uint8Array.from(bytes);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const shapes = {
    Buffer: bytes,
    Uint8Array: copy(),
    "a view into a larger buffer": new Uint8Array([9, ...bytes, 9]).subarray(1, 1 + bytes.length),
    ArrayBuffer: copy().buffer,
    DataView: new DataView(copy().buffer),
    SharedArrayBuffer: shared.buffer,
    "a view of shared memory": shared,
  };
  for (const [name, body] of Object.entries(shapes)) {
    const { event_id } = inbox.receive({ endpoint: "orders", body, headers: SIGNED });
    assert.deepEqual(inbox.getEvent(event_id).body, bytes, name);
  }
});

test("text is sent as UTF-8, and half a surrogate pair does not break anything", (t) => {
  const inbox = inboxOf(t);
  const { event_id } = inbox.receive({ endpoint: "orders", body: "Zoë 🦉", headers: SIGNED });
  assert.equal(inbox.getEvent(event_id).body.toString(), "Zoë 🦉");
  const half = inbox.receive({ endpoint: "orders", body: "\ud83e", headers: { ...SIGNED, "x-half": "a\ud83eb" } });
  assert.equal(half.status_code, 204);
});

test("undefined, null and the empty object that express.raw leaves are an empty body", (t) => {
  const inbox = inboxOf(t);
  for (const body of [undefined, null, {}, Object.create(null), ""]) {
    const { event_id } = inbox.receive({ endpoint: "orders", body, headers: SIGNED });
    assert.equal(inbox.getEvent(event_id).body.length, 0);
  }
});

test("a parsed body, and an empty one that a length was announced for, are body_consumed", async (t) => {
  const inbox = inboxOf(t);
  const send = (body, headers = SIGNED) => codeOf(() => inbox.receive({ endpoint: "orders", body, headers }));
  assert.equal(await send({ id: 1 }), "body_consumed");
  assert.equal(await send([1]), "body_consumed");
  assert.equal(await send(7), "body_consumed");
  assert.equal(await send(new URLSearchParams("a=b")), "body_consumed");
  assert.equal(await send({}, { ...SIGNED, "content-length": "12" }), "body_consumed");
  assert.equal(await codeOf(() => inbox.receiveAsync({ endpoint: "orders", body: { id: 1 }, headers: SIGNED })), "body_consumed");
});

test("a body that is still a promise says that it has to be awaited", (t) => {
  const inbox = inboxOf(t);
  assert.throws(() => inbox.receive({ endpoint: "orders", body: Promise.resolve("{}"), headers: SIGNED }), {
    code: "invalid_argument",
    message: /await/,
  });
});

test("headers and query come in every shape that frameworks have", (t) => {
  const inbox = inboxOf(t);
  const stored = (options) => inbox.getEvent(inbox.receive({ endpoint: "orders", body: "{}", ...options }).event_id);
  const shapes = [
    { "X-Knocker-Token": TOKEN, "X-Many": ["a", "b"] },
    new Headers([["x-knocker-token", TOKEN], ["x-many", "a"], ["x-many", "b"]]),
    new Map([["x-knocker-token", TOKEN], ["x-many", ["a", "b"]]]),
    [["x-knocker-token", TOKEN], ["x-many", "a"], ["x-many", "b"]],
    Object.assign(Object.create(null), { "x-knocker-token": TOKEN, "x-many": ["a", "b"] }),
  ];
  for (const headers of shapes) {
    const { headers: seen } = stored({ headers });
    assert.match(JSON.stringify(seen["x-many"]), /^(\["a","b"\]|"a, b")$/);
  }
  for (const query of ["a=1&a=2&b=x", "?a=1&a=2&b=x", new URLSearchParams("a=1&a=2&b=x"), { a: ["1", "2"], b: "x" }]) {
    assert.deepEqual(stored({ headers: SIGNED, query }).query, { a: ["1", "2"], b: "x" });
  }
});

test("what is no header value is stored as its JSON or left out, and never an error", (t) => {
  const inbox = inboxOf(t);
  const circle = {};
  circle.circle = circle;
  const odd = { n: 1, big: 10n, nan: NaN, nothing: null, missing: undefined, nested: { a: [1n] }, circle, call() {}, mark: Symbol("s") };
  const result = inbox.receive({ endpoint: "orders", body: "{}", headers: { ...SIGNED, ...odd }, query: odd });
  assert.equal(result.status_code, 204);
});

test("options are read in camelCase, and an unknown one is an error that names the right one", (t) => {
  const inbox = inboxOf(t);
  const { event_id } = receive(inbox, {}, { providerEventId: "evt_1", eventType: "a.b", dedupeKey: "d" });
  const event = inbox.getEvent(event_id);
  assert.deepEqual([event.provider_event_id, event.event_type, event.dedupe_key], ["evt_1", "a.b", "d"]);
  assert.throws(() => receive(inbox, {}, { dedupKey: "d" }), { code: "invalid_argument", message: /dedupe_key/ });
  assert.throws(() => receive(inbox, {}, { dedupeKey: 1n }), { code: "invalid_argument" });
});

test("a missing secret is named with its position, so that a forgotten variable is found", (t) => {
  const inbox = inboxOf(t);
  for (const secrets of [undefined, null, "", ["a", undefined]]) {
    assert.throws(() => inbox.addEndpoint({ name: "s", provider: "token-header", secrets }), { code: "invalid_secret" });
  }
  inbox.addEndpoint({ name: "s", provider: "token-header", secrets: [Buffer.from("a"), "b"] });
  assert.equal(inbox.receive({ endpoint: "s", body: "", headers: { "x-knocker-token": "a" } }).status_code, 204);
});

test("asynchronous receives share commits and each has its own outcome", async (t) => {
  const inbox = inboxOf(t);
  const count = 500;
  const before = inbox.stats().process.commits;
  const results = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      inbox.receiveAsync({ endpoint: "orders", body: `{"n":${n}}`, headers: n % 5 === 0 ? {} : SIGNED }),
    ),
  );
  for (const [n, result] of results.entries()) {
    assert.equal(result.status_code, n % 5 === 0 ? 401 : 204);
    if (result.event_id !== null) assert.equal(inbox.getEvent(result.event_id).json().n, n);
  }
  assert.ok(inbox.stats().process.commits - before < count / 2, "receives that come at once share commits");
});

test("a body may change after receiveAsync has returned", async (t) => {
  const inbox = inboxOf(t);
  const body = Buffer.from("original");
  const waiting = inbox.receiveAsync({ endpoint: "orders", body, headers: SIGNED });
  body.fill(0);
  assert.equal(inbox.getEvent((await waiting).event_id).body.toString(), "original");
});

test("an aborted receiveAsync stores nothing, or tells its outcome where it is too late", async (t) => {
  const inbox = inboxOf(t);
  assert.equal(await codeOf(() => inbox.receiveAsync({ endpoint: "orders", body: "", headers: SIGNED, signal: AbortSignal.abort() })), "cancelled");
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const stop = new AbortController();
      const waiting = inbox.receiveAsync({ endpoint: "orders", body: "x", headers: SIGNED, signal: stop.signal });
      stop.abort();
      return codeOf(() => waiting);
    }),
  );
  const stored = outcomes.filter((code) => code === null).length;
  assert.ok(outcomes.every((code) => code === null || code === "cancelled"), String(new Set(outcomes)));
  assert.equal(inbox.stats().events.received ?? 0, stored);
});

test("closing settles every receiveAsync that is under way", async (t) => {
  const inbox = inboxOf(t);
  const waiting = Array.from({ length: 50 }, () => codeOf(() => inbox.receiveAsync({ endpoint: "orders", body: "x", headers: SIGNED })));
  const closing = inbox.closeAsync();
  for (const code of await Promise.all(waiting)) assert.ok(code === null || ["closed", "cancelled"].includes(code), String(code));
  await closing;
  assert.equal(await codeOf(() => receive(inbox)), "closed");
  inbox.close(); // closing again does nothing
});

test("ingest stores what a trusted layer has verified", (t) => {
  const inbox = inboxOf(t);
  const { delivery_id } = inbox.ingest({ endpoint: "orders", body: "{}", signatureValid: false, signatureError: "theirs" });
  const delivery = inbox.getDelivery(delivery_id);
  assert.deepEqual([delivery.signature_valid, delivery.signature_error], [false, "theirs"]);
});

test("an error has its code, status, retryable and class, also across two copies of the package", async (t) => {
  const inbox = inboxOf(t);
  const { createRequire } = await import("node:module");
  const twin = createRequire(import.meta.url)("knocker");
  assert.notEqual(twin.KnockerError, KnockerError);
  try {
    inbox.receive({ endpoint: "nowhere", body: "" });
    assert.fail("it must throw");
  } catch (error) {
    assert.ok(error instanceof KnockerError && error instanceof twin.KnockerError && error instanceof Error);
    assert.deepEqual([error.code, error.http_status, error.status, error.retryable], ["unknown_endpoint", 404, 404, false]);
    assert.equal(error.name, "KnockerError");
  }
  assert.ok(!(new Error("x") instanceof KnockerError));
});

test("maxBodyBytes is what the library enforces, with and without the option", (t) => {
  const inbox = inboxOf(t);
  const over = Buffer.alloc(inbox.maxBodyBytes + 1);
  assert.equal(inbox.receive({ endpoint: "orders", body: over, headers: SIGNED }).status_code, 413);
  assert.equal(inbox.receive({ endpoint: "orders", body: over.subarray(1), headers: SIGNED }).status_code, 204);
  assert.equal(new KnockerSqlite("x.db", { maxBodyBytes: 10 }).maxBodyBytes, 10);
});
