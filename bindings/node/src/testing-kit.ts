/** Helps to test what an application does with webhooks: `knocker/testing`. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { bodyBytes, encode, putSecrets, snakeFields, unixSeconds } from "./arguments.js";
import { KnockerSqlite } from "./inbox.js";
import type { Finished, KnockerEvent, SignedRequest } from "./models.js";
import { answer } from "./reply.js";
import { transport } from "./transport.js";
import type { Body, Moment, OpenOptions, Secrets } from "./types.js";

/** What to sign. */
export interface SignOptions {
  /** The endpoint's secret, or its several parts. */
  secret?: Secrets;
  body: Body;
  /** When it is signed. Defaults to now. */
  at?: Moment;
  eventId?: string;
  eventType?: string;
  /** The public URL, for providers that sign it. */
  url?: string;
  method?: string;
  providerOptions?: { readonly [name: string]: unknown };
}

/** A request signed as `provider` would: pass its headers, query and body (some senders sign in these) to your route. Errors: `unknown_provider`. */
export function sign(provider: string, options: SignOptions): SignedRequest {
  const { body, secret, at, ...rest } = options;
  const request = { ...snakeFields(rest), provider, body_base64: Buffer.from(bodyBytes(body).bytes).toString("base64") };
  putSecrets(request, { secrets: secret });
  if (at !== undefined) Object.assign(request, { at: unixSeconds(at) });
  const { body_base64, ...signed } = answer(transport().call(0, "sign", encode(request)));
  return { ...signed, body: Buffer.from(body_base64 as string, "base64") } as SignedRequest;
}

/** An inbox on a temporary file, with a clock that a test sets. */
export class TestInbox extends KnockerSqlite {
  readonly #folder: string;
  #now: number;

  /** @internal */
  constructor(folder: string, now: number, options: OpenOptions) {
    super(join(folder, "test.db"), { ...options, clock: { nowS: now } });
    this.#folder = folder;
    this.#now = now;
  }

  /** The time of the inbox, in Unix seconds. Setting it moves the clock; nothing sleeps. */
  get now(): number {
    return this.#now;
  }

  set now(seconds: number) {
    this.setClock(seconds);
    this.#now = seconds;
  }

  /** Moves the clock on. */
  advance(seconds: number): void {
    this.now = this.#now + seconds;
  }

  /**
   * Runs handlers until nothing is due at the inbox's time, and answers what
   * became of each run. `advance` first to see failed events run again.
   */
  async drain(): Promise<Finished[]> {
    const done: Finished[] = [];
    for (let pass = await this.runWorkerOnce(); pass.length > 0; pass = await this.runWorkerOnce()) done.push(...pass);
    return done;
  }

  /** All events that came in, oldest first, with their bodies. */
  get received(): KnockerEvent[] {
    const events: KnockerEvent[] = [];
    let cursor: string | null | undefined;
    do {
      const page = this.listEvents({ bodies: true, limit: 1000, ...(cursor ? { cursor } : {}) });
      events.push(...page);
      cursor = page.cursor;
    } while (cursor !== null);
    return events.reverse();
  }

  /** Closes the inbox and removes its file. */
  override close(): void {
    super.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** `close` off the event loop. */
  override async closeAsync(): Promise<void> {
    await super.closeAsync();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Opens an inbox on a temporary file. `nowS`: where its clock begins. Defaults to the present. */
export function createTestInbox(options: OpenOptions & { nowS?: number } = {}): TestInbox {
  const { nowS = Math.floor(Date.now() / 1000), ...rest } = options;
  return new TestInbox(mkdtempSync(join(tmpdir(), "knocker-test-")), nowS, rest).open();
}
