// Runs the tests; the last line is "N passed, N failed". A run of all in a folder leaves its report in build/tests, bun.txt or
// attached/bun.txt, by which BINDINGS.md says what is proven.
//
//   bun scripts/test.ts [--in FOLDER] [NAME_PATTERN]

const rest = process.argv.slice(2);
const folder = rest[0] === "--in" ? rest.splice(0, 2)[1]! : "tests";
const [pattern] = rest;
const child = Bun.spawn(
  [process.execPath, "test", "--timeout", "60000", ...(pattern ? ["--test-name-pattern", pattern] : []), `./${folder}`],
  { cwd: new URL("..", import.meta.url).pathname, stdout: "inherit", stderr: "pipe" },
);
const output = await new Response(child.stderr).text();
process.stderr.write(output);
const report = { tests: "bun.txt", attached: "attached/bun.txt" }[folder];
if (report !== undefined && pattern === undefined) {
  const ran = [...output.matchAll(/^(?:\((pass|fail|skip)\)|([✓✗»])) (.+?)(?: \[[\d.]+ms\])?$/gm)];
  const lines = ran.map(([, word, mark, name]) => `${word === "pass" || mark === "✓" ? "passed" : "failed"} ${name}\n`);
  await Bun.write(new URL(`../../../build/tests/${report}`, import.meta.url), lines.join(""));
}
const count = (word: string): number => Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
const failed = Math.max(count("fail") + count("errors?"), (await child.exited) === 0 ? 0 : 1);
console.log(`${count("pass")} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
