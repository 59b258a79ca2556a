/** `knocker/testing` for Bun. */

import "./index.js";

export * from "./testing-kit.js";
