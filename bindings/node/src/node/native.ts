/** The transport of Node: the addon, and one watch per inbox for its asynchronous receives. */

import { threadId } from "node:worker_threads";

import type { Document, Transport } from "../transport.js";
import { type Addon, Op } from "./addon.js";
import { loadNative } from "./locate.js";
import { Tickets } from "./tickets.js";

/** Loads the native files. */
export function nodeTransport(): Transport {
  const { addon, libraryPath } = loadNative();
  return new NodeTransport(addon, libraryPath);
}

class NodeTransport implements Transport {
  readonly home = threadId + 1;
  readonly #addon: Addon;
  readonly #tickets = new Map<number, Tickets>();

  constructor(
    addon: Addon,
    readonly libraryPath: string,
  ) {
    this.#addon = addon;
  }

  open(request: string): string {
    return this.#addon.perform(Op.Open, 0, "", request);
  }

  close(db: number): string {
    const reply = this.#addon.perform(Op.Close, db, "", "");
    this.#forget(db);
    return reply;
  }

  call(db: number, method: string, request: string): string {
    return this.#addon.perform(Op.Call, db, method, request);
  }

  receive(db: number, request: string, body: Uint8Array): string {
    return this.#addon.perform(Op.Receive, db, "", request, [plain(body)]);
  }

  workerOpen(db: number, request: string): string {
    return this.#addon.perform(Op.WorkerOpen, db, "", request);
  }

  workerStep(worker: number, request: string): string {
    return this.#addon.perform(Op.WorkerStep, worker, "", request);
  }

  workerClose(worker: number): string {
    return this.#addon.perform(Op.WorkerClose, worker, "", "");
  }

  tx(step: number, request: string, blobs: readonly Uint8Array[]): string {
    return this.#addon.perform(Op.Tx, step, "", request, blobs.map(plain));
  }

  release(handle: number): void {
    this.#addon.release(handle);
  }

  callLater(db: number, method: string, request: string): Promise<string> {
    return this.#addon.performLater(Op.Call, db, method, request, undefined, false);
  }

  async closeLater(db: number): Promise<string> {
    const reply = await this.#addon.performLater(Op.Close, db, "", "", undefined, true);
    this.#forget(db);
    return reply;
  }

  receiveLater(db: number, request: string, body: Uint8Array, signal?: AbortSignal): Promise<string | Document> {
    let tickets = this.#tickets.get(db);
    if (tickets === undefined) {
      tickets = new Tickets(this.#addon, db);
      this.#tickets.set(db, tickets);
    }
    return tickets.receive(request, plain(body), signal);
  }

  workerStepLater(worker: number, request: string): Promise<string> {
    return this.#addon.performLater(Op.WorkerStep, worker, "", request, undefined, true);
  }

  workerStopLater(worker: number, request: string): Promise<string> {
    return this.#addon.performLater(Op.WorkerStop, worker, "", request, undefined, true);
  }

  txLater(step: number, request: string): Promise<string> {
    return this.#addon.performLater(Op.Tx, step, "", request, undefined, true);
  }

  adopt(handle: number): void {
    this.#addon.adopt(handle);
  }

  disown(handle: number): void {
    this.#addon.disown(handle);
  }

  #forget(db: number): void {
    this.#tickets.get(db)?.close();
    this.#tickets.delete(db);
  }
}

/** N-API gives no memory that JavaScript shares between threads: that is copied. */
function plain(bytes: Uint8Array): Uint8Array {
  const shared = typeof SharedArrayBuffer === "function" && bytes.buffer instanceof SharedArrayBuffer;
  return shared ? Uint8Array.from(bytes) : bytes;
}
