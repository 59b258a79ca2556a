/** What the inbox answers: snake_case fields, as in every language. */

import { KnockerError } from "./errors.js";

/** Stored headers or query parameters: lower-case name -> text, or a list where the name was repeated. */
export type FieldMap = { readonly [name: string]: string | readonly string[] };

/** The HTTP answer for the sender. */
export interface Response {
  status_code: number;
  headers: Record<string, string>;
  /** Null where there is none. */
  body: string | null;
}

/** What became of one HTTP request, told once it is on disk. */
export interface ReceiveResult {
  /** The stored receipt; null where a flood of refused requests is only counted. */
  delivery_id: number | null;
  /** Its event; null when it was refused or is a handshake. */
  event_id: number | null;
  /** All events of a batch. */
  event_ids: number[];
  /** Whether the event was known already. */
  duplicate: boolean;
  /** What the route should answer. */
  status_code: number;
  /** The whole answer, with headers and body. */
  response: Response;
  /** Why it was refused, such as `"signature_mismatch"`. */
  reason: string | null;
  /** A secret that the sender has just told and the application must keep. */
  handshake_secret: string | null;
  /** Of an attached inbox alone: whether it was on disk when the call returned. Within a transaction of yours it is false: your commit stores it. */
  durable?: boolean;
}

/** An endpoint as stored: `path` is a label for people, `created_at` Unix seconds. */
export interface EndpointInfo {
  id: number;
  name: string;
  path: string;
  provider: string | null;
  enabled: boolean;
  /** Whether workers leave its events alone. */
  paused: boolean;
  created_at: number;
}

const NO_BODY = Buffer.alloc(0);

/** A row with a body: the raw bytes, and the body as JSON. */
abstract class WithBody {
  /** The raw bytes; empty where a list left bodies out. */
  readonly body: Buffer;
  /** Whether `body` is there: lists leave it out unless asked for it. */
  readonly body_included: boolean;

  constructor(reply: { body?: string }) {
    const { body, ...rest } = reply;
    Object.assign(this, rest);
    this.body = body ? Buffer.from(body, "base64") : NO_BODY;
    this.body_included = body !== undefined;
  }

  /** The same as `body`. */
  get body_blob(): Buffer {
    return this.body;
  }

