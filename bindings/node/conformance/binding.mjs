/** The JavaScript binding behind the names and the plain form of docs/abi.md. */

/** Methods whose arguments are not one object: these fields in turn, then an object of the others. */
const POSITIONS = {
  get_event: ["id"],
  get_delivery: ["id"],
  list_attempts: ["event_id"],
  get_endpoint: ["name"],
  enable_endpoint: ["name"],
  disable_endpoint: ["name"],
  pause_endpoint: ["name"],
  resume_endpoint: ["name"],
  remove_endpoint: ["name"],
  ignore: ["event_id"],
  replay: ["event_id"],
  requeue: ["event_id"],
  replay_delivery: ["delivery_id"],
  explain_delivery: ["delivery_id"],
  accept_delivery: ["delivery_id", "reason"],
  prune_events: ["older_than"],
  prune_orphan_deliveries: ["older_than"],
  run_retention_pass: ["policy"],
  start_retention: ["policy"],
  backup: ["path"],
  watch_hooks: ["limit"],
  poll_hooks: ["max"],
  set_clock: ["now_s"],
  ignore_events: ["filter"],
  replay_events: ["filter"],
  requeue_events: ["filter"],
  expunge: ["filter"],
  reverify: ["filter"],
  replay_deliveries: ["filter"],
};
/** Methods whose names differ. */
const METHODS = { start_retention: "runRetention" };
/** What a bare answer is called in the reply. */
const WRAPPED = {
  list_events: "events",
  list_deliveries: "deliveries",
  list_attempts: "attempts",
  list_endpoints: "endpoints",
  list_running: "running",
  list_prune_audits: "audits",
  stats_by_endpoint: "endpoints",
  providers: "providers",
  stop_retention: "stopped",
};

/** The binding of one runtime: `knocker` and `testing` are its modules. */
export function bindingOf(knocker, testing) {
  return {
    open: (path, options) => new knocker.KnockerSqlite(path, camel(options)).open(),

    /** Any operation through its public method; of a pair of twins now the one, now the other. */
    async call(inbox, method, request, later) {
      const { [METHODS[method] ?? camelCase(method)]: direct } = inbox;
      const twin = later ? inbox[`${METHODS[method] ?? camelCase(method)}Async`] : undefined;
      return reply(method, await (twin ?? direct).apply(inbox, argumentsOf(method, request)));
    },

    /** The methods that need no inbox. */
    callAlone(method, request) {
      if (method === "providers") return reply(method, knocker.providers());
      const { provider, body, body_base64, secrets, ...rest } = request;
      const bytes = body_base64 === undefined ? body : Buffer.from(body_base64, "base64");
      const secret = secrets === undefined ? {} : { secret: native(secrets) };
      const { body: signed, ...more } = plain(testing.sign(provider, { ...camel(rest), ...secret, body: bytes }));
      return { ...more, body_base64: signed };
    },

    /** One request, synchronously or not. */
    async receive(inbox, step, later) {
      const { body, headers, query, ...rest } = requestOf(step);
      const options = { ...camel(rest), endpoint: step.endpoint, body };
      if (headers !== undefined) options.headers = fields(headers, (pairs) => new Headers(pairs));
      if (query !== undefined) options.query = fields(query, (pairs) => new URLSearchParams(pairs));
      return plain(await inbox[`${step.do}${later ? "Async" : ""}`](options));
    },

    handle(inbox, { endpoint, event_type, options }, handler) {
      inbox.registerHandler(endpoint, handler, event_type, camel(options ?? {}));
    },

    work: (inbox, options) => inbox.runWorkerOnce(camel(options ?? {})),

    /** What a handler throws for a step that ends it. */
    ending(step) {
      if (step.do === "raise") return new Error(step.message ?? "");
      if (step.do === "retry_after") return new knocker.RetryAfter(step.seconds, step.message);
      if (step.do === "discard") return new knocker.Discard(step.reason);
      return step.do === "ignore" ? new knocker.Ignore(step.reason) : undefined;
    },

    isError: (error) => error instanceof knocker.KnockerError,
    plain,
    execute: (tx, sql, params) => {
      const { changes, lastInsertRowid } = tx.prepare(sql).run(...parameters(params));
      return { changes, last_insert_rowid: cell(lastInsertRowid) };
    },
    query: (tx, sql, params) => ({ rows: tx.prepare(sql).values(...parameters(params)).map((row) => row.map(cell)) }),
  };
}

