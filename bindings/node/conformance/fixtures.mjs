/** Runs the recorded requests and the sequences: conformance/README.md. */

import { randomBytes } from "node:crypto";

// Between neighbouring reasons a case and a verdict may differ: whether a wrong
// signature is also malformed depends on how closely one looks.
const NEIGHBOURS = [
  ["signature_mismatch", "malformed_header", "bad_credentials", "missing_signature", "malformed_body", "unknown_key", "unknown_topic"],
  ["missing_header", "missing_signature", "missing_timestamp"],
];

export class Fixtures {
  #inbox;
  #number = 0;

  /** `inbox` has a settable clock. */
  constructor(inbox) {
    this.#inbox = inbox;
  }

  /** Receives the requests of a sequence in turn and counts what they became. */
  sequence(provider, { requests, expected }) {
    const name = this.#endpoint(provider, requests[0], true);
    const results = requests.map((request) => this.#receive(name, request));
    const differences = [];
    const equal = differ(differences);
    equal("other status codes", [], results.map(({ status_code }) => status_code).filter((code) => ![200, 202, 204].includes(code)));
    equal("deliveries", expected.deliveries, new Set(results.map(({ delivery_id }) => delivery_id)).size);
    equal("events", expected.events, new Set(results.flatMap(({ event_ids }) => event_ids)).size);
    return differences;
  }

  /** Receives one case's request and compares. */
  single(provider, { request, expected }) {
    const name = this.#endpoint(provider, request, expected.signature_valid);
    const result = this.#receive(name, request);
    const differences = [];
    const equal = differ(differences);
    const { handshake } = expected;
    if (!handshake) this.#validity(equal, expected, result);
    if (handshake) {
      response(equal, "handshake", handshake, result);
      if (handshake.store_as_event !== undefined) equal("handshake.store_as_event", handshake.store_as_event, result.event_id !== null);
    }
    if (expected.signature_valid && (!handshake || result.event_id !== null)) this.#events(equal, expected, result);
    if (expected.response) response(equal, "response", expected.response, result);
    if (expected.reject_reason) reason(equal, expected.reject_reason, result.reason);
    return differences;
  }

  #endpoint(provider, { secrets, provider_options }, valid) {
    const name = `case-${this.#number++}`;
    const options = { name, provider, ...(provider_options ? { providerOptions: provider_options } : {}) };
    const given = secrets === undefined || secrets === null || secrets.length === 0 ? options : { ...options, secrets };
    try {
      this.#inbox.addEndpoint(given);
    } catch (error) {
      if (error.code !== "invalid_secret" || valid) throw error;
      // A case may show that an empty secret never matches; the inbox refuses such an endpoint.
      this.#inbox.addEndpoint({ ...options, secrets: randomBytes(32).toString("hex") });
    }
    return name;
  }

  #receive(endpoint, { now_s, method, headers, query, body, body_base64 }) {
    this.#inbox.setClock(now_s);
    const bytes = body_base64 === undefined || body_base64 === null ? Buffer.from(body ?? "") : Buffer.from(body_base64, "base64");
    return this.#inbox.receive({ endpoint, body: bytes, headers, query, method });
  }

  #validity(equal, expected, result) {
    const delivery = this.#inbox.getDelivery(result.delivery_id);
    equal("signature_valid", expected.signature_valid, delivery.signature_valid);
    if (expected.signature_valid) return;
    equal("status_code", 401, result.status_code);
    equal("event_ids", [], result.event_ids);
    equal("kind", "rejected", delivery.kind);
  }

  #events(equal, expected, result) {
    const items = expected.events ?? [{ event_type: expected.event_type, dedupe_identity: expected.dedupe_identity }];
    equal("number of events", items.length, result.event_ids.length);
    for (const [index, id] of result.event_ids.entries()) {
      const event = this.#inbox.getEvent(id);
      equal(`events[${index}].event_type`, items[index]?.event_type ?? null, event.event_type);
      equal(`events[${index}].dedupe_identity`, items[index]?.dedupe_identity ?? null, event.dedupe_key);
    }
  }
}

function response(equal, what, want, { response: got }) {
  if (want.status) equal(`${what}.status`, want.status, got.status_code);
  if (want.body !== undefined && want.body !== null) equal(`${what}.body`, want.body, got.body ?? "");
  const lower = Object.fromEntries(Object.entries(got.headers).map(([name, value]) => [name.toLowerCase(), value]));
  for (const [name, value] of Object.entries(want.headers ?? {})) equal(`${what}.headers.${name}`, value, lower[name.toLowerCase()] ?? "");
}

function reason(equal, want, got) {
  const name = got === "timestamp_too_old" || got === "timestamp_too_new" ? "timestamp_out_of_tolerance" : got;
  if (want === got || NEIGHBOURS.some((group) => group.includes(want) && group.includes(name))) return;
  equal("reject_reason", want, name);
}

function differ(differences) {
  return (what, want, got) => {
    const [a, b] = [JSON.stringify(want), JSON.stringify(got)];
    if (a !== b) differences.push(`${what}: expected ${a}, got ${b}`);
  };
}
