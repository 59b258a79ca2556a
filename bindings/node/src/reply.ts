/** The library's documents, read. */

import { errorFromReply } from "./errors.js";
import type { Document } from "./transport.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the shapes are docs/abi.md's
export type Reply = any;

/** What a document answers; throws its error. */
export function answer(document: string | Document): Reply {
  const reply = typeof document === "string" ? (JSON.parse(document) as Document) : document;
  if (reply.error !== undefined) throw errorFromReply(reply.error);
  return reply.ok;
}
