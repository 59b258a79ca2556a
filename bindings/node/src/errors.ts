/** The one class of errors that this package throws. */

import { ERRORS, type ErrorCode } from "./error-codes.js";

// The package may be loaded more than once in a process (import and require, a
// bundle, a hot reload), so `instanceof` asks for this mark, not for the class.
const MARK = Symbol.for("knocker.error");

/** What the library says of an error. */
export interface ErrorReply {
  code: string;
  message: string;
  http_status?: number;
  retryable?: boolean;
  details?: Record<string, unknown>;
}

/**
 * Something that the inbox could not do.
 *
 * - `code`: a stable name from a closed list, such as `"busy"` (docs/errors.md).
 * - `message`: a sentence for people; it never holds a secret.
 * - `http_status`: what a webhook route answers with, so that the sender does
 *   the right thing. Also as `status` and `statusCode`, which is where Express
 *   and Fastify look.
 * - `retryable`: whether the same call can succeed later.
 * - `details`: what a program may want to read, often empty.
 */
export class KnockerError extends Error {
  readonly code: ErrorCode;
  readonly http_status: number;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message?: string, reply: Partial<ErrorReply> = {}, options?: { cause?: unknown }) {
    const known = ERRORS[code];
    super(message || known?.message || code, options);
    this.code = code;
    this.http_status = reply.http_status ?? known?.http_status ?? 500;
    this.retryable = reply.retryable ?? known?.retryable ?? false;
    this.details = { ...reply.details };
    Object.defineProperty(this, MARK, { value: true });
  }

  /** The same as `http_status`. */
  get status(): number {
    return this.http_status;
  }

  /** The same as `http_status`. */
  get statusCode(): number {
    return this.http_status;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== "object" || value === null) return false;
    return this === KnockerError ? MARK in value : Object.prototype.isPrototypeOf.call(this.prototype, value);
  }
}

KnockerError.prototype.name = "KnockerError";

/** The error of a library's `{"error": ...}`. */
export function errorFromReply(reply: ErrorReply): KnockerError {
  return new KnockerError(reply.code as ErrorCode, reply.message, reply);
}

/** An argument that the package itself can't send. */
export function invalidArgument(message: string): KnockerError {
  return new KnockerError("invalid_argument", message);
}
