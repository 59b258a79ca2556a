/** The functions of knocker.h over bun:ffi. */

import { CString, dlopen, FFIType, type Pointer, ptr } from "bun:ffi";

const handle = FFIType.u64;
const length = FFIType.u64;
const bytes = FFIType.ptr;
const reply = FFIType.ptr;

const SYMBOLS = {
  knocker_abi_version: { args: [], returns: FFIType.u32 },
  knocker_open_json: { args: [bytes, length], returns: reply },
  knocker_close_json: { args: [handle], returns: reply },
  knocker_call_json: { args: [handle, bytes, bytes, length], returns: reply },
  knocker_receive_json: { args: [handle, bytes, length, bytes, length], returns: reply },
  knocker_receive_start_json: { args: [handle, bytes, length, bytes, length], returns: reply },
  knocker_receive_poll_json: { args: [handle, bytes, length], returns: reply },
  knocker_receive_cancel_json: { args: [handle, bytes, length], returns: reply },
  knocker_worker_open_json: { args: [handle, bytes, length], returns: reply },
  knocker_worker_step: { args: [handle, bytes, length], returns: reply },
  knocker_worker_stop_json: { args: [handle, bytes, length], returns: reply },
  knocker_worker_close_json: { args: [handle], returns: reply },
  knocker_tx_json: { args: [handle, bytes, length, bytes, bytes, length], returns: reply },
  knocker_release: { args: [handle], returns: FFIType.void },
  knocker_free: { args: [FFIType.ptr], returns: FFIType.void },
} as const;

export type Symbols = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

/** Loads the library, or answers the handle to what is loaded. Throws an Error with the system's words. */
export function loadSymbols(path: string): Symbols {
  return dlopen(path, SYMBOLS).symbols;
}

const encoder = new TextEncoder();

/** A text as the library takes it: UTF-8 and its length. */
export function encoded(text: string): [Uint8Array, number] {
  const utf8 = encoder.encode(text);
  return utf8.length === 0 ? [NOTHING, 0] : [utf8, utf8.length];
}

/** A pointer to bytes. JavaScript gives none for an empty array, and the library reads none of it. */
export function pointed(body: Uint8Array): [Uint8Array, number] {
  return body.byteLength === 0 ? [NOTHING, 0] : [body, body.byteLength];
}

const NOTHING = new Uint8Array(1);

/** The blobs of a tx call: their addresses and lengths. */
export function pointedAll(blobs: readonly Uint8Array[]): [BigUint64Array, BigUint64Array, number] {
  const addresses = new BigUint64Array(Math.max(blobs.length, 1));
  const lengths = new BigUint64Array(Math.max(blobs.length, 1));
  blobs.forEach((blob, at) => {
    addresses[at] = blob.byteLength === 0 ? 0n : BigInt(ptr(blob));
    lengths[at] = BigInt(blob.byteLength);
  });
  return [addresses, lengths, blobs.length];
}

/** An address, as bun:ffi answers it: a big one may be a bigint. */
export type Address = Pointer | bigint | null;

/** Reads a reply and gives it back. */
export function taken(library: Symbols, document: Address): string {
  if (document === null) throw new Error("knocker: there is no memory for a reply of the library");
  try {
    return new CString(document as Pointer).toString();
  } finally {
    library.knocker_free(document as Pointer);
  }
}
