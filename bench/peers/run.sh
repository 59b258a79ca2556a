#!/bin/sh
# Puts the existing implementation beside this one: bench/README.md. The peer is
# built from its source distribution in a virtual environment that is kept under
# build/ and can be thrown away.
set -eu
# Else the peer's interpreter finds our package, whose name is the same.
unset PYTHONPATH
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/build/bench/peer
python=${PYTHON:-python3}
[ -f "$root/build/libknocker.so" ] || [ -f "$root/build/libknocker.dylib" ] || { echo "bench-peers: build the library first: make lib" >&2; exit 1; }
if ! "$venv/bin/python" -c 'import knocker' 2>/dev/null; then
	command -v cargo >/dev/null || { echo "bench-peers: the peer is written in Rust: install cargo" >&2; exit 1; }
	rm -rf "$venv"
	"$python" -m venv "$venv"
	echo "building knockerlite 0.1.0, once …" >&2
	# It asks for Python 3.12 or later, but its code does with less, once its
	# extension is told which interface of Python there is.
	sources=$root/build/bench/peer-sources
	rm -rf "$sources"
	"$venv/bin/pip" download --quiet --disable-pip-version-check --ignore-requires-python --no-deps --no-binary knockerlite \
		--dest "$sources" knockerlite==0.1.0
	tar -xzf "$sources"/knockerlite-0.1.0.tar.gz -C "$sources"
	present=$("$venv/bin/python" -c 'import sys; print("abi3-py3%d" % min(sys.version_info[1], 12))')
	sed -i.orig "s/abi3-py312/$present/" "$sources/knockerlite-0.1.0/packages/knocker/Cargo.toml"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --ignore-requires-python "$sources/knockerlite-0.1.0"
fi
# The peer's writer is NORMAL by a pragma in its compiled extension, with no option
# beside it. A copy of the package with FULL in that place answers the other question.
full=$root/build/bench/peer-full
rm -rf "$full"
mkdir -p "$full"
cp -R "$("$venv/bin/python" -c 'import knocker, os; print(os.path.dirname(knocker.__file__))')" "$full/"
sed -i.orig 's/PRAGMA synchronous = NORMAL;/PRAGMA synchronous = FULL;  /' "$full"/knocker/_knocker_native*.so
exec "$python" "$root/bench/peers/compare.py" "$root" "$venv/bin/python" "$full" "$@"
