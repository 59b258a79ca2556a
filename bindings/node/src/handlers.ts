/** Handlers: the functions, by the number that the library knows each by. */

import { randomUUID } from "node:crypto"; // Node 18 has no global one

import { invalidArgument } from "./errors.js";
import type { Handler, HandlerOptions } from "./types.js";

interface Registry {
  /** Keeps the heaps of one process apart: each has its own functions. */
  scope: string;
  functions: Map<number, Handler<never>>;
}

// On globalThis, not in this module: a module that is evaluated again (a hot
// reload, a bundle beside a package) must find the functions of the first one,
// because the library shares one engine, handlers included, between them.
const KEY = Symbol.for("knocker.handlers");

/** The functions of this heap. */
export function registry(): Registry {
  const place = globalThis as { [KEY]?: Registry };
  place[KEY] ??= { scope: `javascript:${randomUUID()}`, functions: new Map() };
  return place[KEY];
}

/** The arguments of `registerHandler`, in either order. */
export interface Registration {
  eventType?: string;
  handler: Handler<never>;
  options: HandlerOptions;
}

/** Reads `(handler, eventType?, options?)` and `(eventType, handler, options?)`. */
export function registration(first: unknown, second: unknown, third: unknown): Registration {
  const [handler, eventType] = typeof first === "function" ? [first, second] : [second, first];
  if (typeof handler !== "function") {
    throw invalidArgument("A handler is a function of (event, tx): registerHandler(endpoint, handler, eventType?).");
  }
  // registerHandler(endpoint, handler, { timeoutS: 5 }): the options stand where the type may.
  const shifted = typeof eventType === "object" && eventType !== null && third === undefined;
  const options = (shifted ? eventType : third) as HandlerOptions | undefined;
  return {
    ...(shifted || eventType === undefined || eventType === null ? {} : { eventType: eventType as string }),
    handler: handler as Handler<never>,
    options: options ?? {},
  };
}
