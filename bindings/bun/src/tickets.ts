/** The asynchronous receives of one inbox: tickets, and who waits for each. */

import { encoded, pointed, type Symbols, taken } from "./library.js";
import { answer, KnockerError } from "./shared.js";
import type { Threads } from "./threads.js";

type Settle = (reply: string) => void;

/** How long a thread goes on waiting for completions when no ticket is open. */
const LINGER_MS = 1000;

export class Tickets {
  readonly #library: Symbols;
  readonly #threads: Threads;
  readonly #db: number;
  readonly #waiting = new Map<number, Settle>();
  #descriptor: number | null | undefined;
  #watching = false;
  #used = 0;
  #closed = false;

  constructor(library: Symbols, threads: Threads, db: number) {
    this.#library = library;
    this.#threads = threads;
    this.#db = db;
  }

  /** Starts a receive and answers its outcome as a document. */
  receive(request: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<string> {
    if (signal?.aborted) return Promise.resolve(errorReply("cancelled"));
    this.#descriptor ??= this.#completions();
    if (this.#descriptor === null) {
      // No completion descriptors here: a thread waits instead, and nothing can be given up.
      return this.#threads.run({ function: "receive", handle: this.#db, method: "", request, body });
    }
    const started = taken(this.#library, this.#library.knocker_receive_start_json(this.#db, ...encoded(request), ...pointed(body)));
    const { ok } = JSON.parse(started) as { ok?: { ticket: number } };
    return ok === undefined ? Promise.resolve(started) : this.#wait(ok.ticket, signal);
  }

  /** The inbox is closed: nothing more comes. */
  close(): void {
    this.#closed = true;
    this.#settleAll(errorReply("closed"));
  }

  #wait(ticket: number, signal: AbortSignal | undefined): Promise<string> {
    return new Promise((resolve) => {
      const cancel = (): void => this.#cancel(ticket);
      signal?.addEventListener("abort", cancel, { once: true });
      this.#waiting.set(ticket, (reply) => {
        this.#waiting.delete(ticket);
        signal?.removeEventListener("abort", cancel);
        resolve(reply);
      });
      this.#used = performance.now();
      if (!this.#watching) void this.#watch();
    });
  }

  /** Gives a ticket up; where it is being stored already, its outcome still comes. */
  #cancel(ticket: number): void {
    const request = encoded(JSON.stringify({ ticket }));
    const reply = taken(this.#library, this.#library.knocker_receive_cancel_json(this.#db, ...request));
    const { ok } = JSON.parse(reply) as { ok?: { cancelled: boolean } };
    if (ok?.cancelled) this.#waiting.get(ticket)?.(errorReply("cancelled"));
  }

  /** A thread waits for completions as long as there are tickets, and a little longer. */
  async #watch(): Promise<void> {
    this.#watching = true;
    try {
      while (!this.#closed && (this.#waiting.size > 0 || performance.now() - this.#used < LINGER_MS)) {
        this.#deliver(await this.#threads.run(
          { function: "poll", handle: this.#db, method: "", request: "{}", descriptor: this.#descriptor ?? -1 },
          this.#waiting.size === 0,
        ));
      }
    } catch (error) {
      this.#settleAll(errorReply("internal", String(error)));
    } finally {
      this.#watching = false;
    }
  }

  #deliver(document: string): void {
    const { ok } = JSON.parse(document) as { ok?: { completed: { ticket: number; ok?: unknown; error?: unknown }[] } };
    if (ok === undefined) {
      this.#closed = true;
      this.#settleAll(document);
      return;
    }
    for (const { ticket, ...outcome } of ok.completed) this.#waiting.get(ticket)?.(JSON.stringify(outcome));
  }

  #settleAll(document: string): void {
    for (const settle of [...this.#waiting.values()]) settle(document);
  }

  #completions(): number | null {
    const reply = taken(this.#library, this.#library.knocker_call_json(this.#db, encoded("completion_descriptor\0")[0], ...encoded("{}")));
    try {
      return answer(reply).descriptor as number;
    } catch (error) {
      if (error instanceof KnockerError && error.code === "unsupported_platform") return null;
      throw error;
    }
  }
}

function errorReply(code: "cancelled" | "closed" | "internal", text?: string): string {
  const { message, http_status, retryable } = new KnockerError(code, text);
  return JSON.stringify({ error: { code, message, http_status, retryable } });
}
