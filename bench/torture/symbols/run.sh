#!/bin/sh
# Puts the system's SQLite and Knocker's into one process, in a C host, in
# Python and in Ruby, in both orders: each must keep its own version.
#
#   bench/torture/symbols/run.sh [build/libknocker.so]
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
here=$root/bench/torture/symbols
library=${1:-$root/build/libknocker.so}
library=$(cd "$(dirname "$library")" && pwd)/$(basename "$library")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in cc python3 ruby; do
  command -v $tool >/dev/null || { echo "symbols: $tool is missing; install gcc, python3, ruby" >&2; exit 1; }
done
ruby -e 'require "sqlite3"' 2>/dev/null || { echo "symbols: Ruby has no sqlite3; install ruby-sqlite3" >&2; exit 1; }
echo '#include <sqlite3.h>' | cc -E - >/dev/null 2>&1 || { echo "symbols: sqlite3.h is missing; install libsqlite3-dev" >&2; exit 1; }

flags="-Wall -Wextra -O1 -I$root/capi"
at="-L$(dirname "$library") -Wl,-rpath,$(dirname "$library")"
cc $flags -DLINKED -o "$work/sqlite-first" "$here/host.c" -lsqlite3 $at -lknocker
cc $flags -DLINKED -o "$work/knocker-first" "$here/host.c" $at -lknocker -lsqlite3
cc $flags -o "$work/loaded" "$here/host.c" -ldl
for order in sqlite-first knocker-first; do
  "$work/$order" "linked, $order" - - "$work/linked-$order.db"
  "$work/loaded" $order "$library" libsqlite3.so.0 "$work/loaded-$order.db"
  python3 "$here/host.py" $order "$library" "$work/python-$order.db"
  ruby "$here/host.rb" $order "$library" "$work/ruby-$order.db"
done
echo "symbols: ok"
