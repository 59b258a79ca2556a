/** The transport of Bun: bun:ffi on this thread, and threads for what waits. */

import { threadId } from "node:worker_threads";

import { type Address, encoded, pointed, pointedAll, type Symbols, taken } from "./library.js";
import { loadLibrary } from "./locate.js";
import type { Transport } from "./shared.js";
import { Threads } from "./threads.js";
import { Tickets } from "./tickets.js";

/** Loads the library. Throws a KnockerError, `unsupported_platform`. */
export function bunTransport(): Transport {
  const { symbols, libraryPath } = loadLibrary();
  return new BunTransport(symbols, libraryPath);
}

class BunTransport implements Transport {
  readonly home = threadId + 1;
  readonly #library: Symbols;
  readonly #threads: Threads;
  readonly #tickets = new Map<number, Tickets>();
  readonly #adopted = new Set<number>();

  constructor(
    library: Symbols,
    readonly libraryPath: string,
  ) {
    this.#library = library;
    this.#threads = new Threads(libraryPath);
    process.on("exit", () => {
      for (const handle of this.#adopted) this.#library.knocker_release(handle);
    });
  }

  open(request: string): string {
    return this.#take(this.#library.knocker_open_json(...encoded(request)));
  }

  close(db: number): string {
    const reply = this.#take(this.#library.knocker_close_json(db));
    this.#forget(db);
    return reply;
  }

  call(db: number, method: string, request: string): string {
    return this.#take(this.#library.knocker_call_json(db, encoded(`${method}\0`)[0], ...encoded(request)));
  }

  receive(db: number, request: string, body: Uint8Array): string {
    return this.#take(this.#library.knocker_receive_json(db, ...encoded(request), ...pointed(body)));
  }

  workerOpen(db: number, request: string): string {
    return this.#take(this.#library.knocker_worker_open_json(db, ...encoded(request)));
  }

  workerStep(worker: number, request: string): string {
    return this.#take(this.#library.knocker_worker_step(worker, ...encoded(request)));
  }

  workerClose(worker: number): string {
    return this.#take(this.#library.knocker_worker_close_json(worker));
  }

  tx(step: number, request: string, blobs: readonly Uint8Array[]): string {
    return this.#take(this.#library.knocker_tx_json(step, ...encoded(request), ...pointedAll(blobs)));
  }

  release(handle: number): void {
    this.#library.knocker_release(handle);
  }

  callLater(db: number, method: string, request: string): Promise<string> {
    return this.#threads.run({ function: "call", handle: db, method, request });
  }

  async closeLater(db: number): Promise<string> {
    const reply = await this.#threads.run({ function: "close", handle: db, method: "", request: "" });
    this.#forget(db);
    return reply;
  }

  receiveLater(db: number, request: string, body: Uint8Array, signal?: AbortSignal): Promise<string> {
    let tickets = this.#tickets.get(db);
    if (tickets === undefined) {
      tickets = new Tickets(this.#library, this.#threads, db);
      this.#tickets.set(db, tickets);
    }
    return tickets.receive(request, body, signal);
  }

  workerStepLater(worker: number, request: string): Promise<string> {
    return this.#threads.run({ function: "step", handle: worker, method: "", request });
  }

  workerStopLater(worker: number, request: string): Promise<string> {
    return this.#threads.run({ function: "stop", handle: worker, method: "", request });
  }

  txLater(step: number, request: string): Promise<string> {
    return this.#threads.run({ function: "tx", handle: step, method: "", request });
  }

  adopt(handle: number): void {
    this.#adopted.add(handle);
  }

  disown(handle: number): void {
    this.#adopted.delete(handle);
  }

  #take(document: Address): string {
    return taken(this.#library, document);
  }

  #forget(db: number): void {
    this.#tickets.get(db)?.close();
    this.#tickets.delete(db);
  }
}
