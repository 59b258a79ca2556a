#!/usr/bin/env bash
# Two SQLites write one file, in one process and beside others; see
# docs/two-sqlites.md. Without the cure the same programs must fail.
#
#   scripts/torture.sh SECONDS on|off
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1 cure=$2
tags="${GO_TAGS:-sqlite_fts5 sqlite_math_functions sqlite_dbstat}"

mkdir -p build
case $cure in
on)
    go build -tags "$tags" -o build/torture ./bench/torture
    build/torture -seconds "$seconds"
    ;;
off)
    go build -tags "$tags knocker_torture" -o build/torture-without-cure ./bench/torture
    KNOCKER_CURE=off build/torture-without-cure -seconds "$seconds" -expect-failure
    ;;
*)
    echo "torture: CURE is \"$cure\": it must be on or off" >&2
    exit 2
    ;;
esac
