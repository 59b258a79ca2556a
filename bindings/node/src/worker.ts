/** A worker: slots that claim an event, run its handler on the event loop, and report the outcome. */

import { encode, type Json } from "./arguments.js";
import type { ErrorCode } from "./error-codes.js";
import { KnockerError } from "./errors.js";
import { registry } from "./handlers.js";
import { type Finished, KnockerEvent, type StopReport } from "./models.js";
import { GIVE_BACK, HANDLED, outcomeOf } from "./outcomes.js";
import { answer, type Reply } from "./reply.js";
import { isClosed, isThenable, Later, type Runner, type Step, TIMER_MAX_MS } from "./running.js";
import type { Transport } from "./transport.js";
import { Tx } from "./tx.js";
import type { Handler, WorkerOptions } from "./types.js";

/** How long a waiting slot stays in the library at a time. Stopping wakes it at once. */
const WAIT_MS = 5_000;
/** How long a slot pauses after an error that can pass, such as a full disk. */
const PAUSE_MS = 500;
/** How often a run that has reached its limit is looked at. */
const LATE_MS = 50;

interface Run {
  outcome: Json;
  error?: unknown;
  /** Whether the handler has ended well with its transaction open. */
  holds?: boolean;
}

/** An open worker. */
export class Worker implements Runner {
  readonly #transport: Transport;
  readonly #handle: number;
  readonly #concurrency: number;
  readonly #onFinished: WorkerOptions["onFinished"];
  readonly #asked = new Later<void>();
  /** What runs now, and how to give up waiting for it. */
  readonly #running = new Map<Tx, (code: ErrorCode) => void>();
  #stopping = false;
  #failure: { error: unknown } | undefined;