/** An error in the plain form. */
export function plainError({ code, message, http_status, retryable, details }) {
  return { code, message, http_status, retryable, details: plain(details) };
}

function argumentsOf(method, request) {
  const positions = POSITIONS[method] ?? [];
  const rest = { ...request };
  const values = positions.map((name) => {
    const value = native(rest[name]);
    delete rest[name];
    return typeof value === "object" && value !== null ? camel(value) : value;
  });
  return Object.keys(rest).length > 0 ? [...values, camel(rest)] : values;
}

function reply(method, answer) {
  if (answer === undefined) return {};
  if (typeof answer === "number") return { event_id: answer };
  if (!(method in WRAPPED) || (typeof answer === "object" && !Array.isArray(answer))) return plain(answer);
  return { [WRAPPED[method]]: plain(answer), ...(answer.cursor === undefined ? {} : { cursor: answer.cursor }) };
}

/** A value of the binding as JSON. */
function plain(value) {
  if (Buffer.isBuffer(value)) return value.toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const { body_included, ...fields } = value;
  if (body_included === false) fields.body = null;
  return Object.fromEntries(Object.entries(fields).map(([name, item]) => [name, plain(item)]));
}

/** JavaScript's own form of what JSON has none for. */
function native(value) {
  if (Array.isArray(value)) return value.map(native);
  if (typeof value !== "object" || value === null) return value;
  if ("$bytes" in value) return Buffer.from(value.$bytes, "base64");
  if ("$object" in value) return Object.assign(() => undefined, { upload: true });
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, native(item)]));
}

function fields(value, make) {
  if (typeof value !== "object" || value === null || !("$native" in value)) return native(value);
  return make(Object.entries(value.$native).flatMap(([name, items]) => [items].flat().map((item) => [name, item])));
}

function requestOf({ request = {} }) {
  const { body, body_base64, body_repeat, body_parsed, ...rest } = request;
  if (body_base64 !== undefined) return { ...rest, body: Buffer.from(body_base64, "base64") };
  if (body_repeat !== undefined) return { ...rest, body: body_repeat.text.repeat(body_repeat.times) };
  return { ...rest, body: "body_parsed" in request ? body_parsed : body };
}

/** Option names in camelCase, one level below too where a value is an object of options. */
function camel(options) {
  return Object.fromEntries(
    Object.entries(native(options)).map(([name, value]) => [camelCase(name), OPTIONS.has(name) && value ? camel(value) : value]),
  );
}
const OPTIONS = new Set(["provider_options", "clock", "policy", "filter"]);

function camelCase(name) {
  return name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}

function parameters(params) {
  if (params === undefined || params === null) return [];
  return [Array.isArray(params) ? params.map(value) : Object.fromEntries(Object.entries(params).map(([name, item]) => [name, value(item)]))];
}

/** A cell as a value. */
function value(item) {
  if (typeof item !== "object" || item === null) return item;
  if ("int" in item) return BigInt(item.int);
  if ("real" in item) return Number(item.real);
  return "blob" in item ? Buffer.from(item.blob, "base64") : item;
}

/** A value as a cell. */
function cell(item) {
  if (typeof item === "bigint") return { int: String(item) };
  if (Buffer.isBuffer(item)) return { blob: item.toString("base64") };
  if (typeof item === "number" && !Number.isSafeInteger(item)) return { real: String(item) };
  return item;
}
