#!/bin/sh
# Builds what `make interop` runs against, in a throw-away environment below
# build/: Honker's package and its SQLite extension. With the argument knockerlite
# also the package that files to migrate come from. All three are Rust. Sources
# are pinned by hash, and the extension's own crates by the lock file it brings.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/conformance/interop
home=$root/build/interop
python=${PYTHON:-python3}
stamp=$home/setup.stamp${1:+-$1}
if [ -f "$stamp" ] && [ "$stamp" -nt "$0" ] && [ "$stamp" -nt "$here/requirements.txt" ] && [ "$stamp" -nt "$here/constraints.txt" ]; then exit 0; fi
command -v cargo >/dev/null || { echo "interop: Honker is written in Rust: install cargo" >&2; exit 1; }
mkdir -p "$home"
[ -x "$home/bin/python" ] || "$python" -m venv "$home"
echo "building honker 0.2.4 and honker-extension 0.5.0${1:+, and $1}, once …" >&2
export CARGO_TARGET_DIR="$home/target" # so that an interrupted build goes on where it was
pip="$home/bin/pip --disable-pip-version-check --quiet"
export PIP_CONSTRAINT="$here/constraints.txt" # holds for pip's own build environments too
$pip install --no-binary honker --require-hashes --no-deps -r "$here/requirements.txt"

# A dependency's shared library is not kept, so its sources are built themselves.
mkdir -p "$home/extension/src"
printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\nhonker-extension = "=0.5.0"\n' >"$home/extension/Cargo.toml"
: >"$home/extension/src/lib.rs"
(
	cd "$home/extension"
	cargo vendor --quiet vendored >/dev/null
	grep -q '"package":"e63f3f389f225cd250a2846becbadf15c91dc25285cb1bd43901187c8f1e3774"' vendored/honker-extension/.cargo-checksum.json ||
		{ echo "interop: honker-extension 0.5.0 is not the crate that was pinned" >&2; exit 1; }
	rm -rf honker-extension
	cp -R vendored/honker-extension honker-extension
	cd honker-extension
	printf '\n[workspace]\n' >>Cargo.toml
	rm -f .cargo-checksum.json
	cargo build --quiet --release --locked
)

[ "${1:-}" = knockerlite ] || { touch "$stamp"; exit 0; }

# knockerlite asks for Python 3.12 or later, but its code does with less, once it
# is told which interface of Python there is.
rm -rf "$home/sources"
$pip download --ignore-requires-python --no-deps --no-binary knockerlite --dest "$home/sources" knockerlite==0.1.0
"$home/bin/python" - "$home/sources/knockerlite-0.1.0.tar.gz" <<'EOF'
import hashlib, sys
if hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest() != "4e3b19c18a0c1dcee2a451c8495efc6caafcf74b272e668ce43b55476fd9136b":
    sys.exit("interop: knockerlite-0.1.0.tar.gz is not the file that was pinned")
EOF
tar -xzf "$home/sources/knockerlite-0.1.0.tar.gz" -C "$home/sources"
present=$("$home/bin/python" -c 'import sys; print("abi3-py3%d" % min(sys.version_info[1], 12))')
sed -i.orig "s/abi3-py312/$present/" "$home/sources/knockerlite-0.1.0/packages/knocker/Cargo.toml"
# Not installed: its import name is that of this project's package too.
$pip install --ignore-requires-python --target "$home/knockerlite" "$home/sources/knockerlite-0.1.0"
touch "$stamp"
