/** The library's documents, read. */

import { type ErrorReply, errorFromReply } from "./errors.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the shapes are docs/abi.md's
export type Reply = any;

/** What a document answers; throws its error. */
export function answer(document: string): Reply {
  const reply = JSON.parse(document) as { ok?: unknown; error?: ErrorReply };
  if (reply.error !== undefined) throw errorFromReply(reply.error);
  return reply.ok;
}
