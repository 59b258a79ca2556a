import type { ErrorReply } from "./errors.js";

/** The calls of an opened inbox: over the library's own connections, or over one of the application's. */
export interface InboxTransport {
  /**
   * The number of this event loop, above 0 and different for every loop of the
   * process (a main thread's and each worker thread's own): the `home` of
   * docs/abi.md. Put into every request that may wait for the writer on this
   * thread; reading it throws `would_deadlock` where the library can't tell that.
   */
  readonly home: number;

  /** `knocker_close_json`. */
  close(db: number): string;
  /** `knocker_call_json`; `db` may be 0 for the methods that need no inbox. */
  call(db: number, method: string, request: string): string;
  /** `knocker_receive_json`; the body is only read during the call. */
  receive(db: number, request: string, body: Uint8Array): string;
  /** Forgets a handle that `adopt` has remembered: it is closed. */
  disown(handle: number): void;

  /**
   * `knocker_call_json` off the loop. Many at once may queue for a few threads.
   * `writes`: it waits for the writer, for those to whom it makes a difference.
   */
  callLater(db: number, method: string, request: string, writes: boolean): Promise<string>;
  /** `knocker_close_json` off the loop; never queues behind other calls. */
  closeLater(db: number): Promise<string>;
  /**
   * `knocker_receive_json` off the loop, so that many of them share commits.
   * What was wrong with the request itself may be answered at once. When
   * `signal` aborts before the receipt is being stored, nothing is stored and
   * the answer is the error `cancelled`; later the outcome comes as usual. When
   * the inbox is closed meanwhile, the answer is the error `closed`. The body
   * may change after this method has returned (it is copied before). The
   * document may come parsed, where it was part of a larger one.
   */
  receiveLater(db: number, request: string, body: Uint8Array, signal?: AbortSignal): Promise<string | Document>;
}

/**
 * The way to the library, as the rest of the package sees it.
 *
 * Everything above this interface is the same in Node and in Bun and knows
 * neither N-API nor bun:ffi. A transport turns each method into one call of a
 * function of `knocker.h` and adds no rule of its own.
 *
 * Requests and replies are JSON text; what is in them is docs/abi.md. A reply
 * is the library's document as it came, `{"ok": ...}` or `{"error": ...}`: no
 * method throws for an error of the library. They throw a `KnockerError` only
 * where the library can't be reached at all, and an `Error` for a reply that
 * the library had no memory for.
 *
 * Handles are plain numbers: the library counts them from 1.
 */
export interface Transport extends InboxTransport {
  /** The library file, which is also the SQLite extension. */
  readonly libraryPath: string;

  // Calls that are answered on the calling thread.

  /** `knocker_open_json`. */
  open(request: string): string;
  /** `knocker_worker_open_json`. */
  workerOpen(db: number, request: string): string;
  /** `knocker_worker_step` without `wait_ms`: ends a step, and never waits for events. */
  workerStep(worker: number, request: string): string;
  /** `knocker_worker_close_json`. */
  workerClose(worker: number): string;
  /** `knocker_tx_json`; the blobs are only read during the call. */
  tx(step: number, request: string, blobs: readonly Uint8Array[]): string;
  /** `knocker_release`: gives any handle up, never waits, never fails. */
  release(handle: number): void;

  // Calls that leave the event loop free. While one is under way the process
  // stays alive. They may be answered in any order.

  /**
   * `knocker_worker_step`, which may wait for seconds. Each call has a thread
   * of its own for as long as it waits: a waiting worker must never keep
   * another call from starting.
   */
  workerStepLater(worker: number, request: string): Promise<string>;
  /** `knocker_worker_stop_json`; a thread of its own, as above. */
  workerStopLater(worker: number, request: string): Promise<string>;
  /** `knocker_tx_json` without blobs off the loop (`begin`, `state`); a thread of its own, as above. */
  txLater(step: number, request: string): Promise<string>;

  /**
   * Remembers an inbox or a worker that this thread has opened, to be released
   * when the thread or the process ends without having closed it.
   */
  adopt(handle: number): void;
}

/** A reply's JSON, parsed. */
export type Document = { ok: unknown; error?: undefined } | { ok?: undefined; error: ErrorReply };

let load: (() => Transport) | undefined;
let loaded: Transport | undefined;

/**
 * Says how this runtime reaches the library. Called once by the entry point;
 * loads nothing. `load` throws a `KnockerError` (`unsupported_platform`) where
 * the library can't run.
 */
export function provideTransport(loader: () => Transport): void {
  load = loader;
}

/** The transport; the first call loads the library. */
export function transport(): Transport {
  if (loaded === undefined) {
    if (load === undefined) throw new Error("knocker: no transport was provided");
    loaded = load();
  }
  return loaded;
}

/** The transport if the library is loaded, for finalizers. */
export function loadedTransport(): Transport | undefined {
  return loaded;
}
