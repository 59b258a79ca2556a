// Makes dist/: the package as ESM and as CommonJS, each with its types.
//
//   node scripts/build.mjs

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const compile = (...options) => execFileSync(process.execPath, [tsc, "-p", "tsconfig.json", ...options], { cwd: home, stdio: "inherit" });
const write = (name, text) => writeFileSync(new URL(`../dist/${name}`, import.meta.url), text);

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
mkdirSync(new URL("../dist", import.meta.url));
compile();
compile("--module", "commonjs", "--moduleResolution", "node10", "--outDir", "dist/cjs");
write("esm/package.json", '{ "type": "module" }\n');
write("cjs/package.json", '{ "type": "commonjs" }\n');
// What CommonJS finds in __filename.
write("esm/node/here.js", "export const here = import.meta.url;\n");
