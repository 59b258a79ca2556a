"""The interpreter's share of a receive: processor time a call, against a library that answers at once.

    PYTHONPATH=bindings/python/src python bench/python/share.py

All threads of a process share the interpreter lock, so this time bounds what
64 of them can take in. Needs gcc. The best of nine runs counts.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict

import drive
import knocker
from knocker import _library

CALLS = 4000
RUNS = 9


def best(call: Callable[[], Any]) -> float:
    """Microseconds of processor time a call."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(CALLS):
            call()
        times.append((time.process_time() - start) / CALLS)
    return min(times) * 1e6


def main() -> None:
    source = Path(__file__).with_name("constant.c")
    body, headers = drive.request(int(time.time()))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / _library.file_name()
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
        _library._loaded = _library.Library(library)
        with knocker.open("unused.db") as inbox:
            endpoint = inbox.endpoint("stripe", provider="stripe", secrets="secret")

            def route() -> Any:
                result = endpoint.receive(body=body, headers=raw, query="", method="POST")
                return result.response.content, result.response.status_code, result.response.headers

            figures: Dict[str, Callable[[], Any]] = {
                "body and headers": lambda: inbox.receive(endpoint="stripe", body=body, headers=headers).status_code,
                "headers as pairs of bytes": lambda: inbox.receive(endpoint="stripe", body=body, headers=raw).status_code,
                "all that a route passes": route,
            }
            for name, call in figures.items():
                print(f"{name:28}{best(call):6.1f} µs")


if __name__ == "__main__":
    main()
