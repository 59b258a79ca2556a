#!/bin/sh
# Makes the recorded fixtures again: the pinned libraries are installed in a
# throw-away directory, sign what they can, and check the result.
# Run from the repository root: sh conformance/record/record.sh
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cp conformance/record/node/*.mjs conformance/record/node/package.json conformance/record/node/package-lock.json "$directory"/
(cd "$directory" && npm ci --ignore-scripts --no-audit --no-fund >&2)
go run ./conformance/record plan >"$directory/plan.json"
node "$directory/sign.mjs" "$directory/plan.json" >"$directory/signed.json"
go run ./conformance/record write "$directory/signed.json"
node "$directory/extra.mjs" conformance/fixtures
go run ./conformance/verify -strict conformance/fixtures
node "$directory/check.mjs" conformance/fixtures
