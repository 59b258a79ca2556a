/** The asynchronous receives of one inbox: tickets, and who waits for each. */

import { KnockerError } from "../errors.js";
import { answer } from "../reply.js";
import type { Document } from "../transport.js";
import { type Addon, Op } from "./addon.js";

interface Waiting {
  settle: (reply: string | Document) => void;
}

const CANCELLED = errorReply("cancelled");

export class Tickets {
  readonly #addon: Addon;
  readonly #db: number;
  readonly #waiting = new Map<number, Waiting>();
  #watching: boolean | undefined;

  constructor(addon: Addon, db: number) {
    this.#addon = addon;
    this.#db = db;
  }

  /** Starts a receive and answers its outcome as a document. */
  receive(request: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<string | Document> {
    if (signal?.aborted) return Promise.resolve(CANCELLED);
    this.#watching ??= this.#watch();
    if (!this.#watching) {
      // Without completion descriptors (Windows): a thread waits instead, and nothing can be given up.
      return this.#addon.performLater(Op.Receive, this.#db, "", request, [body], true);
    }
    const started = this.#addon.perform(Op.ReceiveStart, this.#db, "", request, [body]);
    const { ok } = JSON.parse(started) as { ok?: { ticket: number } };
    if (ok === undefined) return Promise.resolve(started);
    return this.#wait(ok.ticket, signal);
  }

  /** The inbox is closed: nothing more comes. */
  close(): void {
    if (this.#watching) this.#addon.unwatch(this.#db);
    this.#fail(errorReply("closed"));
  }

  #wait(ticket: number, signal: AbortSignal | undefined): Promise<string | Document> {
    return new Promise((resolve) => {
      const cancel = (): void => this.#cancel(ticket);
      signal?.addEventListener("abort", cancel, { once: true });
      this.#waiting.set(ticket, {
        settle: (reply) => {
          this.#waiting.delete(ticket);
          signal?.removeEventListener("abort", cancel);
          if (this.#waiting.size === 0) this.#addon.busy(-1);
          resolve(reply);
        },
      });
      if (this.#waiting.size === 1) this.#addon.busy(1);
    });
  }

  /** Gives a ticket up; where it is being stored already, its outcome still comes. */
  #cancel(ticket: number): void {
    const reply = this.#addon.perform(Op.ReceiveCancel, this.#db, "", JSON.stringify({ ticket }));
    const { ok } = JSON.parse(reply) as { ok?: { cancelled: boolean } };
    if (ok?.cancelled) this.#waiting.get(ticket)?.settle(CANCELLED);
  }

  #watch(): boolean {
    try {
      const { descriptor } = answer(this.#addon.perform(Op.Call, this.#db, "completion_descriptor", "{}"));
      this.#addon.watch(this.#db, descriptor as number, (reply) => this.#deliver(reply));
      return true;
    } catch (error) {
      if (error instanceof KnockerError && error.code === "unsupported_platform") return false;
      throw error;
    }
  }

  #deliver(document: string): void {
    const { ok } = JSON.parse(document) as { ok?: { completed: (Document & { ticket: number })[] } };
    if (ok === undefined) {
      this.#fail(document);
      return;
    }
    for (const outcome of ok.completed) this.#waiting.get(outcome.ticket)?.settle(outcome);
  }

  #fail(document: string): void {
    for (const { settle } of [...this.#waiting.values()]) settle(document);
  }
}

function errorReply(code: "cancelled" | "closed"): string {
  const { message, http_status, retryable } = new KnockerError(code);
  return JSON.stringify({ error: { code, message, http_status, retryable } });
}
