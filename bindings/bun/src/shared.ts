/** What the ways to the library need of what this runtime shares with Node. */

export { KnockerError } from "../../node/src/errors.js";
export { ABI_VERSION, locate } from "../../node/src/node/locate.js";
export { answer } from "../../node/src/reply.js";
export { provideTransport, type Transport } from "../../node/src/transport.js";
