/** The shapes of options: camelCase, as JavaScript writes them. Times are in seconds unless a name ends in `Ms`. */

import type { Finished, KnockerEvent } from "./models.js";
import type { Tx } from "./tx.js";

/** Raw bytes of a request. Text is sent as UTF-8. `undefined`, `null` and `{}` (what express.raw leaves) are an empty body. */
export type Body = Uint8Array | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | string | null | undefined | object;

/** A name's values in any shape that frameworks have: `Headers`, `URLSearchParams`, `Map`, pairs, or a plain object. */
export type Fields = Iterable<readonly [string, unknown]> | { readonly [name: string]: unknown } | object;

/** One secret: text or bytes, or an object of several parts where the provider has them. */
export type Secret = string | Uint8Array | { readonly [part: string]: string | Uint8Array };

/** One or several secrets, any of which verifies. A missing one is `invalid_secret`. */
export type Secrets = Secret | ReadonlyArray<Secret | null | undefined> | null | undefined;

/** A moment: Unix seconds, of which fractions are cut off, or a Date. */
export type Moment = number | Date;

/** How failed runs are tried again. */
export interface RetryOptions {
  /** Runs before an event is dead. Defaults to 12. */
  maxAttempts?: number;
  /** The first wait in seconds. Defaults to 1. */
  backoffInitialS?: number;
  /** Growth of the wait. Defaults to 3. */
  backoffFactor?: number;
  /** The longest wait in seconds. Defaults to 3,600. */
  backoffMaxS?: number;
  /** Whether waits are spread at random. Defaults to true. */
  backoffJitter?: boolean;
}

/** Options of `new KnockerSqlite(path, options)`. */
export interface OpenOptions extends RetryOptions {
  /** Defaults to `knocker.events`. */
  queueName?: string;
  /** The longest wait for the writer. Defaults to 5,000. */
  busyTimeoutMs?: number;
  /** The longest wait of a receive. Defaults to 2,500. */
  receiveTimeoutMs?: number;
  /** Larger bodies are answered 413. Defaults to 25 MiB. */
  maxBodyBytes?: number;
  /** Refused requests that are kept, per endpoint. Defaults to 10,000. */
  maxOrphans?: number;
  /** Bytes of refused requests that are kept, per file. Defaults to 256 MiB. */
  maxOrphanBytes?: number;
  /** Where the body of a refused request is cut. Defaults to 64 KiB. */
  maxOrphanBodyBytes?: number;
  /** Refused requests a second that are stored, of a flood. Defaults to 20. */
  maxOrphansPerS?: number;
  /** Further headers whose values are stored as `[redacted]`. */
  redactHeaders?: readonly string[];
  /** Mode of a new file, a number or octal text. Defaults to `"0600"`. */
  fileMode?: number | string;
  /** Whether an older file is migrated. Defaults to `"auto"`. */
  migrate?: "auto" | "never";
  /** Whose SQLite works on the file: the library's, or the host's that has loaded it as an extension. Defaults to `"embedded"`. */
  engine?: "embedded" | "host";
  /** `"keep"` runs in the file's own journal mode. Defaults to `"wal"`. */
  journalMode?: "wal" | "keep";
  /** Defaults to true. */
  foreignKeys?: boolean;
  /** How long a handler's transaction may stay open, in seconds. Defaults to 3. */
  maxTransactionS?: number;
  /** Goes on where the file lies on a network file system. Defaults to false. */
  allowNetworkFileSystem?: boolean;
  /** A settable clock, for tests: see `setClock`. */
  clock?: { nowS: number };
}

/** What tells how an endpoint's requests are verified. */
export interface VerifyOptions {
  /** How the sender signs, such as `"stripe"` or `"github"`. */
  provider?: string;
  secrets?: Secrets;
  /** The provider's own options. */
  providerOptions?: { readonly [name: string]: unknown };
  /** The public URL, for providers that sign it. */
  url?: string;
}

/** Options of `addEndpoint`. */
export interface EndpointOptions extends VerifyOptions, RetryOptions {
  name: string;
  /** A label for people. Defaults to `/webhooks/<name>`. */
  path?: string;
  /** Whether it receives. Defaults to true. */
  enabled?: boolean;
  /** What becomes of events that no handler is for. Defaults to `"dead"`. */
  unhandled?: "dead" | "ignore" | "leave";
  /** Whether a batch's items become events. Defaults to true. */
  splitBatches?: boolean;
  /** Where the identity is: `"header:<name>"` or `"body:<path>"`. */
  eventKey?: string;
  /** Defaults to the inbox's. */
  maxBodyBytes?: number;
}

/** Options of `receive`. */
export interface ReceiveOptions extends VerifyOptions {
  /** The endpoint's name. */
  endpoint: string;
  /** The raw bytes exactly as they arrived. A parsed body is `body_consumed`. */
  body?: Body;
  /** `Headers`, Node's `request.headers`, pairs, or a plain object. */
  headers?: Fields | null;
  /** `URLSearchParams`, a framework's parsed query, pairs, or the raw query string. */
  query?: Fields | string | null;
  /** Defaults to `"POST"`. */
  method?: string;
  /** These come before the provider's own. */
  providerEventId?: string | null;
  providerDeliveryId?: string | null;
  eventType?: string | null;
  dedupeKey?: string | null;
  queueName?: string;
  maxAttempts?: number;
  /** The longest wait for the database. Defaults to the inbox's `receiveTimeoutMs`. */
  timeoutMs?: number;
}

