// Runs the tests; the last line is "N passed, N failed".
//
//   bun scripts/test.ts [NAME_PATTERN]

const pattern = process.argv[2];
const child = Bun.spawn(
  [process.execPath, "test", "--timeout", "60000", ...(pattern ? ["--test-name-pattern", pattern] : []), "tests"],
  { cwd: new URL("..", import.meta.url).pathname, stdout: "inherit", stderr: "pipe" },
);
const output = await new Response(child.stderr).text();
process.stderr.write(output);
const count = (word: string): number => Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
const failed = Math.max(count("fail") + count("errors?"), (await child.exited) === 0 ? 0 : 1);
console.log(`${count("pass")} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
