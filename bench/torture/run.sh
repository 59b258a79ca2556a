#!/bin/sh
# Tortures one file with two copies of SQLite in one process: Python's own and
# Knocker's, then those of Ruby's sqlite3 gem and of modernc.org/sqlite.
#
#   bench/torture/run.sh SECONDS [on|off [PROGRAM ...]]
#
# With programs given, their copies of SQLite instead of those.
# With TORTURE_ENGINE=host Knocker runs on the copy of Python or of the gem, and
# there is only one in the process: it must pass without the cure, too.
# SECONDS is the time of all runs together, without building. With "on" the
# library is build/libknocker.so as it is released. With "off" it is a build that
# leaves the cure out, and the script succeeds only if a run fails within three
# tries. PYTHON and RUBY name the interpreters (default: python3, ruby); HOST_PYTHON
# the one with TORTURE_ENGINE=host (default: the system's).
set -eu
length=${1:?usage: run.sh SECONDS [on|off [PROGRAM ...]]}
cure=${2:-on}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/build/two-sqlites
tags="sqlite_fts5 sqlite_math_functions sqlite_dbstat knocker_torture"
mkdir -p "$work"
cd "$root"
export TORTURE_ENGINE="${TORTURE_ENGINE:-embedded}"

CGO_ENABLED=1 go build -tags "$tags" -o "$work/torture" ./bench/torture
if [ $# -gt 2 ]; then
  shift 2
elif [ "$TORTURE_ENGINE" = host ]; then
  set -- "${HOST_PYTHON:-/usr/bin/python3} bench/torture/hosts/python.py" "${RUBY:-ruby} bench/torture/hosts/ruby.rb"
else
  set -- "${PYTHON:-python3} bench/torture/hosts/python.py" "${RUBY:-ruby} bench/torture/hosts/ruby.rb" "" # "": the torture's own, in Go
fi
share=$(echo "$length $#" | awk '{ print $1 / $2 }')

case $cure in
on)
  library=$root/build/libknocker.so
  [ -f "$library" ] || { echo "torture: $library is missing: run make lib" >&2; exit 1; }
  expect=
  ;;
off)
  library=$work/libknocker.so
  CGO_ENABLED=1 go build -trimpath -tags "$tags" -buildmode=c-shared -o "$library" \
    -ldflags "-extldflags=-Wl,--version-script=$root/capi/libknocker.map" ./capi
  expect=-expect-failure
  [ "$TORTURE_ENGINE" = embedded ] || expect= # one SQLite needs no cure
  ;;
*)
  echo "torture: CURE is on or off, not $cure" >&2
  exit 2
  ;;
esac

status=0
for program; do
  TORTURE_LIBRARY=$library KNOCKER_CURE=$cure "$work/torture" $expect -seconds "$share" -program "$program" || status=1
done
exit $status
