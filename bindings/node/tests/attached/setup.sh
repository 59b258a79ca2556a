#!/usr/bin/env bash
# Installs the hosts that the tests attach an inbox to: better-sqlite3, compiled
# here against this Node's own headers, Drizzle, Knex, and a Node that has
# node:sqlite. Quick when nothing has changed since the last run.
set -euo pipefail
cd "$(dirname "$0")"

stamp=../../../../build/node/attached.stamp
state="$(sha256sum package.json package-lock.json) $(node --version)"
if [ -d node_modules ] && [ "$(cat "$stamp" 2>/dev/null)" = "$state" ]; then
    exit 0
fi
headers=$(node -p 'require("path").resolve(process.execPath, "../..")')
[ -e "$headers/include/node/node.h" ] || { echo "setup: $headers/include/node has no headers of this Node, which compiling better-sqlite3 needs (Debian: apt-get install libnode-dev)" >&2; exit 1; }
echo "setup: npm packages in bindings/node/tests/attached, as its package-lock.json pins them; compiling better-sqlite3"
npm ci --ignore-scripts --silent --no-audit --no-fund
(cd node_modules/better-sqlite3 && npm_config_nodedir=$headers npm run --silent build-release >/dev/null 2>&1) ||
    { echo "setup: better-sqlite3 could not be compiled: it needs g++, make and Python" >&2; exit 1; }
mkdir -p "$(dirname "$stamp")"
echo "$state" >"$stamp"
