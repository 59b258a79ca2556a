/** Threads for calls that wait: each call has one of its own while it is under way. */

import { thread, type ThreadAnswer, type ThreadCall } from "./thread.js";

/** Threads that are kept when they have nothing to do. */
const MOST_IDLE = 8;

interface Job {
  resolve: (reply: string) => void;
  reject: (error: Error) => void;
}

export class Threads {
  readonly #libraryPath: string;
  readonly #idle: Thread[] = [];
  #source: string | undefined;

  constructor(libraryPath: string) {
    this.#libraryPath = libraryPath;
  }

  /** Makes a call on a thread. `quiet`: the process need not stay alive for it. */
  run(call: Omit<ThreadCall, "id">, quiet = false): Promise<string> {
    const own = this.#idle.pop() ?? new Thread(this.#sourceUrl());
    return own.run(call, quiet).finally(() => {
      if (this.#idle.length < MOST_IDLE && !own.broken) this.#idle.push(own);
      else own.end();
    });
  }

  /** The thread's program, kept as an object URL: see thread.ts. */
  #sourceUrl(): string {
    const libc = process.platform === "darwin" ? "libSystem.dylib" : "libc.so.6";
    const program = `(${thread.toString()})(${JSON.stringify(this.#libraryPath)}, ${JSON.stringify(libc)});`;
    this.#source ??= URL.createObjectURL(new Blob([program], { type: "application/javascript" }));
    return this.#source;
  }
}

class Thread {
  broken = false;
  readonly #worker: Worker;
  readonly #ready: Promise<void>;
  #job: Job | undefined;
  #calls = 0;

  constructor(source: string) {
    this.#worker = new Worker(source);
    this.#worker.unref();
    this.#ready = new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<ThreadAnswer>) => (data.id === 0 ? resolve() : this.#answer(data));
      this.#worker.onerror = (event) => {
        this.broken = true;
        const error = new Error(`knocker: a thread of the library failed: ${event.message}`);
        reject(error);
        this.#finish((job) => job.reject(error));
      };
    });
    this.#ready.catch(() => {}); // told by run
  }

  async run(call: Omit<ThreadCall, "id">, quiet: boolean): Promise<string> {
    if (!quiet) this.#worker.ref();
    try {
      await this.#ready;
      return await new Promise<string>((resolve, reject) => {
        this.#job = { resolve, reject };
        this.#worker.postMessage({ ...call, id: ++this.#calls });
      });
    } finally {
      this.#worker.unref();
    }
  }

  end(): void {
    this.#worker.terminate();
  }

  #answer(answer: ThreadAnswer): void {
    this.#finish((job) => {
      if (answer.reply === undefined) job.reject(new Error(answer.failure));
      else job.resolve(answer.reply);
    });
  }

  #finish(end: (job: Job) => void): void {
    const job = this.#job;
    this.#job = undefined;
    if (job !== undefined) end(job);
  }
}
