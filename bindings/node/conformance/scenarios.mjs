/** Runs one scenario: conformance/README.md. */

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { plainError } from "./binding.mjs";
import { match, shown } from "./matching.mjs";

const START = 1767225600;
/** How long a query may be repeated until it fails. */
const LONGEST_MS = 10_000;

/** A step that did not give what it should; the scenario ends. */
class Differs extends Error {}

export class Scenario {
  #binding;
  #folder;
  #files;
  #verbose;
  #now = START;
  #inboxes = new Map();
  #clocked = new Set();
  #saved = {};
  #ran = 0;
  #handling = 0;
  #differences = [];

  constructor(binding, folder, files, verbose) {
    this.#binding = binding;
    this.#folder = folder;
    this.#files = files;
    this.#verbose = verbose;
  }

  /** Runs the steps until one differs; answers the differences. */
  async run(steps) {
    try {
      for (const [index, step] of steps.entries()) {
        await this.#step(`step ${index + 1}`, step, (filled) => this.#do(filled, index));
        if (this.#differences.length > 0) break; // of a handler
      }
    } catch (error) {
      if (!(error instanceof Differs)) throw error;
    } finally {
      for (const inbox of this.#inboxes.values()) inbox.close();
    }
    return this.#differences;
  }

  async #step(where, raw, run) {
    const place = `${where} (${[raw.do, raw.method].filter(Boolean).join(" ")})`;
    let got;
    let error;
    try {
      got = await run(this.#filled(raw));
    } catch (caught) {
      // A fault of the binding is a difference, too.
      if (!this.#binding.isError(caught)) this.#differs(`${place}: ${caught?.stack ?? caught}`);
      error = caught;
    }
    if (this.#verbose) console.log(`${shown(raw)}\n  -> ${error ?? shown(got)}`);
    if (raw.error !== undefined) {
      if (error === undefined) this.#differs(`${place}: expected the error ${shown(raw.error)}, got ${shown(got)}`);
      const want = typeof raw.error === "string" ? { code: raw.error } : this.#filled(raw.error);
      this.#compare(place, want, plainError(error), ` (${error})`);
      got = plainError(error);
    } else if (error !== undefined) {
      this.#differs(`${place}: ${error.code}: ${error.message}`);
    }
    if (raw.expect !== undefined) this.#compare(place, this.#filled(raw.expect), got, "");
    for (const [name, path] of Object.entries(raw.save ?? {})) this.#saved[name] = this.#lookup(place, got, path);
  }

  #compare(where, want, got, more) {
    const found = match("", want, got);
    if (found.length > 0) this.#differs(`${where}: ${found.join("; ")}${more}`);
  }

  #differs(text) {
    this.#differences.push(text);
    throw new Differs(text);
  }

  /** Puts what was saved in the place of "$name". */
  #filled(value) {
    if (typeof value === "string" && value.startsWith("$")) {
      if (value.startsWith("$folder/")) return join(this.#folder, value.slice("$folder/".length));
      return value.slice(1) in this.#saved ? this.#saved[value.slice(1)] : value;
    }
    if (Array.isArray(value)) return value.map((item) => this.#filled(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, name === "handler" ? item : this.#filled(item)]));
  }

  #lookup(where, value, path) {
    for (const name of path === "" ? [] : path.split(".")) {
      if (value?.[name] === undefined) this.#differs(`${where}: the result has no ${path}`);
      value = value[name];
    }
    return value;
  }

  async #do(step, index) {
    const name = step.inbox ?? "main";
    if (step.do === "open") return this.#open(name, step);
    if (step.do === "clock") return this.#moveClock(step);
    if (step.do === "write_file") return this.#writeFile(step);
    if (step.do === "call" && ["sign", "providers"].includes(step.method)) return this.#binding.callAlone(step.method, step.request ?? {});
    const inbox = this.#inboxes.get(name);
    if (inbox === undefined) throw new Error(`no inbox ${name} is open`);
    // Within a handler only the synchronous half: its transaction may be open.
    const later = this.#handling === 0 && index % 2 === 1;
    switch (step.do) {
      case "call":
        return this.#binding.call(inbox, step.method, step.request ?? {}, later);
      case "receive":
      case "ingest":
        return this.#binding.receive(inbox, step, later);
      case "handle":
        this.#binding.handle(inbox, step, this.#handler(step.handler));
        return {};
      case "close":
        this.#clocked.delete(name);
        await (later ? inbox.closeAsync() : inbox.close());
        return {};
      case "work": {
        const before = this.#ran;
        await this.#binding.work(inbox, step.options);
        return { ran: this.#ran - before };
      }
      default:
        throw new Error(`there is no step ${step.do}`);
    }
  }

  #open(name, { file = "inbox.db", options: { clock, ...options } = {} }) {
    const real = clock === "real";
    const path = join(this.#folder, file);
    this.#inboxes.set(name, this.#binding.open(path, real ? options : { ...options, clock: { now_s: this.#now } }));
    if (!real) this.#clocked.add(name);
    return {};
  }

  async #moveClock({ set, advance }) {
    this.#now = set ?? this.#now + advance;
    for (const name of this.#clocked) this.#inboxes.get(name).setClock(this.#now);
    return { now_s: this.#now };
  }

  #writeFile({ file, text, from }) {
    const target = join(this.#folder, file);
    if (from === undefined) writeFileSync(target, text);
    else copyFileSync(join(this.#files, from), target);
    return {};
  }

  #handler(steps) {
    let runs = 0;
    return async (event, tx) => {
      const run = ++runs;
      this.#ran++;
      this.#handling++;
      try {
        for (const [index, raw] of steps.entries()) {
          if (run > (raw.until_run ?? run)) continue;
          const end = this.#binding.ending(this.#filled(raw));
          if (end !== undefined && !("method" in raw)) throw end;
          await this.#step(`run ${run} of a handler, step ${index + 1}`, raw, (step) => this.#inHandler(step, event, tx, index));
        }
      } finally {
        this.#handling--;
      }
    };
  }

  async #inHandler(step, event, tx, index) {
    if (step.do === "event") return this.#binding.plain(event);
    if (step.do === "execute") return this.#binding.execute(tx, step.sql, step.params);
    if (step.do !== "query") return this.#do(step, index);
    for (const end = Date.now() + LONGEST_MS; ; ) {
      const got = this.#binding.query(tx, step.sql, step.params);
      if (!step.until_error || Date.now() > end) return got;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
