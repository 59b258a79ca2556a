/** The way to an inbox over connections of the application's. */

import { AsyncLocalStorage } from "node:async_hooks";
import { threadId } from "node:worker_threads";

import type { Connection } from "./connection.js";
import { KnockerError } from "./errors.js";
import { Later } from "./running.js";
import type { Document, InboxTransport } from "./transport.js";

/** A handler whose transaction is open. */
interface Handling {
  connection: Connection;
  over: boolean;
  done: Promise<void>;
}

/** Who has the writer of a file among the handlers of this event loop. */
interface Gate {
  handling?: Handling;
}

// By file: several inboxes of one loop on one file have one writer.
const gates = new Map<string, Gate>();

/** The calls of an attached inbox. */
export class ConnectionTransport implements InboxTransport {
  readonly #context = new AsyncLocalStorage<Handling>();
  #gate: Gate = {};

  constructor(
    /** The connection of all calls that are not made by a handler. */
    readonly main: Connection,
    /** Opens one for a worker; undefined: there is only the main one. */
    readonly make: (() => Connection) | undefined,
  ) {}

  /** Tells the file, once it is known; `""`: a database without one, which is this connection's alone. */
  works(path: string): void {
    if (path === "") return;
    const gate = gates.get(path) ?? this.#gate;
    gates.set(path, gate);
    this.#gate = gate;
  }

  get home(): number {
    if (this.taken() !== undefined) throw new KnockerError("would_deadlock");
    return threadId + 1;
  }

  /**
   * The end of the handler that a call of now would wait for although both need
   * this loop; undefined: there is none. To be asked again after waiting, in
   * the same turn as what it is asked for.
   */
  taken(): Promise<void> | undefined {
    const { handling } = this.#gate;
    return handling === undefined || handling.connection === this.#connection() ? undefined : handling.done;
  }

  /** Runs what has a transaction open on a connection: the calls that it makes are made in there. */
  async handling<T>(connection: Connection, run: () => Promise<T>): Promise<T> {
    const done = new Later<void>();
    const handling: Handling = { connection, over: false, done: done.promise };
    this.#gate.handling = handling;
    try {
      return await this.#context.run(handling, run);
    } finally {
      handling.over = true;
      this.#gate.handling = undefined;
      done.resolve();
    }
  }

  close(): string {
    this.main.close();
    return '{"ok":{}}';
  }

  call(_: number, method: string, request: string): string {
    return this.#connection().call(method, request);
  }

  receive(_: number, request: string, body: Uint8Array): string {
    return this.#connection().call("receive", request, body);
  }

  disown(): void {}

  async callLater(db: number, method: string, request: string, writes: boolean): Promise<string> {
    if (writes) for (let end = this.taken(); end !== undefined; end = this.taken()) await end;
    return this.call(db, method, request);
  }

  async closeLater(): Promise<string> {
    return this.close();
  }

  async receiveLater(db: number, request: string, body: Uint8Array, signal?: AbortSignal): Promise<string | Document> {
    if (this.taken() !== undefined) body = Uint8Array.from(body); // it may change while this waits
    for (let end = this.taken(); end !== undefined && !signal?.aborted; end = this.taken()) await orAborted(end, signal);
    if (signal?.aborted) throw new KnockerError("cancelled");
    return this.receive(db, request, body);
  }

  /** A handler's own connection for the calls that it makes, else the main one. */
  #connection(): Connection {
    const handling = this.#context.getStore();
    return handling === undefined || handling.over ? this.main : handling.connection;
  }
}

/** Waits for a promise, or for the signal. */
async function orAborted(end: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const aborted = new Later<void>();
  const abort = (): void => aborted.resolve();
  signal?.addEventListener("abort", abort, { once: true });
  await Promise.race([end, aborted.promise]);
  signal?.removeEventListener("abort", abort);
}
