/** Finds and loads the library: at the first open, never at import. */

import { existsSync, readFileSync } from "node:fs";
import * as path from "node:path";

import { loadSymbols, type Symbols } from "./library.js";
import { ABI_VERSION, KnockerError, locate } from "./shared.js";

/** Loads it. Throws a KnockerError, `unsupported_platform`, that says what is missing and why it may be. */
export function loadLibrary(): { symbols: Symbols; libraryPath: string } {
  const libraryPath = besideProgram() ?? locate({ platform: process.platform, arch: process.arch, maps: ownMaps() }).libraryPath;
  let symbols: Symbols;
  try {
    symbols = loadSymbols(libraryPath);
  } catch (error) {
    throw new KnockerError("unsupported_platform", `The library ${libraryPath} can't be loaded here: ${String(error)}.`);
  }
  const version = symbols.knocker_abi_version();
  if (version !== ABI_VERSION) {
    throw new KnockerError(
      "unsupported_platform",
      `The library ${libraryPath} has interface version ${version} and this package needs ${ABI_VERSION}: ` +
        "knocker and its platform package have to be of one version.",
    );
  }
  return { symbols, libraryPath };
}

/** A program of `bun build --compile` has no node_modules: its library lies beside it. */
function besideProgram(): string | undefined {
  const name = process.platform === "darwin" ? "libknocker.dylib" : "libknocker.so";
  const file = path.join(path.dirname(process.execPath), name);
  return existsSync(file) ? file : undefined;
}

function ownMaps(): string {
  try {
    return process.platform === "linux" ? readFileSync("/proc/self/maps", "utf8") : "";
  } catch {
    return ""; // no /proc: loading tells
  }
}
