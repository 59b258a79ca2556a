/**
 * JavaScript's many shapes of headers, query, secrets and bodies, as the
 * library's JSON. Only shapes are changed here; what a name or a value means is
 * the core's rule.
 */

import { invalidArgument } from "./errors.js";

/** A request or a part of one, before it becomes JSON. */
export type Json = { [name: string]: unknown };

const EMPTY = new Uint8Array(0);

/** `maxBodyBytes` -> `max_body_bytes`. Names that have no capitals stay as they are. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** An object's own fields with the library's names. Fields that are undefined are left out, which means the same. */
export function snakeFields(value: object | null | undefined): Json {
  const out: Json = {};
  for (const [name, field] of Object.entries(value ?? {})) {
    if (field !== undefined) out[snakeCase(name)] = field;
  }
  return out;
}

/** A nested object of options, whose names are the library's too. Anything else is left for the library to refuse. */
export function nestedOptions(value: unknown): unknown {
  return isPlain(value) ? snakeFields(value) : value;
}

/**
 * The raw bytes, and whether the framework has parsed them away. A value that
 * is neither bytes nor text is a parsed body: the bytes that the sender signed
 * are gone, and the core says so.
 */
export function bodyBytes(body: unknown): { bytes: Uint8Array; consumed: boolean } {
  if (body === undefined || body === null) return { bytes: EMPTY, consumed: false };
  const bytes = bytesOf(body);
  if (bytes !== undefined) return { bytes, consumed: false };
  if (typeof body === "string") return { bytes: Buffer.from(body, "utf8"), consumed: false };
  if (typeof (body as { then?: unknown }).then === "function") {
    throw invalidArgument("The body is a promise: await it, as in body: await request.arrayBuffer().");
  }
  // What express.raw leaves for a request without a body.
  if (isPlain(body) && Object.keys(body).length === 0) return { bytes: EMPTY, consumed: false };
  return { bytes: EMPTY, consumed: true };
}

/** A view of binary values of any kind; undefined for everything else. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  // By name: a value of another realm (jest, vm) is of another class.
  const kind = Object.prototype.toString.call(value);
  if (kind === "[object ArrayBuffer]" || kind === "[object SharedArrayBuffer]") {
    return new Uint8Array(value as ArrayBuffer);
  }
  return undefined;
}

/** Headers or query: plain objects and arrays as they are, other collections as pairs, text as it is. */
export function fields(value: unknown): unknown {
  if (value === undefined || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(pair);
  const bytes = bytesOf(value);
  if (bytes !== undefined) return text(bytes);
  const entries = (value as { entries?: unknown }).entries;
  if (typeof entries === "function" && Symbol.iterator in value) {
    return Array.from(entries.call(value) as Iterable<unknown>, pair);
  }
  if (Symbol.iterator in value) return Array.from(value as Iterable<unknown>, pair);
  return plainFields(value as Json);
}

// The usual shape: a framework's own object of text and lists of text.
function plainFields(value: Json): Json {
  for (const name in value) {
    const field = value[name];
    if (typeof field === "string" || field === undefined) continue;
    if (Array.isArray(field) && field.every((item) => typeof item === "string")) continue;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonValue(item)]));
  }
  return value;
}

function pair(item: unknown): unknown {
  if (!Array.isArray(item) || item.length !== 2) return jsonValue(item);
  return [typeof item[0] === "string" ? item[0] : jsonText(item[0]), jsonValue(item[1])];
}

/** A JSON form of a value of any type; null where there is none. */
function jsonValue(value: unknown): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return String(value);
  const bytes = bytesOf(value);
  if (bytes !== undefined) return text(bytes);
  try {
    const json = JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
    return json === undefined ? null : (JSON.parse(json) as unknown);
  } catch {
    return null; // it holds itself, or its toJSON throws
  }
}

function jsonText(value: unknown): string {
  const bytes = bytesOf(value);
  return bytes === undefined ? String(value) : text(bytes);
}

/** JSON has no bytes: they are read as the core reads them, as UTF-8 or else as Latin-1. */
function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}

/** Secrets, bytes as `{"blob": base64}`. What is missing is kept as null, so that the core can name its position. */
export function secrets(value: unknown): unknown {
  return Array.isArray(value) ? value.map(secret) : secret(value);
}

function secret(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const bytes = bytesOf(value);
  if (bytes !== undefined) return { blob: Buffer.from(bytes).toString("base64") };
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, secret(part)]));
  return value;
}

/**
 * The secrets field of a request. A name that is there with nothing in it, such
 * as a missing environment variable, is not the same as a name that is not there.
 */
export function putSecrets(request: Json, options: object): void {
  if ("secrets" in options) {
    const value = secrets(options.secrets);
    request.secrets = value === null ? [null] : value;
  }
}

/** A moment as whole Unix seconds, of which fractions are cut off: an earlier cutoff never takes too much. */
export function unixSeconds(moment: unknown): unknown {
  if (Object.prototype.toString.call(moment) === "[object Date]") {
    const at = (moment as Date).getTime();
    if (Number.isNaN(at)) throw invalidArgument("The date is invalid.");
    return Math.floor(at / 1000);
  }
  return typeof moment === "number" && Number.isFinite(moment) ? Math.floor(moment) : moment;
}

/** The fields of a filter. */
export function filterFields(filter: object | null | undefined): Json {
  const out = snakeFields(filter);
  if (out.since !== undefined) out.since = unixSeconds(out.since);
  if (out.until !== undefined) out.until = unixSeconds(out.until);
  return out;
}

/** A request as JSON. */
export function encode(request: Json): string {
  try {
    return JSON.stringify(request);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw invalidArgument(`An argument can't be sent as JSON: ${why}.`);
  }
}

function isPlain(value: unknown): value is Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.prototype.toString.call(value) === "[object Object]" && !(Symbol.iterator in value);
}
