/** The public names, which are Node's. */
export * from "../../node/src/common.js";
