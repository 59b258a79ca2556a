#!/usr/bin/env bash
# Fetch what tests need beside the modules of go.work: GORM, and the releases of
# go-sqlite3 whose SQLite the extension is tested with.
set -euo pipefail
cd "$(dirname "$0")/../.."

stamp=build/go-tests.setup
releases="github.com/mattn/go-sqlite3@v1.14.11 github.com/mattn/go-sqlite3@v1.14.12"
state=$({ cat bindings/go/setup.sh bindings/go/ormtest/go.mod bindings/go/ormtest/go.sum; go version; } | sha256sum)
[ "$(cat "$stamp" 2>/dev/null)" != "$state" ] || exit 0

echo "setup: Go modules for tests of attached inboxes, as bindings/go/ormtest/go.sum pins them"
(cd bindings/go/ormtest && GOWORK=off go mod download)
echo "setup: $releases"
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
# shellcheck disable=SC2086 # one argument each
(cd "$empty" && GOWORK=off GOFLAGS=-mod=mod go mod download $releases)
mkdir -p build
echo "$state" >"$stamp"
