import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { folder } from "./helpers.mjs";

const HOME = fileURLToPath(new URL("..", import.meta.url));
const NPM = join(HOME, "../../build/npm");
const TOKEN_CODE = `
  const inbox = new KnockerSqlite(process.argv[2]);
  inbox.addEndpoint({ name: "e", provider: "token-header", secrets: "s" });
  const { status_code } = inbox.receive({ endpoint: "e", body: "{}", headers: { "x-knocker-token": "s" } });
  console.log(status_code);
  inbox.close();`;

before(() => execFileSync(process.execPath, [join(HOME, "scripts/pack.mjs")]));

/** A folder with the packages as npm installs them. */
function consumer(t, platform = true) {
  const path = folder(t);
  const modules = join(path, "node_modules");
  cpSync(join(NPM, "knocker"), join(modules, "knocker"), { recursive: true });
  const own = readdirSync(NPM).find((name) => name !== "knocker");
  if (platform) cpSync(join(NPM, own), join(modules, "@knocker", own), { recursive: true });
  return path;
}

function node(path, file, ...args) {
  const done = spawnSync(process.execPath, [join(path, file), ...args], { cwd: path, encoding: "utf8", timeout: 60_000 });
  return { code: done.status, said: done.stdout.trim(), error: done.stderr };
}

function tool(name, ...args) {
  const done = spawnSync(process.execPath, [join(HOME, "node_modules", name), ...args], { cwd: HOME, encoding: "utf8", timeout: 120_000 });
  return { code: done.status, said: done.stdout + done.stderr };
}

test("the packed package works from import and from require, out of sight of the checkout", (t) => {
  const path = consumer(t);
  writeFileSync(join(path, "a.mjs"), `import { KnockerSqlite } from "knocker"; import "knocker/testing"; ${TOKEN_CODE}`);
  writeFileSync(join(path, "b.cjs"), `const { KnockerSqlite } = require("knocker"); require("knocker/testing"); ${TOKEN_CODE}`);
  for (const file of ["a.mjs", "b.cjs"]) assert.deepEqual(node(path, file, join(path, "app.db")), { code: 0, said: "204", error: "" });
});

test("import and require hold the same names", async () => {
  const { createRequire } = await import("node:module");
  const require = createRequire(import.meta.url);
  for (const name of ["knocker", "knocker/testing"]) {
    const module = await import(name);
    assert.deepEqual(Object.keys(module).sort(), Object.keys(require(name)).sort());
  }
});

test("without its platform package the first call names it and the likely causes; importing works", (t) => {
  const path = consumer(t, false);
  writeFileSync(
    join(path, "a.mjs"),
    `import { KnockerSqlite } from "knocker";
     console.log("imported");
     try { new KnockerSqlite("app.db").open(); } catch (error) { console.log(error.code, error.message); }`,
  );
  const { said } = node(path, "a.mjs");
  assert.match(said, /^imported\nunsupported_platform /);
  for (const hint of [`@knocker/${process.platform}-${process.arch}`, "--no-optional", "copied", "bundler"]) assert.ok(said.includes(hint), hint);
});

test("musl and platforms without a build are told by name", async () => {
  const { locate } = await import("../dist/esm/node/locate.js");
  const musl = "7f0 r-xp 00000000 08:01 1 /lib/ld-musl-x86_64.so.1\n";
  assert.throws(() => locate({ platform: "linux", arch: "x64", maps: musl }), { code: "unsupported_platform", message: /glibc.*node:22-slim/ });
  assert.throws(() => locate({ platform: "aix", arch: "ppc64", maps: "" }), { code: "unsupported_platform", message: /aix on ppc64/ });
});

test("a library of another interface version is refused", (t) => {
  const path = consumer(t);
  const locator = join(path, "node_modules/knocker/dist/esm/node/locate.js");
  writeFileSync(locator, readFileSync(locator, "utf8").replace("ABI_VERSION = 1", "ABI_VERSION = 2"));
  writeFileSync(join(path, "a.mjs"), `import { KnockerSqlite } from "knocker"; try { new KnockerSqlite("a.db").open(); } catch (e) { console.log(e.code, e.message); }`);
  assert.match(node(path, "a.mjs").said, /^unsupported_platform .*interface version 1 .* needs 2/);
});

test("a bundled server finds its native files beside it, as ESM and as CommonJS", async (t) => {
  const path = consumer(t);
  writeFileSync(join(path, "server.mjs"), `import { KnockerSqlite } from "knocker"; ${TOKEN_CODE}`);
  for (const [format, name] of [["esm", "out.mjs"], ["cjs", "out.cjs"]]) {
    await build({
      entryPoints: [join(path, "server.mjs")], outfile: join(path, name), bundle: true, platform: "node", format, target: "node18", logLevel: "error",
    });
  }
  rmSync(join(path, "node_modules/knocker"), { recursive: true });
  for (const name of ["out.mjs", "out.cjs"]) assert.deepEqual(node(path, name, join(path, "app.db")), { code: 0, said: "204", error: "" });
});

test("the types hold under tsc --strict, in each way of resolving", (t) => {
  const path = consumer(t);
  cpSync(join(HOME, "node_modules/@types"), join(path, "node_modules/@types"), { recursive: true });
  cpSync(join(HOME, "node_modules/undici-types"), join(path, "node_modules/undici-types"), { recursive: true });
  cpSync(join(HOME, "tests/types"), path, { recursive: true });
  for (const [module, moduleResolution] of [["node16", "node16"], ["esnext", "bundler"], ["commonjs", "node10"]]) {
    const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,esnext.disposable", "--types", "node"];
    const { code, said } = tool("typescript/bin/tsc", ...options, "--module", module, "--moduleResolution", moduleResolution, join(path, "usage.ts"));
    assert.equal(code, 0, `${moduleResolution}: ${said}`);
  }
});

test("attw and publint find nothing wrong", (t) => {
  const path = folder(t);
  mkdirSync(path, { recursive: true });
  const tarball = JSON.parse(
    execFileSync("npm", ["pack", join(NPM, "knocker"), "--json", "--ignore-scripts", "--pack-destination", path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  )[0].filename;
  assert.ok(existsSync(join(path, tarball)));
  const types = tool("@arethetypeswrong/cli/dist/index.js", join(path, tarball), "--no-emoji", "--no-color");
  assert.equal(types.code, 0, types.said);
  const form = tool("publint/src/cli.js", join(NPM, "knocker"), "--strict");
  assert.equal(form.code, 0, form.said);
});

test("there is no install script, and the addon asks for nothing that an older glibc lacks", () => {
  for (const name of readdirSync(NPM)) {
    const { scripts } = JSON.parse(readFileSync(join(NPM, name, "package.json"), "utf8"));
    assert.equal(scripts, undefined);
  }
  if (process.platform !== "linux") return;
  const symbols = execFileSync("readelf", ["--dyn-syms", "--wide", join(HOME, "../../build/node/knocker.node")], { encoding: "utf8" });
  const versions = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, , minor]) => Number(minor));
  assert.ok(Math.max(...versions) <= 36, String(Math.max(...versions)));
});
