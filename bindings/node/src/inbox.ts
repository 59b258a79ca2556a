/** The inbox. */

import { encode, filterFields, type Json, nestedOptions, snakeFields } from "./arguments.js";
import { KnockerError } from "./errors.js";
import { registration, registry } from "./handlers.js";
import type { BulkResult, Delivery, EndpointInfo, ExpungeResult, Finished, InboxInfo, KnockerEvent, ReceiveResult, StopReport } from "./models.js";
import { type AsyncOperations, BULK, type Operation, OPERATIONS, type Operations } from "./operations.js";
import { answer, type Reply } from "./reply.js";
import { endpointRequest, receipt } from "./requests.js";
import type { Runner } from "./running.js";
import { type InboxTransport, loadedTransport, transport, type Transport } from "./transport.js";
import type { Tx } from "./tx.js";
import type {
  BulkOptions,
  DeliveryFilter,
  EndpointOptions,
  EventFilter,
  Handler,
  HandlerOptions,
  IngestOptions,
  OpenOptions,
  ReceiveAsyncOptions,
  ReceiveOptions,
  WorkerOptions,
} from "./types.js";
import { Worker } from "./worker.js";

/** The library's own default of `max_body_bytes`, told without loading it; a test compares the two. */
const MAX_BODY_BYTES = 25 * 1024 * 1024;

// Inboxes that nobody holds any more without having closed them.
const lost = new FinalizationRegistry<number>((handle) => {
  const way = loadedTransport();
  way?.disown(handle);
  way?.release(handle);
});

/** An inbox that calls can be made of. */
export interface Opened {
  transport: InboxTransport;
  db: number;
  info: InboxInfo;
}

/** A filter for the whole file: without it an empty filter is refused. */
type All = { all: true };

/** @hidden */
// eslint-disable-next-line @typescript-eslint/no-unused-vars -- as the class
export interface KnockerSqlite<Transaction = Tx> extends Operations, AsyncOperations {}

