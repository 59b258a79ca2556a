// Makes the npm packages in build/npm: knocker, and the package of this platform
// with its native files. `npm pack` and `npm publish` take the folders as they are.
//
//   node scripts/pack.mjs

import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const root = fileURLToPath(new URL("../../..", import.meta.url));
const out = join(root, "build/npm");

/** Platform -> what its package says of itself. The same names stand in src/node/locate.ts. */
export const PLATFORMS = {
  "linux-x64-gnu": { os: ["linux"], cpu: ["x64"], libc: ["glibc"] },
  "linux-arm64-gnu": { os: ["linux"], cpu: ["arm64"], libc: ["glibc"] },
  "darwin-x64": { os: ["darwin"], cpu: ["x64"] },
  "darwin-arm64": { os: ["darwin"], cpu: ["arm64"] },
};

const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
const { version, license, repository } = manifest;
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

function packMain() {
  const folder = join(out, "knocker");
  mkdirSync(folder, { recursive: true });
  for (const name of ["dist", "src", "README.md"]) cpSync(join(home, name), join(folder, name), { recursive: true });
  packBun(folder);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  // Where an older resolution, which knows no exports, looks for knocker/testing.
  mkdirSync(join(folder, "testing"));
  writeJson(join(folder, "testing/package.json"), { main: "../dist/cjs/testing.js", types: "../dist/cjs/testing.d.ts" });
  const { scripts: _, devDependencies: __, ...published } = manifest;
  const platforms = Object.keys(PLATFORMS).map((name) => [`@knocker/${name}`, version]);
  writeJson(join(folder, "package.json"), { ...published, optionalDependencies: Object.fromEntries(platforms) });
}

/** Bun's half is TypeScript beside ours: there it imports "../../node/src/", here "../src/". */
function packBun(folder) {
  const source = join(root, "bindings/bun/src");
  if (!existsSync(source)) return;
  cpSync(source, join(folder, "bun"), { recursive: true });
  for (const name of readdirSync(source)) {
    const file = join(folder, "bun", name);
    writeFileSync(file, readFileSync(file, "utf8").replaceAll("../../node/src/", "../src/"));
  }
}

function packPlatform() {
  const platform = process.platform === "linux" ? `linux-${process.arch}-gnu` : `${process.platform}-${process.arch}`;
  const about = PLATFORMS[platform];
  if (about === undefined) throw new Error(`no package is made for ${platform}`);
  const folder = join(out, platform);
  const library = process.platform === "darwin" ? "libknocker.dylib" : "libknocker.so";
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, "build/node/knocker.node"), join(folder, "knocker.node"));
  copyFileSync(join(root, "build", library), join(folder, library));
  for (const name of ["knocker.node", library]) chmodSync(join(folder, name), 0o755);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(join(folder, "README.md"), `# @knocker/${platform}\n\nThe native files of [knocker](https://www.npmjs.com/package/knocker) for ${platform}.\n`);
  writeJson(join(folder, "package.json"), {
    name: `@knocker/${platform}`,
    version,
    description: `The native files of knocker for ${platform}.`,
    license,
    repository,
    engines: manifest.engines,
    ...about,
    files: ["knocker.node", library],
  });
}

rmSync(out, { recursive: true, force: true });
packMain();
packPlatform();
