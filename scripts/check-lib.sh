#!/bin/sh
# Checks a built libknocker.so: it exports exactly the functions of knocker.h
# (and the entry points SQLite looks up), carries its name, can't be unloaded, and needs no
# newer glibc than allowed.
#
#   scripts/check-lib.sh build/libknocker.so capi/knocker.h 2.36
set -eu
library=$1 header=$2 newest_glibc=$3

exported=$(nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort)
declared=$(grep -oE '\bknocker_[a-z_]+ ?\(' "$header" | tr -d ' (' | sort -u)

status=0
fail() { echo "check-lib: $*" >&2; status=1; }

for symbol in $exported; do
    case $symbol in sqlite3_knocker_init | knocker_manual_init) continue ;; esac
    echo "$declared" | grep -qx "$symbol" || fail "exports $symbol, which knocker.h does not declare"
done
for symbol in $declared; do
    echo "$exported" | grep -qx "$symbol" || fail "does not export $symbol"
done

dynamic=$(readelf -dW "$library")
echo "$dynamic" | grep -q 'SONAME.*\[libknocker\.so\]' || fail "has no soname libknocker.so"
echo "$dynamic" | grep -q 'NODELETE' || fail "can be unloaded (no NODELETE)"

needed_glibc=$(objdump -T "$library" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
newest=$(printf '%s\n%s\n' "$needed_glibc" "$newest_glibc" | sort -V | tail -n 1)
[ "$newest" = "$newest_glibc" ] || fail "needs glibc $needed_glibc, above $newest_glibc"

echo "$exported"
echo "check-lib: $(echo "$exported" | wc -l) symbols, glibc $needed_glibc (at most $newest_glibc), $(stat -c %s "$library") bytes"
exit $status
