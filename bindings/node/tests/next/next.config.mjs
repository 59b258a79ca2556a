import { fileURLToPath } from "node:url";

/** @type {import("next").NextConfig} */
export default {
  // The native files stay in node_modules, where they are looked for.
  serverExternalPackages: ["knocker"],
  outputFileTracingIncludes: { "/*": ["./node_modules/@knocker/**"] },
  outputFileTracingRoot: fileURLToPath(new URL(".", import.meta.url)),
};
