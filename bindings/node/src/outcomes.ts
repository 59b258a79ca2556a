/** How a handler's run ended, and what a handler throws to choose that itself. */

import type { Json } from "./arguments.js";
import { KnockerError } from "./errors.js";

const MARK = Symbol.for("knocker.outcome");

/** What a handler throws to choose its own outcome. Its writes are rolled back. */
abstract class HandlerSignal extends Error {
  protected constructor(message: string, outcome: Json) {
    super(message);
    // By a mark, not by class: the package may be loaded more than once in a process.
    Object.defineProperty(this, MARK, { value: outcome });
  }
}

/** Failed; try again after this many seconds instead of after the usual backoff. */
export class RetryAfter extends HandlerSignal {
  constructor(
    readonly seconds: number,
    message?: string,
  ) {
    const said = message || `try again after ${seconds} s`;
    super(said, { kind: "retry_after", seconds, error: { type: "RetryAfter", message: said } });
  }
}

/** Never try again: the event is dead at once. */
export class Discard extends HandlerSignal {
  constructor(readonly reason: string = "discarded by its handler") {
    super(reason, { kind: "discard", reason });
  }
}

/** The event concerns nobody: it is ignored and can be pruned. */
export class Ignore extends HandlerSignal {
  constructor(readonly reason: string = "ignored by its handler") {
    super(reason, { kind: "ignore", reason });
  }
}

RetryAfter.prototype.name = "RetryAfter";
Discard.prototype.name = "Discard";
Ignore.prototype.name = "Ignore";

export const HANDLED: Json = { kind: "handled" };
export const GIVE_BACK: Json = { kind: "give_back" };

/** The outcome of a handler that threw. */
export function outcomeOf(error: unknown): Json {
  if (typeof error === "object" && error !== null && MARK in error) return error[MARK] as Json;
  const described: Json = { type: typeName(error), message: messageOf(error) };
  if (error instanceof KnockerError) described.code = error.code;
  return { kind: "failed", error: described };
}

function typeName(error: unknown): string {
  if (error === null || typeof error !== "object") return typeof error;
  const { name, constructor } = error as { name?: unknown; constructor?: { name?: unknown } };
  return String(name || constructor?.name || "Error");
}

function messageOf(error: unknown): string {
  try {
    if (typeof error === "object" && error !== null && "message" in error) return String(error.message);
    return String(error);
  } catch {
    return "(an error without a readable message)";
  }
}
