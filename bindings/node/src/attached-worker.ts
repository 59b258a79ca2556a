/** A worker over connections of the application's: one event after the other, each in a transaction of the host's. */

import { encode, type Json } from "./arguments.js";
import { Connection } from "./connection.js";
import type { ConnectionTransport } from "./connection-transport.js";
import type { ErrorCode } from "./error-codes.js";
import { invalidArgument, KnockerError } from "./errors.js";
import { registry } from "./handlers.js";
import { type Finished, KnockerEvent, type StopReport } from "./models.js";
import { GIVE_BACK, HANDLED, outcomeOf } from "./outcomes.js";
import { answer, type Reply } from "./reply.js";
import { isClosed, isThenable, Later, type Runner, type Step, TIMER_MAX_MS } from "./running.js";
import type { Handler, WorkerOptions } from "./types.js";

/** How long to pause after an error that can pass, such as a lock that another process holds. */
const PAUSE_MS = 500;
/** How long to pause while a transaction of the application's is open on the connection. */
const BUSY_MS = 20;
/** How often the end of a worker waits that long. */
const BUSY_TRIES = 50;
/** The library's own default of `stop_timeout_s`. */
const STOP_TIMEOUT_S = 30;

/** How a run ended; `finished` undefined: the inbox was closed meanwhile. */
interface Ended {
  finished?: Finished;
  error?: unknown;
}

/** A run that was given up before its handler's end. */
class CutOff extends KnockerError {}

export class AttachedWorker implements Runner {
  readonly #transport: ConnectionTransport;
  readonly #number: number;
  readonly #stopTimeoutS: number;
  readonly #onFinished: WorkerOptions["onFinished"];
  readonly #asked = new Later<void>();
  readonly #rolledBack: number[] = [];
  #own: Connection | undefined;
  #cutOff: ((code: ErrorCode) => void) | undefined;
  #stopping = false;
  #left = false;
  #given = false;

  constructor(transport: ConnectionTransport, request: Json, onFinished: WorkerOptions["onFinished"]) {
    if (typeof request.concurrency === "number" && request.concurrency > 1) {
      throw invalidArgument("concurrency is 1 on an attached inbox: each handler runs in a transaction that writes, and a file has one at a time.");
    }
    this.#transport = transport;
    this.#onFinished = onFinished;
    this.#number = this.#call("worker_open", request).worker as number;
    this.#stopTimeoutS = (request.stop_timeout_s as number | undefined) ?? STOP_TIMEOUT_S;
  }

  stop(): void {
    this.#stopping = true;
    this.#asked.resolve();
  }

  leave(): void {
    this.stop();
    this.#left = true;
    this.#cutOff?.("closed");
    this.#own?.close();
    this.#giveBack();
  }