/** Options of `receiveAsync`. */
export interface ReceiveAsyncOptions extends ReceiveOptions {
  /** Gives up, with `cancelled`, while the receipt is not being stored yet. */
  signal?: AbortSignal;
}

/** Options of `ingest`. */
export interface IngestOptions extends ReceiveOptions {
  /** Stored as given; left out: unknown. */
  signatureValid?: boolean | null;
  signatureError?: string | null;
}

/** A function that processes an event. It ends as handled when it returns, as failed when it throws. */
export type Handler<Transaction = Tx> = (event: KnockerEvent, tx: Transaction) => unknown;

/** Options of `registerHandler`. */
export interface HandlerOptions extends RetryOptions {
  /** The longest run in seconds. Defaults to the worker's `handlerTimeoutS`. */
  timeoutS?: number;
}

/** Options of `runWorker`. */
export interface WorkerOptions {
  /** Handlers that run at once. Defaults to 1. */
  concurrency?: number;
  /** How long a job is held without a sign of life, in seconds. Defaults to 60. */
  leaseS?: number;
  /** A name for people; a random suffix is added. Defaults to host:pid. */
  workerId?: string;
  /** Only theirs. Defaults to all. */
  endpoints?: readonly string[];
  /** How long stopping waits for running handlers, in seconds. Defaults to 30. */
  stopTimeoutS?: number;
  /** Defaults to `"normal"`. */
  handlerSynchronous?: "normal" | "full";
  /** The longest run of one handler, in seconds. Defaults to 900. */
  handlerTimeoutS?: number;
  /** Stops the worker; running handlers may finish within `stopTimeoutS`. */
  signal?: AbortSignal;
  /**
   * Called after each run: the place to log and to count. `error` is what the
   * handler threw, `undefined` where it returned.
   */
  onFinished?: (finished: Finished, run: { event: KnockerEvent; attempt: number; error: unknown }) => void;
}

/** Which events; all fields that are given must fit. */
export interface EventFilter {
  endpoint?: string | readonly string[];
  status?: string | readonly string[];
  /** Exact, or a prefix such as `"invoice.*"`. */
  eventType?: string;
  dedupeKey?: string;
  providerEventId?: string;
  providerDeliveryId?: string;
  eventId?: number | readonly number[];
  /** Inclusive. */
  since?: Moment;
  /** Exclusive. */
  until?: Moment;
  errorCode?: string;
  /** Received events whose job is gone. */
  stuck?: boolean;
}

/** Which deliveries; all fields that are given must fit. */
export interface DeliveryFilter {
  endpoint?: string | readonly string[];
  eventId?: number | readonly number[];
  deliveryId?: number | readonly number[];
  eventType?: string;
  dedupeKey?: string;
  providerEventId?: string;
  providerDeliveryId?: string;
  /** Without (true) or with (false) an event. */
  orphaned?: boolean;
  kind?: string;
  reason?: string | readonly string[];
  /** False also matches "unknown". */
  signatureValid?: boolean;
  since?: Moment;
  until?: Moment;
}

/** Which part of a list. */
export interface PageOptions {
  /** 1 to 1,000. Defaults to 100. */
  limit?: number;
  /** The `cursor` of the page before. */
  cursor?: string | null;
}

/** A page of a list whose rows may have bodies. */
export interface BodyPageOptions extends PageOptions {
  /** Defaults to false. */
  bodies?: boolean;
}

/** Options of the actions on a whole filter. */
export interface BulkOptions {
  /** The most rows that are changed. Defaults to all. */
  limit?: number;
  /** Only counts. Defaults to false. */
  dryRun?: boolean;
  /** Called after each transaction with the sums so far. */
  progress?: (done: { matched: number; changed: number; skipped: number }) => void;
  /** Stops between two transactions. */
  signal?: AbortSignal;
}

/** How long things are kept; ages in seconds, -1 for ever. */
export interface RetentionPolicy {
  /** Defaults to 30 days. */
  handledS?: number;
  /** Defaults to 30 days. */
  ignoredS?: number;
  /** Defaults to -1. */
  deadS?: number;
  /** Defaults to 30 days. */
  orphansS?: number;
  /** Defaults to -1. */
  deadJobsS?: number;
  /** Defaults to 365 days. */
  auditsS?: number;
  /** Rows a transaction, 1 to 1,000. Defaults to 500. */
  batch?: number;
  /** Seconds between two passes. Defaults to 3,600. */
  intervalS?: number;
  /** After how many seconds another process takes over from a leader that has vanished. Defaults to 60. */
  leaseS?: number;
  /** Allows ages of events below 8 days. Defaults to false. */
  force?: boolean;
}
