/**
 * Knocker: a durable inbox for webhooks, in one SQLite file.
 *
 * Importing loads nothing; the library is loaded at the first use.
 */

import { nodeTransport } from "./node/native.js";
import { provideTransport } from "./transport.js";

provideTransport(nodeTransport);

export * from "./common.js";
