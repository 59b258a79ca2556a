/** `knocker/testing` for Node. */

import "./index.js";

export * from "./testing-kit.js";