  constructor(transport: Transport, db: number, request: Json, onFinished: WorkerOptions["onFinished"]) {
    this.#transport = transport;
    this.#onFinished = onFinished;
    const reply = answer(transport.workerOpen(db, encode(request)));
    this.#handle = reply.worker as number;
    this.#concurrency = reply.concurrency as number;
    transport.adopt(this.#handle);
  }

  /** Lets running handlers end and claims nothing any more. Never waits. */
  stop(): void {
    this.#stopping = true;
    this.#asked.resolve();
  }

  /** Nothing more than `stop`: the library ends what runs. */
  leave(): void {
    this.stop();
  }

  /** Runs handlers until it is stopped. */
  async run(): Promise<StopReport> {
    const slots = Array.from({ length: this.#concurrency }, () => this.#guarded());
    const all = Promise.all(slots);
    await Promise.race([all, this.#asked.promise]);
    try {
      const report = await this.#end();
      await all;
      if (this.#failure !== undefined) throw this.#failure.error;
      return report;
    } finally {
      this.close();
    }
  }

  /** Handles what is due now, one event after the other. */
  async once(): Promise<Finished[]> {
    const done: Finished[] = [];
    const look = { wait_ms: 0 };
    try {
      let step = this.#stopping ? null : ((await this.#step(look)).step as Step | null);
      while (step !== null) {
        const run = await this.#runHandler(step);
        // Without a wait in the same call the commit is done when it is answered.
        const { finished } = await this.#finish(step, run, false);
        if (finished !== null) done.push(finished as Finished);
        step = this.#stopping ? null : ((await this.#step(look)).step as Step | null);
      }
    } finally {
      this.close();
    }
    return done;
  }

  /** Closes the worker; what still runs is rolled back. */
  close(): void {
    this.#stopping = true;
    this.#transport.disown(this.#handle);
    try {
      answer(this.#transport.workerClose(this.#handle));
    } catch (error) {
      if (!isClosed(error)) throw error;
    } finally {
      this.#cutOff("closed");
    }
  }

  async #end(): Promise<StopReport> {
    this.#stopping = true;
    let report: StopReport = { rolled_back: [], given_back: 0 };
    try {
      const reply = answer(await this.#transport.workerStopLater(this.#handle, "{}"));
      report = { rolled_back: reply.rolled_back, given_back: reply.given_back };
    } catch (error) {
      if (!isClosed(error)) throw error;
    }
    this.#cutOff("stopped");
    return report;
  }

  /** Gives up handlers that outlived the deadline: the library has rolled them back. */
  #cutOff(code: ErrorCode): void {
    for (const [tx, giveUp] of this.#running) {
      tx.abort(code);
      giveUp(code);
    }
  }

  async #guarded(): Promise<void> {
    try {
      await this.#serve();
    } catch (error) {
      // An inbox that was closed under its worker ends it.
      if (!isClosed(error)) this.#failure ??= { error };
      this.stop();
    }
  }

  async #serve(): Promise<void> {
    let reply = await this.#claim();
    for (;;) {
      const step = reply.step as Step | null;
      if (step === null) {
        if (this.#stopping || reply.stopping) return;
        reply = await this.#claim();
        continue;
      }
      const run = await this.#runHandler(step);
      reply = await this.#finish(step, run, !this.#stopping);
    }
  }

  #claim(): Promise<Reply> {
    return this.#patiently(this.#stopping ? {} : { wait_ms: WAIT_MS });
  }

  /** Ends a step and, if asked to, waits for the next one. */
  async #finish(step: Step, run: Run, wait: boolean): Promise<Reply> {
    const request: Json = { step: step.step, outcome: run.outcome };
    let reply: Reply | undefined;
    try {
      if (run.holds) reply = this.#commitNow(request);
      if (wait) request.wait_ms = WAIT_MS;
      reply ??= await this.#patiently(request);
    } catch (error) {
      if (!(error instanceof KnockerError) || error.code !== "invalid_argument") throw error;
      // The handler chose an outcome that is none (a RetryAfter of -1 seconds): that is its failure.
      request.outcome = { kind: "failed", error: { type: "KnockerError", message: error.message } };
      reply = await this.#step(request);
    }
    if (reply.finished !== null && this.#onFinished !== undefined) {
      this.#onFinished(reply.finished as Finished, {
        event: new KnockerEvent(step.event),
        attempt: step.attempt,
        error: run.error,
      });
    }
    return reply;
  }

  /**
   * Ends a step whose transaction is open, here on the loop. Until it has ended
   * the writer is this loop's, and every synchronous receive that came meanwhile
   * would be refused; the commit itself waits for nobody.
   */
  #commitNow(request: Json): Reply | undefined {
    request.home = this.#transport.home;
    try {
      return answer(this.#transport.workerStep(this.#handle, encode(request)));
    } catch (error) {
      if (!(error instanceof KnockerError) || !error.retryable) throw error;
      return undefined; // it has to wait after all: off the loop
    }
  }

  /** Makes a step; errors that can pass are waited out. */
  async #patiently(request: Json): Promise<Reply> {
    try {
      return await this.#step(request);
    } catch (error) {
      if (!(error instanceof KnockerError) || !error.retryable) throw error;
      await Promise.race([new Promise((resolve) => setTimeout(resolve, PAUSE_MS)), this.#asked.promise]);
      return { finished: null, step: null, stopping: false };
    }
  }

  async #step(request: Json): Promise<Reply> {
    // Handlers run on the loop, so a step's transaction is the loop's.
    request.home = this.#transport.home;
    return answer(await this.#transport.workerStepLater(this.#handle, encode(request)));
  }

  async #runHandler(step: Step): Promise<Run> {
    const handler = registry().functions.get(step.handler) as Handler | undefined;
    if (handler === undefined) return { outcome: GIVE_BACK }; // replaced since the claim: the next one finds the new one
    const tx = new Tx(this.#transport, step.step);
    try {
      const result = handler(new KnockerEvent(step.event), tx);
      const run = isThenable(result) ? await this.#watched(tx, result, step.timeout_s) : { outcome: HANDLED };
      return { ...run, holds: run.outcome === HANDLED && tx.opened };
    } catch (error) {
      return { outcome: outcomeOf(error), error };
    } finally {
      tx.end();
    }
  }

  /** Waits for an asynchronous handler, but not longer than its run counts. */
  async #watched(tx: Tx, result: PromiseLike<unknown>, timeoutS: number): Promise<Run> {
    const over = new Later<ErrorCode>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      const ended = await tx.look();
      if (ended !== null) over.resolve(ended);
      else if (this.#running.has(tx)) timer = setTimeout(look, LATE_MS);
    };
    timer = setTimeout(look, Math.min(timeoutS * 1000, TIMER_MAX_MS));
    this.#running.set(tx, over.resolve);
    try {
      const ended = await Promise.race([result.then(() => null), over.promise]);
      if (ended === null) return { outcome: HANDLED };
      const error = new KnockerError(ended);
      return { outcome: ended === "stopped" || ended === "closed" ? GIVE_BACK : outcomeOf(error), error };
    } finally {
      this.#running.delete(tx);
      clearTimeout(timer);
    }
  }
}
