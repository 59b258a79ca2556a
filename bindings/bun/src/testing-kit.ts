/** The test helpers, which are Node's. */
export * from "../../node/src/testing-kit.js";
