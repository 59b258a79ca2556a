#!/usr/bin/env bash
# Installs what building and testing the Node binding needs, as its lock file
# pins it. Quick when nothing has changed since the last run.
set -euo pipefail
cd "$(dirname "$0")"

command -v npm >/dev/null || { echo "setup: npm is missing: install Node 18 or newer with npm (Debian: apt-get install nodejs npm)" >&2; exit 1; }

tests/attached/setup.sh

stamp=../../build/node/setup.stamp
state="$(sha256sum package.json package-lock.json) $(node --version)"
if [ -d node_modules ] && [ "$(cat "$stamp" 2>/dev/null)" = "$state" ]; then
    exit 0
fi
echo "setup: npm packages in bindings/node, as its package-lock.json pins them"
npm ci --ignore-scripts --silent --no-audit --no-fund
mkdir -p "$(dirname "$stamp")"
echo "$state" >"$stamp"
