/**
 * Reads and actions, each written once. Every one of them becomes two methods
 * of the inbox: `getEvent` answers on the calling thread, `getEventAsync` off
 * the event loop. Each is one transaction.
 */

import { filterFields, type Json, nestedOptions, putSecrets, snakeFields, unixSeconds } from "./arguments.js";
import {
  type Attempt,
  type CheckResult,
  Delivery,
  type EndpointInfo,
  type EndpointStats,
  type Explanation,
  type HookEvent,
  KnockerEvent,
  page,
  type Page,
  type PruneAudit,
  type PruneResult,
  type RetentionPass,
  type RetentionState,
  type RunningEvent,
  type Stats,
} from "./models.js";
import type { Reply } from "./reply.js";
import type {
  BodyPageOptions,
  DeliveryFilter,
  EventFilter,
  Moment,
  PageOptions,
  RetentionPolicy,
  VerifyOptions,
} from "./types.js";

/** A method of the library: its request, and what to make of the reply. */
export interface Operation<A extends unknown[], R> {
  method: string;
  request: (...values: A) => Json;
  convert: (reply: Reply) => R;
  /** Whether it waits for the writer, so that the library has to know who stands still meanwhile. */
  writes: boolean;
}

function read<A extends unknown[], R>(
  method: string,
  request: (...values: A) => Json,
  convert: (reply: Reply) => R,
): Operation<A, R> {
  return { method, request, convert, writes: false };
}

function write<A extends unknown[], R>(
  method: string,
  request: (...values: A) => Json,
  convert: (reply: Reply) => R,
): Operation<A, R> {
  return { method, request, convert, writes: true };
}

const as_is = <T>() => (reply: Reply): T => reply as T;
const nothing = (): void => undefined;
const event = (reply: Reply): KnockerEvent => new KnockerEvent(reply);
const delivery = (reply: Reply): Delivery => new Delivery(reply);
const eventId = (reply: Reply): number => reply.event_id as number;

function rows<T>(field: string, make: (row: Reply) => T): (reply: Reply) => Page<T> {
  return (reply) => page((reply[field] as Reply[]).map(make), reply.cursor as string | null);
}

