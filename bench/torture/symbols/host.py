"""Python's own sqlite3 and Knocker's SQLite in one process, in both orders."""

import ctypes
import importlib
import json
import sys

order, library, path = sys.argv[1:]


def knocker():
    """Load the library, with everything it shows visible to all."""
    loaded = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    loaded.knocker_open_json.restype = ctypes.c_void_p
    loaded.knocker_open_json.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return loaded


def opened(loaded):
    """Open an inbox; answers the version of its SQLite."""
    request = json.dumps({"path": path}).encode()
    return json.loads(ctypes.string_at(loaded.knocker_open_json(request, len(request))))["ok"]["sqlite_version"]


if order == "knocker-first":
    loaded = knocker()
    embedded = opened(loaded)
    sqlite3 = importlib.import_module("sqlite3")
else:
    sqlite3 = importlib.import_module("sqlite3")
    sqlite3.connect(path).execute("SELECT 1")
    loaded = knocker()
    embedded = opened(loaded)

host = sqlite3.connect(path)
own = host.execute("SELECT sqlite_version()").fetchone()[0]
assert own == sqlite3.sqlite_version, (own, sqlite3.sqlite_version)
assert own != embedded, f"both run on {own}"
with host:
    host.execute("CREATE TABLE host(n)")
assert host.execute("SELECT count(*) FROM knocker_events").fetchone() == (0,)
assert host.execute("PRAGMA integrity_check").fetchone() == ("ok",)
print(f"symbols: Python, {order}: host {own}, Knocker {embedded}")
