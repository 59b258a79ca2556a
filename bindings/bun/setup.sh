#!/usr/bin/env bash
# Installs Bun itself and what testing its binding needs, as the lock file pins
# it. Quick when nothing has changed since the last run.
set -euo pipefail
cd "$(dirname "$0")"

command -v npm >/dev/null || { echo "setup: npm is missing: install Node 18 or newer with npm (Debian: apt-get install nodejs npm)" >&2; exit 1; }

stamp=../../build/bun/setup.stamp
state="$(sha256sum package.json package-lock.json) $(node --version)"
if [ -x node_modules/.bin/bun ] && [ "$(cat "$stamp" 2>/dev/null)" = "$state" ]; then
    exit 0
fi
echo "setup: Bun and npm packages in bindings/bun, as its package-lock.json pins them"
npm ci --ignore-scripts --silent --no-audit --no-fund
# Links Bun's program, which the package of this platform has brought.
(cd node_modules/bun && node install.js)
mkdir -p "$(dirname "$stamp")"
echo "$state" >"$stamp"