  /** Parses the body as JSON. Throws a SyntaxError where it is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as JSON.parse
  json(): any {
    if (!this.body_included) {
      throw new KnockerError("invalid_state", "This list left bodies out: ask for them with bodies: true, or read the single row.");
    }
    return JSON.parse(this.body.toString("utf8"));
  }
}

/**
 * The unit that an application processes. `body`, `headers` and `query` are
 * those of the delivery `delivery_id`. Times are Unix seconds.
 */
export class KnockerEvent extends WithBody {
  declare readonly id: number;
  declare readonly endpoint: string;
  declare readonly event_type: string | null;
  declare readonly provider_event_id: string | null;
  declare readonly provider_delivery_id: string | null;
  declare readonly dedupe_key: string | null;
  declare readonly delivery_id: number | null;
  declare readonly status: "received" | "processing" | "handled" | "failed" | "dead" | "ignored";
  /** Counts the running attempt. */
  declare readonly attempt_count: number;
  declare readonly method: string;
  declare readonly headers: FieldMap;
  declare readonly query: FieldMap;
  declare readonly received_at: number;
  declare readonly handled_at: number | null;
  declare readonly last_error: string | null;
  /** When its content was erased. */
  declare readonly expunged_at: number | null;
}

/** One HTTP receipt, valid or not. */
export class Delivery extends WithBody {
  declare readonly id: number;
  declare readonly endpoint: string;
  declare readonly event_id: number | null;
  /** `event`, or for one without an event rejected, handshake, empty_batch or too_large. */
  declare readonly kind: string;
  declare readonly reason: string | null;
  declare readonly received_at: number;
  declare readonly provider_event_id: string | null;
  declare readonly provider_delivery_id: string | null;
  declare readonly event_type: string | null;
  declare readonly method: string;
  declare readonly headers: FieldMap;
  declare readonly query: FieldMap;
  /** Null where nothing was verified. */
  declare readonly signature_valid: boolean | null;
  declare readonly signature_error: string | null;
  declare readonly dedupe_key: string | null;
  /** The size as received: a stored body may be cut. */
  declare readonly body_bytes: number;
  declare readonly body_digest: string | null;
  /** When and how a refused delivery was taken in later: `reverify` or `accept_delivery`. */
  declare readonly accepted_at: number | null;
  declare readonly accepted_by: string | null;
  declare readonly accepted_reason: string | null;
  /** When its content was erased. */
  declare readonly expunged_at: number | null;
}

/** One page of a list, newest first; `cursor` asks for the next one, null: this was the last. */
export type Page<T> = T[] & { cursor: string | null };

/** A page of rows. */
export function page<T>(rows: T[], cursor: string | null): Page<T> {
  return Object.assign(rows, { cursor });
}

/** One run of a handler: `outcome` is handled, failed, dead or ignored. */
export interface Attempt {
  id: number;
  event_id: number;
  attempted_at: number;
  outcome: string;
  error: string | null;
  duration_ms: number;
}

/** Counts: of the file, and (`process`) of what this process did. */
export interface Stats {
  deliveries: number;
  events: Record<string, number>;
  orphans: Record<string, number>;
  duplicates: number;
  jobs_ready: number;
  jobs_later: number;
  jobs_held: number;
  jobs_dead: number;
  /** Jobs of paused endpoints. */
  jobs_paused: number;
  /** Received events whose job is gone: `requeueEvents({ stuck: true })` helps. */
  stuck: number;
  /** Jobs that workers gave back in the last seconds because nobody handles them. */
  unhandled_left: number;
  process: Record<string, number>;
}

/** Counts of one endpoint. */
export interface EndpointStats {
  name: string;
  provider: string | null;
  enabled: boolean;
  paused: boolean;
  events: Record<string, number>;
  orphans: number;
  last_received_at: number | null;
}

/** What became of one run of a handler, as the file says it now. */
export interface Finished {
  event_id: number;
  status: "handled" | "failed" | "dead" | "ignored" | "given_back" | "lost";
  /** Why an outcome could not be committed. */
  error: { code: string; message: string } | null;
}

/** What a worker that has stopped left over. */
export interface StopReport {
  /** Events whose handlers were cut off at the deadline; they run again. */
  rolled_back: number[];
  /** Jobs that never started. */
  given_back: number;
}

/** How many rows pruning really removed. */
export interface PruneResult {
  events_pruned: number;
  attempts_pruned: number;
  deliveries_pruned: number;
  live_jobs_pruned: number;
}

/** What an action on a filter did, summed over its transactions. */
export interface BulkResult {
  /** Counted before the first change. */
  matched: number;
  changed: number;
  /** Rows whose status forbids the action. */
  skipped: number;
}

/** What `expunge` did. */
export interface ExpungeResult extends BulkResult {
  /** Whether neither the file nor its WAL holds the bytes any more; if not, call again later. */
  erased_from_file: boolean;
}

/** One thing that happened in this process; never holds a body or a secret. */
export interface HookEvent {
  kind: string;
  at_ms: number;
  endpoint: string | null;
  event_id: number | null;
  count: number;
  duration_ms: number;
  code: string | null;
}

/** An event in the hands of a handler. */
export interface RunningEvent {
  job_id: number;
  event_id: number;
  endpoint: string;
  event_type: string | null;
  worker_id: string;
  attempt: number;
  /** When its handler started; null where only another process knows. */
  since: number | null;
  /** Below 0: the lease is over. */
  lease_left_s: number;
}

/** The record of one pruning. */
export interface PruneAudit {
  id: number;
  kind: string;
  queue_name: string | null;
  executed_at: number;
  events_pruned: number;
  deliveries_pruned: number;
  attempts_pruned: number;
  live_jobs_pruned: number;
  summary: unknown;
}

/** What one pass of retention removed; `more`: there is more to remove now. */
export interface RetentionPass {
  events_pruned: number;
  deliveries_pruned: number;
  attempts_pruned: number;
  live_jobs_pruned: number;
  dead_jobs_pruned: number;
  audits_pruned: number;
  pages_released: number;
  more: boolean;
}

/** Whether this process keeps to a retention policy, and leads in doing so. */
export interface RetentionState {
  running: boolean;
  leader: boolean;
  leader_id: string | null;
  lease_until: number | null;
  last_pass: PruneAudit | null;
  last_error: { at: number; code: string; message: string } | null;
}

/** Why a delivery was refused, step by step; never a secret. */
export interface Explanation {
  valid: boolean;
  reason: string | null;
  clock: number;
  body_cut: boolean;
  redacted: string[];
  steps: { name: string; ok: boolean | null; detail: string }[];
}

/** What a check of the file found; empty lists are good. */
export interface CheckResult {
  integrity: string[];
  foreign_keys: { table: string; rowid: number | null; parent: string }[];
  schema_version: number;
  stuck: number;
  orphan_jobs: number;
}

/** A request signed as the provider would, for tests. */
export interface SignedRequest {
  method: string;
  url: string | null;
  headers: Record<string, string>;
  query: string | null;
  body: Buffer;
}

/** What `open` found. */
export interface InboxInfo {
  path: string;
  version: string;
  sqlite_version: string;
  schema_version: number;
  /** Whose SQLite works on the file. */
  engine: "embedded" | "host";
}
