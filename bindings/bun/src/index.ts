/**
 * Knocker: a durable inbox for webhooks, in one SQLite file. The entry point of
 * Bun; the package's export condition `bun` leads here.
 *
 * Importing loads nothing; the library is loaded at the first use.
 */

import { bunTransport } from "./native.js";
import { provideTransport } from "./shared.js";

provideTransport(bunTransport);

export * from "./common.js";
