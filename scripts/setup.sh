#!/usr/bin/env bash
# Installs what is missing for building and testing, and says what and why.
# Quick when nothing has changed since the last run.
#
#   scripts/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
stamp=build/setup.stamp
lock=scripts/requirements.lock

say() { echo "setup: $*"; }
stop() { echo "setup: $*" >&2; exit 1; }

# What this script can't install: it says so in one line.
command -v "$python" >/dev/null || stop "Python is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "$("$python" --version) is too old for the tests: install Python 3.11 or newer, or name one with PYTHON=..."
wanted_go=$(awk '$1 == "go" { print $2 }' go.work)
command -v go >/dev/null || stop "Go is missing: install Go $wanted_go or newer from https://go.dev/dl/ and put it on PATH"
go_version=$(go env GOVERSION 2>/dev/null) || stop "$(GOTOOLCHAIN=local GOWORK=off go version) is too old: install Go $wanted_go or newer from https://go.dev/dl/"

# Debian packages: what is looked for, the package that has it, what it is for.
packages=(
    "command gcc|gcc|compiles SQLite into the library"
    "header stdio.h|libc6-dev|compiles SQLite into the library"
    "command readelf|binutils|make check-lib reads the library's symbols with it"
    "command sqlite3|sqlite3|the tests look at files through a second process with it"
    "header sqlite3.h|libsqlite3-dev|make test-symbols links a host against the system's SQLite"
    "command ruby|ruby|make test-symbols loads the library into Ruby"
    "gem sqlite3|ruby-sqlite3|Ruby's SQLite beside the library: make test-symbols, make torture-two-sqlites"
    "gem ffi|ruby-ffi|the Ruby binding calls the library through it"
    "gem minitest|ruby-minitest|runs the Ruby binding's tests"
    "command puma|puma|the Ruby binding's tests serve HTTP with it"
    "gem sinatra/base|ruby-sinatra|the Ruby binding's tests have Sinatra routes"
    "gem action_controller|ruby-actionpack|the Ruby binding's tests have Rails routes"
    "gem rails|ruby-railties|the Ruby binding's tests have a Rails application"
    "gem active_record|ruby-activerecord|the Ruby binding's tests attach inboxes to Active Record's connections"
    "command rubocop|rubocop|checks the Ruby binding's form"
    "command yard|yard|checks the Ruby binding's documentation comments"
    "command mix|elixir|builds and tests the Elixir binding"
    "command dialyzer|erlang-dialyzer|checks the Elixir binding's types"
    "erlang erl_interface|erlang-dev|compiles the Elixir binding's NIF"
    "erlang inets|erlang-inets|the Elixir binding's tests serve HTTP with it"
    "erlang p1_sqlite3|erlang-p1-sqlite3|the Elixir binding's tests attach inboxes to a SQLite driver of Erlang's"
    "command node|nodejs|runs the Node binding and its tests"
    "command npm|npm|installs what the Node binding's tests use"
    "module venv|python3-venv|makes .venv, where the Python tools go"
)

present() { # "command NAME", "header NAME", "gem NAME", "erlang APPLICATION" or "module NAME"
    case $1 in
    "command "*) command -v "${1#* }" >/dev/null ;;
    "header "*) echo "#include <${1#* }>" | "${CC:-gcc}" -E - >/dev/null 2>&1 ;;
    "gem "*) ruby -e "require '${1#* }'" 2>/dev/null ;;
    "erlang "*) erl -noshell -eval "halt(case code:lib_dir(${1#* }) of {error, _} -> 1; _ -> 0 end)" 2>/dev/null ;;
    "module "*) "$python" -c "import ensurepip, ${1#* }" 2>/dev/null ;;
    esac
}

missing=()
for row in "${packages[@]}"; do
    IFS='|' read -r what package why <<<"$row"
    if ! present "$what"; then
        say "$what is missing ($why)"
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -gt 0 ]; then
    install="apt-get install -y --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        stop "install ${missing[*]} first (Debian: $install)"
    fi
    say "running $install"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install >/dev/null || stop "apt-get could not install ${missing[*]}"
fi
export CGO_ENABLED=1
[ "$(go env CGO_ENABLED)" = 1 ] || stop "Go can't use C here: unset CGO_ENABLED and install a C compiler"

# What a binding needs beside Debian's packages, from its own lock files.
for script in bindings/*/setup.sh; do
    [ ! -e "$script" ] || "$script" || stop "$script failed"
done

state=$(
    cat scripts/setup.sh go.work ./*/go.mod ./*/go.sum bindings/go/go.mod cmd/knocker/go.mod cmd/knocker/go.sum "$lock" | sha256sum
    echo "$go_version $("$python" -c 'import sys; print(sys.executable, sys.version)')"
)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$state" ]; then
    say "nothing to do"
    exit 0
fi

say "Go modules, as go.sum pins them"
go list -deps -test -tags "sqlite_fts5 sqlite_math_functions sqlite_dbstat" \
    ./core/... ./capi/... ./bindings/go/... ./cmd/knocker/... ./conformance/... ./bench/... >/dev/null || stop "the Go modules can't be loaded"

say "Python tools in .venv, as $lock pins them"
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    "$python" -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" || stop "pip could not install what $lock names"

mkdir -p build
echo "$state" >"$stamp"
say "done"
