"""The interpreter's share of a receive: processor time a call, against a library that answers at once.

    PYTHONPATH=bindings/python/src python bench/python/share.py
    PYTHONPATH=bindings/python/src python bench/python/share.py threads [COMMIT_US [SYNC_US]]

The second tells what 64 threads of Python can reach at all: over a library in C
that does nothing but share commits, each receipt of which computes COMMIT_US
(defaults to 45, what SQLite takes for the rows) and each commit of which waits
SYNC_US for the disk (defaults to 500).

All threads of a process share the interpreter lock, so this time bounds what
64 of them can take in. Needs gcc. The best of nine runs counts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

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


def with_library(options: List[str], measure: Callable[[Any], None]) -> None:
    """Run a measurement over a library built from constant.c."""
    source = Path(__file__).with_name("constant.c")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / _library.file_name()
        command = ["gcc", "-O2", "-shared", "-fPIC", "-pthread", *options, "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        _library._loaded = _library.Library(library)
        with knocker.open("unused.db") as inbox:
            measure(inbox)


def alone(inbox: Any) -> None:
    """What one call costs."""
    body, headers = drive.request(int(time.time()))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
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


def among_threads(inbox: Any) -> None:
    """How many calls of 64 threads come through."""
    rates = []
    for _ in range(5):
        run = drive.closed_loop([inbox], 64, 1.0, 30_000)
        rates.append(run["rows"] / run["seconds"])
    print(f"64 threads: {statistics.median(rates):.0f}/s, of {', '.join(f'{rate:.0f}' for rate in sorted(rates))}")


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["threads"]:
        commit, sync = [*arguments[1:], *["45", "500"][len(arguments) - 1 :]]
        with_library([f"-DCOMMIT_US={commit}", f"-DSYNC_US={sync}"], among_threads)
    else:
        with_library([], alone)


if __name__ == "__main__":
    main()
