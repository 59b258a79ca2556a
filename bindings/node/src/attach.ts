/** An inbox on connections of the application's own SQLite. */

import { encode, type Json, nestedOptions, snakeFields } from "./arguments.js";
import { AttachedWorker, NOT_ASYNC } from "./attached-worker.js";
import { Connection, type Database, load, mustBeDatabase } from "./connection.js";
import { ConnectionTransport } from "./connection-transport.js";
import { invalidArgument } from "./errors.js";
import { KnockerSqlite, type Opened } from "./inbox.js";
import type { InboxInfo } from "./models.js";
import { answer } from "./reply.js";
import type { Runner } from "./running.js";
import type { OpenOptions, RetryOptions, WorkerOptions } from "./types.js";

/** Options of `attach`: those of `new KnockerSqlite` that are not about opening a file, with the same defaults. */
export interface AttachOptions
  extends RetryOptions,
    Pick<
      OpenOptions,
      "queueName" | "maxBodyBytes" | "maxOrphans" | "maxOrphanBytes" | "maxOrphanBodyBytes" | "maxOrphansPerS" | "redactHeaders" | "migrate" | "clock"
    > {}

const NO_FILE = "attach takes a function for a database in a file: each connection to one in memory has another. Pass the connection itself.";

/** An inbox whose every call runs on a connection of the application's, in its transaction where one is open. */
class AttachedInbox<Transaction> extends KnockerSqlite<Transaction> {
  readonly #transport: ConnectionTransport;
  readonly #info: InboxInfo;

  constructor(transport: ConnectionTransport, info: InboxInfo, options: AttachOptions) {
    super(info.path, options);
    this.#transport = transport;
    this.#info = info;
    this.open();
  }

  /** @internal */
  override _connect(): Opened {
    return { transport: this.#transport, db: 0, info: this.#info };
  }

  /** @internal */
  override _checkHandler(handler: unknown): void {
    const asynchronous = Object.prototype.toString.call(handler) === "[object AsyncFunction]";
    if (asynchronous && this.#transport.make === undefined) throw invalidArgument(NOT_ASYNC);
  }

  /** @internal */
  override _makeWorker(_: Opened, options: Json, onFinished: WorkerOptions["onFinished"]): Runner {
    return new AttachedWorker(this.#transport, options, onFinished);
  }
}

export type { AttachedInbox };

/**
 * Attaches an inbox to the application's own SQLite: a connection, or a function
 * that opens one.
 *
 * Every call runs on the connection: in its transaction where one is open
 * (`result.durable` is false then, and your commit stores it), else in one of
 * its own. The methods are those of `KnockerSqlite`; what needs connections of its
 * own is `invalid_state` (`backup`, `expunge`, `runRetention`, `watchHooks`), and
 * `Async` twins can't leave the event loop.
 *
 * A handler's `tx` is the connection itself, or what `options.tx` makes of it:
 * an ORM's object. Its transaction is open from before the handler until
 * "handled" is in it. Handlers of a single connection must be synchronous. With
 * a function each worker has a connection of its own, handlers may be
 * asynchronous, and all that was opened is closed with the inbox; a
 * connection that you pass stays open.
 *
 * Attaching the file again in this process is the same inbox; other options are
 * `open_options_conflict`. Whether a commit waits for the disk is the
 * connection's `PRAGMA synchronous`: FULL is what webhooks need. Errors:
 * `driver_unavailable`, `migration_needed`, `schema_too_new`, `invalid_argument`, …
 */
export function attach<D extends Database>(database: D | (() => D), options?: AttachOptions): AttachedInbox<D>;
export function attach<D extends Database, Transaction>(
  database: D | (() => D),
  options: AttachOptions & {
    /** Makes of a connection what handlers get; called once a connection. Defaults to the connection. */
    tx: (database: D) => Transaction;
  },
): AttachedInbox<Transaction>;
export function attach<D extends Database>(
  database: D | (() => D),
  options: AttachOptions & { tx?: (database: D) => unknown } = {},
): AttachedInbox<unknown> {
  const { tx, ...rest } = options;
  const connect = (opened: D, own: boolean): Connection => {
    mustBeDatabase(opened, "attach");
    try {
      load(opened);
      return new Connection(opened, tx === undefined ? opened : tx(opened), own);
    } catch (error) {
      if (own) opened.close();
      throw error;
    }
  };
  const make = typeof database === "function" ? () => connect(database(), true) : undefined;
  const main = make === undefined ? connect(database as D, false) : make();
  try {
    const transport = new ConnectionTransport(main, make);
    const fields = snakeFields(rest);
    if ("clock" in fields) fields.clock = nestedOptions(fields.clock);
    const reply = answer(main.call("attach", encode({ options: fields })));
    const info = { ...reply, path: (reply.path as string | null) ?? "", engine: "host" } as InboxInfo;
    if (make !== undefined && info.path === "") throw invalidArgument(NO_FILE);
    transport.works(info.path);
    return new AttachedInbox(transport, info, rest);
  } catch (error) {
    main.close();
    throw error;
  }
}
