/** Finds and loads the native addon and the library: at the first open, never at import. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as path from "node:path";
import { fileURLToPath } from "node:url";

import { KnockerError } from "../errors.js";
import type { Addon } from "./addon.js";
import { here } from "./here.js";

/** What `knocker_abi_version` must answer. */
export const ABI_VERSION = 1;

/** The packages that carry the native files. */
const PACKAGES: Readonly<Record<string, string>> = {
  "linux x64": "@knocker/linux-x64-gnu",
  "linux arm64": "@knocker/linux-arm64-gnu",
  "darwin x64": "@knocker/darwin-x64",
  "darwin arm64": "@knocker/darwin-arm64",
};

export interface Native {
  addon: Addon;
  libraryPath: string;
}

/** Loads both. Throws a KnockerError, `unsupported_platform`, that says what is missing and why it may be. */
export function loadNative(): Native {
  const system = { platform: process.platform, arch: process.arch, maps: ownMaps() };
  const { addonPath, libraryPath } = locate(system);
  const addon = loadAddon(addonPath);
  let version: number;
  try {
    version = addon.load(libraryPath);
  } catch (error) {
    throw unsupported(`The library ${libraryPath} can't be loaded here: ${messageOf(error)}.`);
  }
  if (version !== ABI_VERSION) {
    throw unsupported(
      `The library ${libraryPath} has interface version ${version} and this package needs ${ABI_VERSION}: ` +
        "knocker and its platform package have to be of one version.",
    );
  }
  return { addon, libraryPath };
}

/** What decides which files fit. `maps`: what the process has mapped, on Linux. */
export interface System {
  platform: string;
  arch: string;
  maps: string;
}

interface Files {
  addonPath: string;
  libraryPath: string;
}

/** Finds both files: in the platform's package, else in the checkout that this file lies in. */
export function locate(system: System, bases: readonly string[] = searchBases()): Files {
  if (system.platform === "linux" && /\/ld-musl-[^/]*$/m.test(system.maps)) {
    throw unsupported(
      "The library needs glibc, and this Node runs on musl (Alpine). Use an image based on glibc, such as node:22-slim.",
    );
  }
  const name = PACKAGES[`${system.platform} ${system.arch}`];
  if (name === undefined) {
    throw unsupported(`There is no build of knocker for ${system.platform} on ${system.arch}.`);
  }
  const library = system.platform === "darwin" ? "libknocker.dylib" : "libknocker.so";
  for (const base of bases) {
    const folder = packageFolder(base, name);
    if (folder !== undefined) {
      return { addonPath: path.join(folder, "knocker.node"), libraryPath: path.join(folder, library) };
    }
  }
  return checkoutFiles(library) ?? missing(name, bases);
}

/** From where packages are looked for: this file; a bundle has moved it, so also the program and the working directory. */
function searchBases(): string[] {
  const program = process.argv[1];
  return [here, program, path.join(process.cwd(), "index.js")].filter((base) => base !== undefined && base !== "") as string[];
}

function packageFolder(base: string, name: string): string | undefined {
  try {
    return path.dirname(createRequire(base).resolve(`${name}/package.json`));
  } catch {
    return undefined; // not from here
  }
}

/** A checkout that has built both; <root>/bindings/node/dist/*\/node/locate.js is this file. */
function checkoutFiles(library: string): Files | undefined {
  if (here === undefined) return undefined;
  let folder = path.dirname(here.startsWith("file:") ? fileURLToPath(here) : here);
  for (let depth = 0; depth < 6; depth++, folder = path.dirname(folder)) {
    const files = { addonPath: path.join(folder, "build/node/knocker.node"), libraryPath: path.join(folder, "build", library) };
    if (existsSync(path.join(folder, "capi/knocker.h")) && existsSync(files.addonPath) && existsSync(files.libraryPath)) {
      return files;
    }
  }
  return undefined;
}

function missing(name: string, bases: readonly string[]): never {
  throw unsupported(
    `The package ${name}, which carries knocker's native files for this platform, is not installed. It is an optional ` +
      "dependency that npm installs by itself, so the likely causes are: node_modules copied from another platform (run " +
      "npm ci on this one), an install with --no-optional or --omit=optional, a lock file written on another platform " +
      "(npm install --save-optional " +
      `${name}), or a bundler that left it out (mark knocker as external). Looked from ${bases.join(", ")}.`,
  );
}

function loadAddon(file: string): Addon {
  try {
    return createRequire(file)(file) as Addon;
  } catch (error) {
    throw unsupported(`The native addon ${file} can't be loaded here: ${messageOf(error)}.`);
  }
}

function ownMaps(): string {
  try {
    return process.platform === "linux" ? readFileSync("/proc/self/maps", "utf8") : "";
  } catch {
    return ""; // no /proc: loading tells
  }
}

function unsupported(message: string): KnockerError {
  return new KnockerError("unsupported_platform", message);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split("\n", 1)[0] ?? "" : String(error);
}
