/** A SQLite connection of the application's, and what is said over it. */

import { KnockerError, invalidArgument } from "./errors.js";
import { ERRORS, type ErrorCode } from "./error-codes.js";
import { loadablePath } from "./library.js";
import { isClosed } from "./running.js";

/**
 * A synchronous SQLite connection: better-sqlite3's `Database`, node:sqlite's
 * `DatabaseSync` (made with `allowExtension: true`), bun:sqlite's `Database`, or
 * one that has the same methods.
 */
export interface Database {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as each driver types them
  prepare(sql: string): { get(...parameters: any[]): unknown };
  exec(sql: string): unknown;
  loadExtension(path: string): unknown;
  close(): unknown;
}

/** How the library words what went wrong in SQL, and SQLite while it loads: the code first. */
const CODED = /^(?:error during initialization: )?(?:knocker: )?([a-z_]+): (.*)$/s;

/**
 * Gives a connection the functions `knocker_*` and `honker_*` of docs/sql.md,
 * and makes the inbox's tables where the file has none. Loading again does
 * nothing. Throws a KnockerError: `driver_unavailable` where this SQLite can't
 * load extensions, `unsupported_platform`, `invalid_argument`, `closed`.
 */
export function load(database: Database): void {
  mustBeDatabase(database, "load(db)");
  const path = loadablePath();
  const { enableLoadExtension } = database as { enableLoadExtension?: (allow: boolean) => void };
  try {
    try {
      database.loadExtension(path);
    } catch (error) {
      // node:sqlite, where the application has switched loading off: on for this moment.
      if (enableLoadExtension === undefined || !/not allowed|not authorized/.test(String(error))) throw error;
      enableLoadExtension.call(database, true);
      try {
        database.loadExtension(path);
      } finally {
        enableLoadExtension.call(database, false);
      }
    }
  } catch (error) {
    throw closedError(database, error) ?? knockerError(error) ?? cantLoad(error, enableLoadExtension !== undefined);
  }
}

/** One connection in the hands of an inbox or of a worker. */
export class Connection {
  #statement: { get(...parameters: unknown[]): unknown } | undefined;
  #closed = false;

  constructor(
    readonly database: Database,
    /** What handlers get as their `tx`. */
    readonly tx: unknown,
    /** Whether it was made for this package, which then closes it. */
    readonly own: boolean,
  ) {}

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Makes a call of the library; answers its document. */
  call(method: string, request: string, body: Uint8Array | null = null): string {
    if (this.#closed) throw new KnockerError("closed");
    try {
      // In Bun a statement outlives its connection; this getter says that it is closed.
      void (this.database as { inTransaction?: unknown }).inTransaction;
      this.#statement ??= this.database.prepare("SELECT knocker_call(?, ?, ?) AS reply");
      const row = this.#statement.get(method, request, body === null ? null : plain(body));
      // node:sqlite can be set to answer arrays.
      return (Array.isArray(row) ? row[0] : (row as { reply: string }).reply) as string;
    } catch (error) {
      throw this.#known(error);
    }
  }

  begin(): void {
    this.#execute("BEGIN IMMEDIATE");
  }

  commit(): void {
    this.#execute("COMMIT");
  }

  /** Rolls back what is left of a transaction; nothing is fine. */
  rollback(): void {
    try {
      this.#execute("ROLLBACK");
    } catch (error) {
      // Of a connection that is closed SQLite has rolled it back.
      if (!isClosed(error) && !/no transaction is active/.test(String(error))) throw error;
    }
  }

  /** Makes no more calls; rolls back and closes the connection where it is the package's. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#statement = undefined;
    if (!this.own) return;
    try {
      this.rollback();
      // For statements that somebody still holds and that outlive the connection (in Bun): they can't write any more.
      this.#execute("PRAGMA query_only = ON");
      this.database.close();
    } catch (error) {
      if (!isClosed(error) && !isClosed(this.#known(error))) throw error;
    }
  }

  #execute(sql: string): void {
    try {
      this.database.exec(sql);
    } catch (error) {
      throw this.#known(error);
    }
  }

  /** An error of the driver as what it stands for, where it is the library's or the connection is gone. */
  #known(error: unknown): unknown {
    return closedError(this.database, error) ?? knockerError(error) ?? error;
  }
}

/** Throws `invalid_argument` for what is no connection. */
export function mustBeDatabase(value: unknown, call: string): void {
  const has = (name: string): boolean => typeof (value as { [name: string]: unknown } | null | undefined)?.[name] === "function";
  if (["prepare", "exec", "loadExtension", "close"].every(has)) return;
  throw invalidArgument(
    `${call} takes a Database of better-sqlite3, node:sqlite (DatabaseSync) or bun:sqlite. An ORM's own object goes into ` +
      "the option tx: attach(db, { tx: (db) => drizzle(db) }).",
  );
}

/** The KnockerError that an error of the driver stands for, where a function of the library has raised it. */
function knockerError(error: unknown): KnockerError | undefined {
  const [, code, message] = CODED.exec(error instanceof Error ? error.message : "") ?? [];
  return code !== undefined && code in ERRORS ? new KnockerError(code as ErrorCode, message, {}, { cause: error }) : undefined;
}

function cantLoad(error: unknown, isNode: boolean): KnockerError {
  const hint = isNode ? " Make it with new DatabaseSync(path, { allowExtension: true })." : "";
  const message = `The library can't be loaded into this connection: ${String(error)}.${hint}`;
  return new KnockerError("driver_unavailable", message, {}, { cause: error });
}

/** The KnockerError that an error stands for, where the connection is closed. */
function closedError(database: Database, error: unknown): KnockerError | undefined {
  const { open, isOpen } = database as { open?: unknown; isOpen?: unknown };
  const closed = open === false || isOpen === false || /(database|connection) is not open|closed database|database has closed/i.test(String(error));
  return closed ? new KnockerError("closed", "The connection of the application's is closed.", {}, { cause: error }) : undefined;
}

/** Bytes as every driver takes them: with memory of their own where JavaScript shares it between threads. */
function plain(bytes: Uint8Array): Uint8Array {
  const shared = typeof SharedArrayBuffer === "function" && bytes.buffer instanceof SharedArrayBuffer;
  if (shared) return Buffer.from(bytes);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