  async run(): Promise<StopReport> {
    try {
      while (!this.#stopping) await this.#patiently();
    } catch (error) {
      // An inbox or a connection that was closed under its worker ends it.
      if (!isClosed(error)) throw error;
    } finally {
      await this.#end();
    }
    return { rolled_back: this.#rolledBack, given_back: 0 };
  }

  async once(): Promise<Finished[]> {
    const done: Finished[] = [];
    try {
      while (!this.#stopping) {
        for (let end = this.#transport.taken(); end !== undefined; end = this.#transport.taken()) await end;
        if (this.#stopping) break;
        const { step } = this.#next();
        const finished = step === null ? undefined : await this.#handle(step as Step);
        if (finished === undefined) break;
        done.push(finished);
      }
    } finally {
      await this.#end(0);
    }
    return done;
  }

  /** Handles the next event, or waits for one; errors that can pass are waited out. */
  async #patiently(): Promise<void> {
    for (let end = this.#transport.taken(); end !== undefined && !this.#stopping; end = this.#transport.taken()) {
      await Promise.race([end, this.#asked.promise]);
    }
    if (this.#stopping) return;
    let reply: Reply;
    try {
      reply = this.#next();
    } catch (error) {
      if (!(error instanceof KnockerError)) throw error;
      // What is not allowed now is what a transaction of the application's forbids.
      if (error.code !== "invalid_state" && !error.retryable) throw error;
      return this.#pause(error.code === "invalid_state" ? BUSY_MS : PAUSE_MS);
    }
    if (reply.step === null) return this.#pause(reply.wait_ms as number);
    const finished = await this.#handle(reply.step as Step);
    // Between two events the loop's other work has its turn.
    await (finished === undefined ? this.#pause(PAUSE_MS) : new Promise((resolve) => setImmediate(resolve)));
  }

  /** Runs a step. Undefined: its transaction could not begin, because another process holds the file. */
  async #handle(step: Step): Promise<Finished | undefined> {
    const handler = registry().functions.get(step.handler) as Handler<unknown> | undefined;
    if (handler === undefined) return this.#finish(step, GIVE_BACK); // replaced since the claim: the next one finds the new one
    const connection = this.#connection();
    try {
      connection.begin();
    } catch (error) {
      if (isClosed(error)) throw error;
      this.#finish(step, GIVE_BACK);
      return undefined;
    }
    const { finished, error } = await this.#transport.handling(connection, () => this.#transact(connection, step, handler));
    if (finished !== undefined) this.#onFinished?.(finished, { event: new KnockerEvent(step.event), attempt: step.attempt, error });
    return finished;
  }

  /**
   * The handler, "handled" and the commit; or what went wrong, rolled back and
   * told in the same turn, before the application can begin a transaction.
   */
  async #transact(connection: Connection, step: Step, handler: Handler<unknown>): Promise<Ended> {
    const call = (method: string, more: Json): Reply => answer(connection.call(method, encode({ ...more, step: step.step })));
    try {
      call("step_begin", {});
      const result = handler(new KnockerEvent(step.event), connection.tx);
      if (isThenable(result)) await this.#awaited(result, step);
      if (this.#left) throw new CutOff("closed");
      const finished = call("step_finish", { outcome: HANDLED }) as Finished;
      connection.commit();
      return { finished };
    } catch (error) {
      connection.rollback();
      if (error instanceof CutOff) {
        // The handler may go on: what it still writes must not reach a later transaction.
        this.#own?.close();
        this.#own = undefined;
      }
      if (this.#left) return { error };
      const back = error instanceof CutOff && error.code !== "handler_timeout";
      return { finished: this.#finish(step, back ? GIVE_BACK : outcomeOf(error), error), error };
    }
  }

  /** Waits for an asynchronous handler, but not longer than its run counts. */
  async #awaited(result: PromiseLike<unknown>, step: Step): Promise<void> {
    if (this.#transport.make === undefined) {
      // A native promise has begun, and its own failure is nobody's; anything else may begin only when it is awaited.
      if (result instanceof Promise) result.catch(() => undefined);
      throw new KnockerError("invalid_state", NOT_ASYNC);
    }
    const over = new Later<ErrorCode>();
    const timers = [setTimeout(() => over.resolve("handler_timeout"), Math.min(step.timeout_s * 1000, TIMER_MAX_MS))];
    let running = true;
    this.#cutOff = over.resolve;
    void this.#asked.promise.then(() => {
      const stop = (): void => {
        this.#rolledBack.push(step.event.id as number);
        over.resolve("stopped");
      };
      if (running) timers.push(setTimeout(stop, Math.min(this.#stopTimeoutS * 1000, TIMER_MAX_MS)));
    });
    try {
      const ended = await Promise.race([result.then(() => null), over.promise]);
      if (ended !== null) throw new CutOff(ended);
    } finally {
      running = false;
      this.#cutOff = undefined;
      timers.forEach(clearTimeout);
    }
  }

  /** Writes another outcome than "handled", outside the transaction. */
  #finish(step: Step, outcome: Json, error?: unknown): Finished {
    try {
      return this.#call("step_finish", { step: step.step, outcome }) as Finished;
    } catch (refused) {
      if (!(refused instanceof KnockerError) || refused.code !== "invalid_argument") throw refused;
      // The handler chose an outcome that is none (a RetryAfter of -1 seconds): that is its failure.
      const type = error instanceof Error ? error.name : "KnockerError";
      return this.#call("step_finish", { step: step.step, outcome: { kind: "failed", error: { type, message: refused.message } } }) as Finished;
    }
  }

  #next(): Reply {
    return this.#call("worker_next", { worker: this.#number });
  }

  /** A call about the worker or outside of handlers' transactions. */
  #call(method: string, request: Json): Reply {
    return answer(this.#transport.main.call(method, encode(request)));
  }

  #connection(): Connection {
    if (this.#transport.make === undefined) return this.#transport.main;
    this.#own ??= this.#transport.make();
    return this.#own;
  }

  async #end(most = BUSY_TRIES): Promise<void> {
    this.stop();
    this.#own?.close();
    this.#own = undefined;
    // Where that can't be, the lease of what the worker holds ends by itself.
    for (let tries = 0; !this.#giveBack() && tries < most; tries++) await sleep(BUSY_MS);
  }

  /** Closes the library's worker. False: not while a transaction of the application's is open. */
  #giveBack(): boolean {
    if (this.#given) return true;
    const { main } = this.#transport;
    // The application's connection outlives the inbox.
    const connection = main.own ? main : new Connection(main.database, undefined, false);
    try {
      answer(connection.call("worker_close", encode({ worker: this.#number })));
    } catch (error) {
      if (!(error instanceof KnockerError)) throw error;
      if (error.code === "invalid_state") return false;
    }
    this.#given = true;
    return true;
  }

  async #pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([new Promise((resolve) => (timer = setTimeout(resolve, ms))), this.#asked.promise]);
    clearTimeout(timer);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Why a handler that returns a promise has failed. */
export const NOT_ASYNC =
  "The handler is asynchronous, and the inbox is attached to a single connection: while it waits, whatever else runs would write " +
  "into its transaction. Make it synchronous (with Drizzle, end each statement with .run(), .get() or .all()), or attach with a " +
  "function that opens connections, attach(() => new Database(path)): then workers have their own.";
