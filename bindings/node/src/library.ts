/** What concerns the library itself and no inbox. */

import { answer } from "./reply.js";
import { transport } from "./transport.js";

/** A provider that the library can verify. */
export interface Provider {
  name: string;
  title: string;
  needs_secret: boolean;
  [more: string]: unknown;
}

/** The library's file, which is also the SQLite extension. Loads it. Errors: `unsupported_platform`. */
export function loadablePath(): string {
  return transport().libraryPath;
}

/** The providers that the library can verify. */
export function providers(): Provider[] {
  return answer(transport().call(0, "providers", "{}")).providers as Provider[];
}
