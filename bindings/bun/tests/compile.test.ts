import { expect, test } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { loadablePath } from "../src/index.js";
import { folder } from "./helpers.js";

const PROGRAM = `
import { KnockerSqlite, loadablePath } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).pathname)};
const inbox = new KnockerSqlite(process.argv[2]);
inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "s" });
inbox.registerHandler("orders", () => {});
const { status_code } = await inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "s" } });
await inbox.runWorkerOnce();
console.log(status_code, inbox.stats().events.handled, loadablePath());
inbox.close();
`;

test("a compiled program works with the library beside it", async () => {
  const home = folder();
  const source = join(home, "program.ts");
  const program = join(home, "program");
  writeFileSync(source, PROGRAM);
  const build = Bun.spawnSync([process.execPath, "build", "--compile", source, "--outfile", program]);
  expect(build.exitCode, build.stderr.toString()).toBe(0);
  const library = join(home, basename(loadablePath()));
  copyFileSync(loadablePath(), library);
  const { stdout } = Bun.spawnSync([program, join(home, "app.db")], { cwd: home });
  expect(stdout.toString().trim()).toBe(`204 1 ${library}`);
}, 120_000);

test("a program ends by itself, by process.exit and by SIGTERM while a worker waits", async () => {
  const home = folder();
  const file = join(home, "waits.ts");
  writeFileSync(file, `
import { KnockerSqlite } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).pathname)};
const inbox = new KnockerSqlite(${JSON.stringify(join(home, "app.db"))});
inbox.addEndpoint({ name: "orders", provider: "token-header", secrets: "s" });
inbox.registerHandler("orders", () => {});
await inbox.receiveAsync({ endpoint: "orders", body: "{}", headers: { "x-knocker-token": "s" } });
const stop = new AbortController();
if (process.argv[2] === "sigterm") process.on("SIGTERM", () => stop.abort());
if (process.argv[2] === "exit") setTimeout(() => process.exit(7), 300);
console.log("ready");
if (process.argv[2] !== "end") await inbox.runWorker({ signal: stop.signal });
`);
  const ends = { end: 0, exit: 7, sigterm: 0 };
  for (const [how, status] of Object.entries(ends)) {
    const child = Bun.spawn([process.execPath, file, how], { stdout: "pipe", stderr: "pipe" });
    const reader = child.stdout.getReader();
    await reader.read();
    await Bun.sleep(200);
    if (how === "sigterm") child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    expect([how, await child.exited]).toEqual([how, status]);
    clearTimeout(timer);
  }
}, 90_000);
