/** The functions of the native addon, addon/addon.c. */

/** The numbers of `enum operation` in addon/library.h. */
export const enum Op {
  Open,
  Close,
  Call,
  Receive,
  ReceiveStart,
  ReceivePoll,
  ReceiveCancel,
  WorkerOpen,
  WorkerStep,
  WorkerStop,
  WorkerClose,
  Tx,
}

export interface Addon {
  /** Loads the library, once in a process; answers its interface version. Throws an Error with the system's words. */
  load(path: string): number;
  /** Makes a call and waits for its reply. */
  perform(operation: Op, handle: number, method: string, request: string, blobs?: readonly Uint8Array[]): string;
  /** Makes a call on another thread: `own` is for calls that may wait for seconds. At most one blob, which is copied. */
  performLater(
    operation: Op,
    handle: number,
    method: string,
    request: string,
    blobs: readonly Uint8Array[] | undefined,
    own: boolean,
  ): Promise<string>;
  /** Gives each reply of `knocker_receive_poll_json` to a callback, until one is an error. */
  watch(db: number, descriptor: number, callback: (reply: string) => void): void;
  /** Ends it. */
  unwatch(db: number): void;
  /** Remembers a handle, to be released when this thread of JavaScript ends. */
  adopt(handle: number): void;
  disown(handle: number): void;
  /** `knocker_release` */
  release(handle: number): void;
  /** Counts what keeps the process alive. */
  busy(change: 1 | -1): void;
}
