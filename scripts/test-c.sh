#!/bin/sh
# Builds the C programs in capi/test with AddressSanitizer and runs each
# against the built library, in an empty directory and under a time limit.
#
#   scripts/test-c.sh build
set -eu
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() { # program, directory of the library
    ${CC:-gcc} -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover \
        -pthread -o "$work/$1" "$root/capi/test/$1.c" "$2/libknocker.so" -Wl,-rpath,"$2"
}

run() { # program, argument...
    mkdir "$work/run"
    # Leaks count: a reply that is not freed, or memory that closing leaves. Not
    # after a panic: there the library closes in the background.
    leaks=1
    [ "$1" = panic ] && leaks=0
    (cd "$work/run" && ASAN_OPTIONS=detect_leaks=$leaks timeout 120 "$work/$1" ${2+"$2"}) ||
        { echo "test-c: $* failed" >&2; exit 1; }
    rm -rf "$work/run"
}

for program in bad_input walk threads fork; do
    compile "$program" "$build"
    run "$program"
done
compile panic "$build/testpanic"
for where in call goroutine clock0 clock1 clock2 clock3 clock5 clock8; do
    run panic "$where"
done