export const OPERATIONS = {
  /** Reads an event with its body. Errors: `not_found`. */
  getEvent: read("get_event", (id: number) => ({ id }), event),
  /** Reads a delivery with its body. Errors: `not_found`. */
  getDelivery: read("get_delivery", (id: number) => ({ id }), delivery),
  /** Lists events, newest first, without their bodies unless asked for. */
  listEvents: read("list_events", (options?: EventFilter & BodyPageOptions) => filterFields(options), rows("events", event)),
  /** Lists deliveries, newest first, without their bodies unless asked for. */
  listDeliveries: read(
    "list_deliveries",
    (options?: DeliveryFilter & BodyPageOptions) => filterFields(options),
    rows("deliveries", delivery),
  ),
  /** Lists the runs of an event's handlers, oldest first. */
  listAttempts: read("list_attempts", (event_id: number) => ({ event_id }), (reply) => reply.attempts as Attempt[]),
  /** Lists endpoints by name. */
  listEndpoints: read("list_endpoints", (options?: PageOptions) => snakeFields(options), rows("endpoints", as_is<EndpointInfo>())),
  /** Reads an endpoint. Errors: `unknown_endpoint`. */
  getEndpoint: read("get_endpoint", (name: string) => ({ name }), as_is<EndpointInfo>()),
  /** Lists events that a worker holds now. */
  listRunning: read(
    "list_running",
    (options?: PageOptions & { endpoint?: string | readonly string[] }) => snakeFields(options),
    rows("running", as_is<RunningEvent>()),
  ),
  /** Counts what is in the file and what this process did. */
  stats: read("stats", (options?: { endpoint?: string | readonly string[] }) => snakeFields(options), as_is<Stats>()),
  /** Counts by endpoint. */
  statsByEndpoint: read("stats_by_endpoint", (options?: PageOptions) => snakeFields(options), rows("endpoints", as_is<EndpointStats>())),
  /** Lists the records of pruning, newest first. */
  listPruneAudits: read("list_prune_audits", (options?: PageOptions) => snakeFields(options), rows("audits", as_is<PruneAudit>())),
  /** Shows each step of checking a stored delivery's signature; never a secret. */
  explainDelivery: read(
    "explain_delivery",
    (delivery_id: number, options: VerifyOptions & { nowS?: number } = {}) => {
      const request: Json = { ...snakeFields(options), delivery_id };
      if ("provider_options" in request) request.provider_options = nestedOptions(request.provider_options);
      putSecrets(request, options);
      return request;
    },
    as_is<Explanation>(),
  ),
  /** Whether this process keeps to a retention policy. */
  retentionState: read("retention_state", () => ({}), as_is<RetentionState>()),
  /** Checks the file: integrity, foreign keys, jobs. `quick` leaves out what takes most of the time. */
  check: read("check", (options?: { quick?: boolean }) => snakeFields(options), as_is<CheckResult>()),

  /** Lets an endpoint receive again. */
  enableEndpoint: write("enable_endpoint", (name: string) => ({ name }), as_is<EndpointInfo>()),
  /** Refuses what comes for an endpoint, with `endpoint_disabled`. */
  disableEndpoint: write("disable_endpoint", (name: string) => ({ name }), as_is<EndpointInfo>()),
  /** Removes an endpoint. Errors: `not_empty` while it has events, unless `prune` removes these too. */
  removeEndpoint: write("remove_endpoint", (name: string, options?: { prune?: boolean }) => ({ ...snakeFields(options), name }), nothing),
  /** Lets workers leave an endpoint's events alone; they are received and queued as ever. */
  pauseEndpoint: write("pause_endpoint", (name: string) => ({ name }), as_is<EndpointInfo>()),
  /** Lets workers take an endpoint's events again. */
  resumeEndpoint: write("resume_endpoint", (name: string) => ({ name }), as_is<EndpointInfo>()),
  /** Lets no handler run for an event. Errors: `not_found`, `invalid_state`. */
  ignore: write("ignore", (event_id: number) => ({ event_id }), eventId),
  /** Runs an event again that is over. Errors: `not_found`, `invalid_state`. */
  replay: write("replay", (event_id: number) => ({ event_id }), eventId),
  /** Runs an event that was not handled. Errors: `not_found`, `invalid_state`. */
  requeue: write("requeue", (event_id: number) => ({ event_id }), eventId),
  /** Runs a delivery's event again, with this delivery's body. `eventId`: which one of a batch. Errors: `not_linked`. */
  replayDelivery: write(
    "replay_delivery",
    (delivery_id: number, options?: { eventId?: number }) => ({ ...snakeFields(options), delivery_id }),
    eventId,
  ),
  /** Takes a refused delivery in by decision. Errors: `body_cut`, `invalid_state`. */
  acceptDelivery: write(
    "accept_delivery",
    (delivery_id: number, reason: string, options?: { eventType?: string; dedupeKey?: string; providerEventId?: string }) => ({
      ...snakeFields(options),
      delivery_id,
      reason,
    }),
    as_is<{ event_id: number | null; event_ids: number[]; duplicate: boolean }>(),
  ),
  /**
   * Removes the oldest events that are over and were received strictly before
   * `olderThan`, with their attempts and deliveries. Audited. A cutoff younger
   * than 8 days needs `force`: senders still retry.
   */
  pruneEvents: write(
    "prune_events",
    (olderThan: Moment, options?: { statuses?: readonly ("handled" | "ignored")[]; limit?: number; force?: boolean }) => ({
      ...snakeFields(options),
      older_than: unixSeconds(olderThan),
    }),
    as_is<PruneResult>(),
  ),
  /** Removes the oldest deliveries without an event: refused requests, handshakes. Audited. */
  pruneOrphanDeliveries: write(
    "prune_orphan_deliveries",
    (olderThan: Moment, options?: { limit?: number }) => ({ ...snakeFields(options), older_than: unixSeconds(olderThan) }),
    as_is<{ deliveries_pruned: number }>(),
  ),
  /** One bounded pass of retention. */
  runRetentionPass: write(
    "run_retention_pass",
    (policy?: RetentionPolicy) => (policy === undefined ? {} : { policy: nestedOptions(policy) }),
    as_is<RetentionPass>(),
  ),
  /** Keeps to a policy from now on, in the background; one process of all that have the file open does the work. */
  runRetention: read(
    "start_retention",
    (policy?: RetentionPolicy) => (policy === undefined ? {} : { policy: nestedOptions(policy) }),
    nothing,
  ),
  /** Ends what `runRetention` began; answers whether there was something to end. */
  stopRetention: read("stop_retention", () => ({}), (reply) => reply.stopped as boolean),
  /** Copies the database to `path` as it is at one moment, while receiving goes on. */
  backup: read("backup", (path: string) => ({ path }), nothing),
  /** Starts to collect what happens in this process; `pollHooks` takes it. `limit`: how many are kept. */
  watchHooks: read("watch_hooks", (limit?: number) => snakeFields({ limit }), nothing),
  /** Takes what has happened, oldest first; never waits. `dropped`: lost since `watchHooks`. */
  pollHooks: read("poll_hooks", (max?: number) => snakeFields({ max }), as_is<{ events: HookEvent[]; dropped: number }>()),
  /** Sets the clock of an inbox under test, opened with `clock: { nowS }`. */
  setClock: read("set_clock", (now_s: number) => ({ now_s }), nothing),
};

/** The methods that answer on the calling thread. */
export type Operations = {
  [K in keyof typeof OPERATIONS]: (
    ...values: Parameters<(typeof OPERATIONS)[K]["request"]>
  ) => ReturnType<(typeof OPERATIONS)[K]["convert"]>;
};

/** Their twins, which leave the event loop free. */
export type AsyncOperations = {
  [K in keyof typeof OPERATIONS as `${K}Async`]: (
    ...values: Parameters<(typeof OPERATIONS)[K]["request"]>
  ) => Promise<ReturnType<(typeof OPERATIONS)[K]["convert"]>>;
};

/** The actions on a filter: each call of the library is one bounded transaction, and the cursor leads to the next. */
export const BULK = {
  ignoreEvents: "ignore_events",
  replayEvents: "replay_events",
  requeueEvents: "requeue_events",
  expunge: "expunge",
  reverify: "reverify",
  replayDeliveries: "replay_deliveries",
} as const;
