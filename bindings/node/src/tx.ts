/** The transaction that a handler writes in. */

import { encode, type Json } from "./arguments.js";
import { decodeCell, decodeRows, decodeValues, encodeParameters, type Parameter, type Row, type Value } from "./cells.js";
import { KnockerError } from "./errors.js";
import type { ErrorCode } from "./error-codes.js";
import { answer, type Reply } from "./reply.js";
import type { Transport } from "./transport.js";

/** How often a handler that has asked for `tx.signal` is looked after. */
const LOOK_MS = 250;

/** What a statement did. */
export interface RunResult {
  /** How many rows it inserted, updated or deleted. */
  changes: number;
  /** The rowid of the last INSERT on this connection; a bigint where a number would not be exact. */
  lastInsertRowid: number | bigint;
}

type Parameters = readonly (Parameter | readonly Parameter[] | { readonly [name: string]: Parameter })[];

/**
 * One statement of a handler's transaction.
 *
 * Parameters are values one after the other, one array of them, or one object
 * for `:name`, `@name` or `$name`. A bigint for 64-bit integers, bytes for
 * blobs; NaN becomes NULL.
 */
export class Statement {
  readonly #call: (op: string, sql: string, parameters: readonly unknown[]) => Reply;

  /** @internal */
  constructor(
    call: (op: string, sql: string, parameters: readonly unknown[]) => Reply,
    /** The SQL as written. */
    readonly source: string,
  ) {
    this.#call = call;
  }

  /** Runs it. */
  run(...parameters: Parameters): RunResult {
    const reply = this.#call("execute", this.source, parameters);
    return {
      changes: reply.changes as number,
      lastInsertRowid: decodeCell(reply.last_insert_rowid) as number | bigint,
    };
  }

  /** The first row, or undefined. */
  get(...parameters: Parameters): Row | undefined {
    return this.all(...parameters)[0];
  }

  /** All rows. */
  all(...parameters: Parameters): Row[] {
    return decodeRows(this.#call("query", this.source, parameters));
  }

  /** All rows as arrays, for columns that have the same name or none. */
  values(...parameters: Parameters): Value[][] {
    return decodeValues(this.#call("query", this.source, parameters));
  }
}

/**
 * The transaction of a handler's run.
 *
 * It opens at its first use and is committed together with "handled" when the
 * handler returns; when the handler throws, all of it is rolled back. It may
 * stay open for `maxTransactionS` (3 seconds): wait first, write last. One
 * statement a call. SAVEPOINT is allowed; BEGIN, COMMIT, ROLLBACK, ATTACH, TEMP
 * objects, PRAGMAs that set something and writes to `knocker_*` are
 * `forbidden_in_handler`.
 *
 * While another handler of the same event loop has its transaction open, the
 * first use fails with `would_deadlock`; thrown on, it lets the run be repeated
 * when the writer is free, and no attempt counts. `await tx.begin()` waits.
 */
export class Tx {
  readonly #transport: Transport;
  readonly #step: number;
  readonly #abort = new AbortController();
  readonly #call = (op: string, sql: string, parameters: readonly unknown[]): Reply => this.#run(op, sql, parameters);
  #looking: ReturnType<typeof setInterval> | undefined;
  #over = false;
  #open = false;

  /** @internal */
  constructor(transport: Transport, step: number) {
    this.#transport = transport;
    this.#step = step;
  }

  /**
   * Opens the transaction now, off the event loop: it waits where a first
   * `run` would be `would_deadlock`, and never blocks the loop.
   */
  async begin(): Promise<void> {
    this.#mustRun();
    answer(await this.#transport.txLater(this.#step, encode({ op: "begin" })));
    this.#open = true;
  }

  /** @internal Whether it has been opened. */
  get opened(): boolean {
    return this.#open;
  }

  /** A statement of this transaction; it is looked at when it is run. */
  prepare(sql: string): Statement {
    return new Statement(this.#call, sql);
  }

  /** Runs one statement without parameters. */
  exec(sql: string): RunResult {
    return this.prepare(sql).run();
  }

  /**
   * Aborts when the run is over before its end: its time limit
   * (`handler_timeout`), a lost lease, a worker's stop. `signal.reason` is a
   * `KnockerError`. Pass it to `fetch`.
   */
  get signal(): AbortSignal {
    if (!this.#over && this.#looking === undefined) {
      this.#looking = setInterval(() => void this.look(), LOOK_MS);
      this.#looking.unref?.();
    }
    return this.#abort.signal;
  }

  /** @internal Asks the library whether the run is over; aborts if so. */
  async look(): Promise<ErrorCode | null> {
    if (this.#over) return null;
    let ended: ErrorCode | null;
    try {
      ended = answer(await this.#transport.txLater(this.#step, encode({ op: "state" }))).ended as ErrorCode | null;
    } catch (error) {
      ended = error instanceof KnockerError ? error.code : "internal";
    }
    if (ended !== null) this.abort(ended);
    return ended;
  }

  /** @internal */
  abort(code: ErrorCode): void {
    if (!this.#over && !this.#abort.signal.aborted) this.#abort.abort(new KnockerError(code));
    clearInterval(this.#looking);
  }

  /** @internal The handler has ended. */
  end(): void {
    this.#over = true;
    clearInterval(this.#looking);
  }

  #run(op: string, sql: string, parameters: readonly unknown[]): Reply {
    this.#mustRun();
    const { params, blobs } = encodeParameters(parameters);
    const request: Json = { op, sql, home: this.#transport.home };
    if (params !== undefined) request.params = params;
    const reply = answer(this.#transport.tx(this.#step, encode(request), blobs));
    this.#open = true;
    return reply;
  }

  #mustRun(): void {
    // A handler that goes on after its time limit, or a stop, hears the cause.
    if (this.#over && this.#abort.signal.aborted) throw this.#abort.signal.reason;
    if (this.#over) throw new KnockerError("closed", "The handler is over, and so is its transaction.");
  }
}
