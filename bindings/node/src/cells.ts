/** SQLite values as JSON cells, and rows: docs/abi.md, "tx". */

import { bytesOf, type Json } from "./arguments.js";
import { invalidArgument } from "./errors.js";
import type { Reply } from "./reply.js";

/** What a column gives: a bigint only where a number would not be exact. */
export type Value = null | number | bigint | string | Buffer;

/** What a parameter may be: `undefined` is refused, because it is more often a misspelt field than a NULL. */
export type Parameter = null | number | bigint | string | boolean | Uint8Array | ArrayBuffer | ArrayBufferView;

/** One row: column name -> value. Of two columns with one name the last counts. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a query gives is known to its author alone
export type Row = Record<string, any>;

/** Parameters as a request's field, and the blobs that travel beside it. */
export function encodeParameters(parameters: readonly unknown[]): { params?: unknown; blobs: Uint8Array[] } {
  const blobs: Uint8Array[] = [];
  if (parameters.length === 0) return { blobs };
  const only = parameters.length === 1 ? parameters[0] : undefined;
  if (Array.isArray(only)) return { params: only.map((value) => encodeCell(value, blobs)), blobs };
  if (isNamed(only)) {
    const named: Json = {};
    for (const [name, value] of Object.entries(only)) named[name] = encodeCell(value, blobs);
    return { params: named, blobs };
  }
  return { params: parameters.map((value) => encodeCell(value, blobs)), blobs };
}

function isNamed(value: unknown): value is Json {
  return Object.prototype.toString.call(value) === "[object Object]" && bytesOf(value) === undefined;
}

function encodeCell(value: unknown, blobs: Uint8Array[]): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "bigint":
      return { int: value.toString() };
    case "number":
      return encodeNumber(value);
  }
  if (value === null) return null;
  const bytes = bytesOf(value);
  if (bytes === undefined) {
    const kind = value === undefined ? "undefined" : Object.prototype.toString.call(value).slice(8, -1);
    throw invalidArgument(`SQLite has no type for ${kind}: pass null, a number, a bigint, text, bytes or a boolean.`);
  }
  blobs.push(bytes);
  return { blob_index: blobs.length - 1 };
}

function encodeNumber(value: number): unknown {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return value;
  if (Number.isNaN(value)) return null;
  return { real: Object.is(value, -0) ? "-0.0" : String(value) };
}

/** A column's value. Text that is not UTF-8 has U+FFFD where it is not. */
export function decodeCell(cell: unknown): Value {
  if (typeof cell !== "object" || cell === null) return cell as null | number | string;
  const [kind, content] = Object.entries(cell as Record<string, string>)[0] as [string, string];
  if (kind === "int") return BigInt(content);
  if (kind === "real") return Number(content);
  const bytes = Buffer.from(content, "base64");
  return kind === "blob" ? bytes : bytes.toString("utf8");
}

/** The rows of a query, as arrays. */
export function decodeValues(reply: Reply): Value[][] {
  return (reply.rows as unknown[][]).map((cells) => cells.map(decodeCell));
}

/** The rows of a query. */
export function decodeRows(reply: Reply): Row[] {
  const columns = reply.columns as string[];
  return decodeValues(reply).map((values) => Object.fromEntries(values.map((value, index) => [columns[index], value])));
}
