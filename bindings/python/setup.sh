#!/usr/bin/env bash
# Makes the environment in which inboxes are attached to connections of sqlite3,
# SQLAlchemy and Django: it needs a Python whose SQLite loads extensions, which
# the one of .venv may not be. Quick when nothing has changed since the last run.
set -euo pipefail
cd "$(dirname "$0")"

lock=tests/attached/requirements.lock
home=../../build/python-attached

able() { "$1" -c 'import sqlite3, sys; sqlite3.Connection.enable_load_extension; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

found=
for candidate in ${EXTENSION_PYTHON:-} "${PYTHON:-python3}" python3 /usr/bin/python3 /opt/homebrew/bin/python3 /usr/local/bin/python3; do
    if [ -z "$found" ] && command -v "$candidate" >/dev/null && able "$candidate"; then
        found=$(command -v "$candidate")
    fi
done
if [ -z "$found" ]; then
    echo "setup: no Python here has a SQLite that loads extensions: name one with EXTENSION_PYTHON=... (Debian: apt-get install python3 python3-venv)" >&2
    exit 1
fi

state="$(sha256sum "$lock" setup.sh) $("$found" -c 'import sys; print(sys.executable, sys.version)')"
if [ -x "$home/bin/python" ] && [ "$(cat "$home/setup.stamp" 2>/dev/null)" = "$state" ]; then
    exit 0
fi
echo "setup: SQLAlchemy, Alembic and Django for $found in build/python-attached, as bindings/python/$lock pins them"
rm -rf "$home"
"$found" -m venv "$home" || { echo "setup: $found can't make an environment (Debian: apt-get install python3-venv)" >&2; exit 1; }
"$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --require-hashes -r "$lock"
echo "$state" >"$home/setup.stamp"
