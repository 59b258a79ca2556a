/** What workers of every kind have in common. */

import { KnockerError } from "./errors.js";
import type { Finished, StopReport } from "./models.js";
import type { Reply } from "./reply.js";

/** The longest time that a timer takes. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** A worker, as its inbox sees it. */
export interface Runner {
  /** Runs handlers until it is stopped. */
  run(): Promise<StopReport>;
  /** Handles what is due now. */
  once(): Promise<Finished[]>;
  /** Lets running handlers end and claims nothing any more. Never waits. */
  stop(): void;
  /** The inbox closes: what runs is rolled back. Never waits. */
  leave(): void;
}

/** One event in the hands of one handler. */
export interface Step {
  step: number;
  handler: number;
  attempt: number;
  timeout_s: number;
  event: Reply;
}

/** A promise that somebody else settles. */
export class Later<T> {
  resolve!: (value: T) => void;
  readonly promise = new Promise<T>((resolve) => (this.resolve = resolve));
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

export function isClosed(error: unknown): boolean {
  return error instanceof KnockerError && error.code === "closed";
}