/**
 * A durable inbox for webhooks, in one SQLite file.
 *
 * Opening is lazy: the constructor touches neither the library nor the file;
 * the first call of any other method opens both, and `open()` does it on
 * purpose. Two inboxes of one process on one file share the engine and the
 * handlers.
 *
 * Every read and action has a twin whose name ends in `Async`, which leaves the
 * event loop free. `Transaction`: what handlers get as `tx`.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the operations are added below
export class KnockerSqlite<Transaction = Tx> {
  readonly #path: string;
  readonly #options: OpenOptions;
  readonly #workers = new Set<Runner>();
  #opened: Opened | undefined;
  #closed = false;
  #stopNext = false;

  /** `path`: the database file, made if it is missing. */
  constructor(path: string, options: OpenOptions = {}) {
    this.#path = path;
    this.#options = { ...options };
  }

  /** The largest body that is taken in: what to set a framework's body limit to. Opens nothing. */
  get maxBodyBytes(): number {
    return this.#options.maxBodyBytes ?? MAX_BODY_BYTES;
  }

  /** The database file. */
  get path(): string {
    return this.#path;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Opens the library and the file now, and answers the inbox itself. Errors: `cannot_open`, `unsupported_platform`, … */
  open(): this {
    this.#open();
    return this;
  }

  /** The versions of the library, its SQLite and the file's tables. */
  info(): InboxInfo {
    return this.#open().info;
  }

  /**
   * Adds an endpoint, or updates the one of this name. Secrets stay in the
   * memory of this process: other processes bring their own. Errors:
   * `invalid_argument`, `invalid_secret`, `unknown_provider`,
   * `provider_mismatch`, `path_taken`.
   */
  addEndpoint(options: EndpointOptions): EndpointInfo {
    const { transport, db } = this.#open();
    const request = endpointRequest(options);
    request.home = transport.home;
    return answer(transport.call(db, "add_endpoint", encode(request))) as EndpointInfo;
  }

  /** `addEndpoint` off the event loop. */
  async addEndpointAsync(options: EndpointOptions): Promise<EndpointInfo> {
    const { transport, db } = this.#open();
    return answer(await transport.callLater(db, "add_endpoint", encode(endpointRequest(options)), true)) as EndpointInfo;
  }

  /**
   * Verifies and stores one HTTP request; returns once it is on disk.
   *
   * A refused request is a result too (`status_code` 401). Throws a
   * KnockerError where nothing could be stored (`unknown_endpoint`, `busy`,
   * `body_consumed`, …); `error.http_status` is what to answer then. While a
   * handler of the same event loop has its transaction open it is
   * `would_deadlock`: use `receiveAsync`.
   */
  receive(options: ReceiveOptions): ReceiveResult {
    const { transport, db } = this.#open();
    const { request, body } = receipt(options, {});
    request.home = transport.home;
    return answer(transport.receive(db, encode(request), body)) as ReceiveResult;
  }

  /** `receive` off the event loop: requests that come at once share a commit. */
  async receiveAsync(options: ReceiveAsyncOptions): Promise<ReceiveResult> {
    const { transport, db } = this.#open();
    const { signal, ...rest } = options;
    const { request, body } = receipt(rest, {});
    return answer(await transport.receiveLater(db, encode(request), body, signal)) as ReceiveResult;
  }

  /** Stores a request that a trusted layer has verified; no provider looks at it. */
  ingest(options: IngestOptions): ReceiveResult {
    const { transport, db } = this.#open();
    const { request, body } = receipt(options, { ingest: true });
    request.home = transport.home;
    return answer(transport.receive(db, encode(request), body)) as ReceiveResult;
  }

  /** `ingest` off the event loop. */
  async ingestAsync(options: IngestOptions & { signal?: AbortSignal }): Promise<ReceiveResult> {
    const { transport, db } = this.#open();
    const { signal, ...rest } = options;
    const { request, body } = receipt(rest, { ingest: true });
    return answer(await transport.receiveLater(db, encode(request), body, signal)) as ReceiveResult;
  }

  /**
   * Adds the function that processes an endpoint's events, synchronous or not.
   *
   * `eventType`: exact, a prefix such as `"invoice.*"`, or left out: all that
   * no other handler is for. Registering for the same place again replaces.
   */
  registerHandler(endpoint: string, handler: Handler<Transaction>, eventType?: string, options?: HandlerOptions): void;
  registerHandler(endpoint: string, handler: Handler<Transaction>, options: HandlerOptions): void;
  registerHandler(endpoint: string, eventType: string, handler: Handler<Transaction>, options?: HandlerOptions): void;
  registerHandler(endpoint: string, first: unknown, second?: unknown, third?: unknown): void {
    const { eventType, handler, options } = registration(first, second, third);
    this._checkHandler(handler);
    const { transport, db } = this.#open();
    const { functions, scope } = registry();
    const request: Json = { ...snakeFields(options), endpoint, handler_scope: scope };
    if (eventType !== undefined) request.event_type = eventType;
    const reply = answer(transport.call(db, "register_handler", encode(request)));
    functions.set(reply.handler as number, handler);
    if (reply.replaced !== null) functions.delete(reply.replaced as number);
  }

  /**
   * Runs handlers on this event loop until `signal` aborts or `stop()` is
   * called; waiting for events blocks neither the loop nor the threads that
   * Node uses for files. Answers what was left over. Rejects with a
   * KnockerError for wrong options and for trouble that does not pass.
   */
  async runWorker(options: WorkerOptions = {}): Promise<StopReport> {
    const worker = this.#worker(options);
    try {
      return await this.#stoppedBy(worker, options.signal, () => worker.run());
    } finally {
      this.#workers.delete(worker);
    }
  }

  /**
   * Handles what is due now, one event after the other, and answers what
   * became of each. A failed event runs again in a later pass.
   */
  async runWorkerOnce(options: WorkerOptions = {}): Promise<Finished[]> {
    const worker = this.#worker(options);
    try {
      return await this.#stoppedBy(worker, options.signal, () => worker.once());
    } finally {
      this.#workers.delete(worker);
    }
  }

  /**
   * Asks all running workers of this inbox to stop; returns at once. When none
   * runs, the next one ends before it claims anything, so that a signal that
   * comes during the start is not lost.
   */
  stop(): void {
    this.#stopNext = this.#workers.size === 0;
    for (const worker of this.#workers) worker.stop();
  }

  /** All events that a filter matches, newest first, page by page. */
  async *events(filter: EventFilter & { bodies?: boolean; limit?: number } = {}): AsyncGenerator<KnockerEvent, void, undefined> {
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.listEventsAsync(cursor === undefined ? filter : { ...filter, cursor });
      yield* page;
      cursor = page.cursor;
    }
  }

  /** All deliveries that a filter matches, newest first, page by page. */
  async *deliveries(filter: DeliveryFilter & { bodies?: boolean; limit?: number } = {}): AsyncGenerator<Delivery, void, undefined> {
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.listDeliveriesAsync(cursor === undefined ? filter : { ...filter, cursor });
      yield* page;
      cursor = page.cursor;
    }
  }

  /** `ignore` for all that a filter matches. `{ all: true }` for the whole file. */
  ignoreEvents(filter: EventFilter | All, options?: BulkOptions): Promise<BulkResult> {
    return this.#bulk(BULK.ignoreEvents, filter, options);
  }

  /** `replay` for all that a filter matches. */
  replayEvents(filter: EventFilter | All, options?: BulkOptions): Promise<BulkResult> {
    return this.#bulk(BULK.replayEvents, filter, options);
  }

  /** `requeue` for all that a filter matches. */
  requeueEvents(filter: EventFilter | All, options?: BulkOptions): Promise<BulkResult> {
    return this.#bulk(BULK.requeueEvents, filter, options);
  }

  /** Erases bodies, headers and query of all that a filter matches and keeps what happened. Audited. */
  async expunge(filter: EventFilter | All, options?: BulkOptions & { reason?: string }): Promise<ExpungeResult> {
    // The last transaction knows whether all is gone.
    let erased_from_file = false;
    const sums = await this.#bulk(BULK.expunge, filter, options, (reply) => (erased_from_file = reply.erased_from_file as boolean));
    return { ...sums, erased_from_file };
  }

  /** Checks refused deliveries again with the present secrets; those that pass become events. */
  reverify(filter: DeliveryFilter | All, options?: BulkOptions): Promise<BulkResult> {
    return this.#bulk(BULK.reverify, filter, options);
  }

  /** `replayDelivery` for all that a filter matches. */
  replayDeliveries(filter: DeliveryFilter | All, options?: BulkOptions): Promise<BulkResult> {
    return this.#bulk(BULK.replayDeliveries, filter, options);
  }

  /**
   * Closes the inbox; closing again does nothing. Its workers end: what their
   * handlers were doing is rolled back and runs again. To let them finish,
   * `stop()` them first.
   */
  close(): void {
    const opened = this.#forget();
    if (opened !== undefined) answer(opened.transport.close(opened.db));
  }

  /** `close` off the event loop. */
  async closeAsync(): Promise<void> {
    const opened = this.#forget();
    if (opened !== undefined) answer(await opened.transport.closeLater(opened.db));
  }

  /** `using inbox = …` */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `await using inbox = …` */
  [Symbol.asyncDispose](): Promise<void> {
    return this.closeAsync();
  }

  /** @internal Any method of the library, for what this package has no name for yet. */
  call(method: string, request: Json = {}): unknown {
    const { transport, db } = this.#open();
    return answer(transport.call(db, method, encode(request)));
  }

  /** @internal */
  _operate<A extends unknown[], R>({ method, request, convert, writes }: Operation<A, R>, values: A): R {
    const { transport, db } = this.#open();
    const json = request(...values);
    if (writes) json.home = transport.home;
    return convert(answer(transport.call(db, method, encode(json))));
  }

  /** @internal */
  async _operateLater<A extends unknown[], R>({ method, request, convert, writes }: Operation<A, R>, values: A): Promise<R> {
    const { transport, db } = this.#open();
    return convert(answer(await transport.callLater(db, method, encode(request(...values)), writes)));
  }

  /** @internal Opens the library and the file. */
  _connect(options: OpenOptions): Opened {
    const fields = snakeFields(options);
    if ("clock" in fields) fields.clock = nestedOptions(fields.clock);
    const way = transport();
    const reply = answer(way.open(encode({ path: this.#path, options: fields })));
    const { db, ...info } = reply as InboxInfo & { db: number };
    way.adopt(db);
    lost.register(this, db, this);
    return { transport: way, db, info };
  }

  /** @internal Refuses handlers that this inbox can't run. */
  _checkHandler(_: unknown): void {}

  /** @internal */
  _makeWorker({ transport, db }: Opened, options: Json, onFinished: WorkerOptions["onFinished"]): Runner {
    return new Worker(transport as Transport, db, options, onFinished);
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    if (this.#closed) throw new KnockerError("closed", "The inbox is closed.");
    this.#opened = this._connect(this.#options);
    return this.#opened;
  }

  #forget(): Opened | undefined {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#closed = true;
    if (opened !== undefined) {
      lost.unregister(this);
      for (const worker of this.#workers) worker.leave();
      opened.transport.disown(opened.db);
    }
    return opened;
  }

  #worker({ signal: _, onFinished, ...options }: WorkerOptions): Runner {
    const request = { ...snakeFields(options), handler_scope: registry().scope };
    const worker = this._makeWorker(this.#open(), request, onFinished);
    this.#workers.add(worker);
    if (this.#stopNext) {
      this.#stopNext = false;
      worker.stop();
    }
    return worker;
  }

  async #stoppedBy<T>(worker: Runner, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    const stop = (): void => worker.stop();
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await run();
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  async #bulk(
    method: string,
    filter: object,
    options: BulkOptions & { reason?: string } = {},
    look?: (reply: Reply) => void,
  ): Promise<BulkResult> {
    const { progress, signal, ...rest } = options;
    const request: Json = { ...snakeFields(rest), filter: filterFields(filter) };
    const sums: BulkResult = { matched: 0, changed: 0, skipped: 0 };
    let cursor: string | null | undefined;
    do {
      signal?.throwIfAborted();
      const { transport, db } = this.#open();
      const reply = answer(await transport.callLater(db, method, encode(cursor ? { ...request, cursor } : request), true));
      look?.(reply);
      sums.matched += reply.matched as number;
      sums.changed += reply.changed as number;
      sums.skipped += reply.skipped as number;
      cursor = reply.cursor as string | null;
      progress?.({ ...sums });
    } while (cursor !== null);
    return sums;
  }
}

for (const [name, operation] of Object.entries(OPERATIONS) as [string, Operation<unknown[], unknown>][]) {
  const define = (key: string, value: unknown): void => {
    Object.defineProperty(KnockerSqlite.prototype, key, { value, writable: true, configurable: true });
  };
  define(name, function (this: KnockerSqlite, ...values: unknown[]) {
    return this._operate(operation, values);
  });
  define(`${name}Async`, function (this: KnockerSqlite, ...values: unknown[]) {
    return this._operateLater(operation, values);
  });
}
