/** What concerns the library itself and no inbox. */

import { answer } from "./reply.js";
import { transport } from "./transport.js";

/** A provider that the library can verify. */
export interface Provider {
  name: string;
  title: string;
  aliases: string[];
  needs_secret: boolean;
  secret_use: "required" | "optional" | "unused";
  /** What its secret is. */
  secret: string;
  needs_url: boolean;
  signature: string;
  headers: string[];
  identity: string;
  identity_signed: boolean;
  event_type: string;
  batch: boolean;
  handshake: string | null;
  success_status: number;
  tolerance: null | { past_s: number; future_s: number };
  options: { name: string; type: string; default: unknown; allowed: string[]; doc: string }[];
  /** Whether `sign` of `knocker/testing` can sign for it. */
  signs: boolean;
  /** Where the sender documents it. */
  docs: string;
  notes: string[];
}

/** The library's file, which is also the SQLite extension. Loads it. Errors: `unsupported_platform`. */
export function loadablePath(): string {
  return transport().libraryPath;
}

/** The providers that the library can verify. */
export function providers(): Provider[] {
  return answer(transport().call(0, "providers", "{}")).providers as Provider[];
}
