/** Every public name, without the way to the library: each runtime's entry point adds its own. */

export { KnockerSqlite } from "./inbox.js";
export { attach, type AttachedInbox, type AttachOptions } from "./attach.js";
export { type Database, load } from "./connection.js";
export { KnockerError } from "./errors.js";
export type { ErrorCode } from "./error-codes.js";
export { Discard, Ignore, RetryAfter } from "./outcomes.js";
export { Statement, Tx, type RunResult } from "./tx.js";
export type { Parameter, Row, Value } from "./cells.js";
export * from "./types.js";
export {
  Delivery,
  KnockerEvent,
  type Attempt,
  type BulkResult,
  type CheckResult,
  type EndpointInfo,
  type EndpointStats,
  type ExpungeResult,
  type Explanation,
  type FieldMap,
  type Finished,
  type HookEvent,
  type InboxInfo,
  type Page,
  type PruneAudit,
  type PruneResult,
  type ReceiveResult,
  type Response,
  type RetentionPass,
  type RetentionState,
  type RunningEvent,
  type SignedRequest,
  type Stats,
  type StopReport,
} from "./models.js";
export { loadablePath, providers, type Provider } from "./library.js";
