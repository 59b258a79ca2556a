/** Compares results with what a scenario expects of them: conformance/README.md, "Plain form and matching". */

import { createHash } from "node:crypto";

const RULES = {
  $type: (names, got) => [names].flat().some((name) => TYPES[name](got)),
  $one_of: (options, got) => options.some((option) => match("", option, got).length === 0),
  $contains: (part, got) => typeof got === "string" && got.includes(part),
  $between: ([low, high], got) => typeof got === "number" && low <= got && got <= high,
  $length: (length, got) => (typeof got === "string" ? [...got].length : Array.isArray(got) ? got.length : -1) === length,
  $utf8: (text, got) => bytesOf(got)?.equals(Buffer.from(text)) ?? false,
  $sha256: (digest, got) => createHash("sha256").update(bytesOf(got) ?? "").digest("hex") === digest,
  $absent: (_, got) => got === undefined || got === null || got.length === 0,
};
const TYPES = {
  null: (got) => got === null,
  boolean: (got) => typeof got === "boolean",
  text: (got) => typeof got === "string",
  integer: (got) => Number.isInteger(got),
  number: (got) => typeof got === "number",
  list: (got) => Array.isArray(got),
  object: (got) => typeof got === "object" && got !== null && !Array.isArray(got),
};

/** The differences, each with its path. */
export function match(path, want, got) {
  const differ = () => [`${path || "the result"}: expected ${shown(want)}, got ${shown(got)}`];
  if (Array.isArray(want)) {
    if (!Array.isArray(got) || got.length !== want.length) return differ();
    return want.flatMap((value, index) => match(`${path}[${index}]`, value, got[index]));
  }
  if (typeof want !== "object" || want === null) return want === got ? [] : differ();
  const rule = ruleOf(want);
  if (rule !== undefined) return RULES[rule](want[rule], got) ? [] : differ();
  if (!TYPES.object(got)) return differ();
  return Object.entries(want).flatMap(([name, value]) =>
    got[name] === undefined && ruleOf(value) !== "$absent"
      ? [`${path || "the result"} has no field ${name}`]
      : match(path ? `${path}.${name}` : name, value, got[name]),
  );
}

/** A value as JSON, cut to a readable length. */
export function shown(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 600 ? text : `${text.slice(0, 600)}…`;
}

function ruleOf(want) {
  const names = typeof want === "object" && want !== null ? Object.keys(want) : [];
  return names.length === 1 && names[0] in RULES ? names[0] : undefined;
}

function bytesOf(got) {
  return typeof got === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(got) ? Buffer.from(got, "base64") : undefined;
}
