"""Compares the existing implementation with this one, in alternating pairs.

    compare.py ROOT PEER_PYTHON PEER_FULL [--quick]

Both run from Python, first each at its own defaults: the peer commits at
synchronous=NORMAL, ours answers a receipt only after an fsync. Rows that end in
_full set both to FULL: the peer has no option for that, so they use the copy of
it in PEER_FULL, whose one pragma was changed (run.sh). One line a row: NAME
ratio=R ours=… peer=… errors=ours/peer. A single caller waits for a whole fsync
each time, which the peer at NORMAL never does: that row also tells the ratio
with the disk's time taken off ours (level=R), and that is what counts there. The
exit status is 1 if ours has an error or is behind in a row.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Tuple

Run = Tuple[float, int, str]  # rows a second, errors, the first error


class Side:
    """One implementation: its interpreter, where its package is, and how its handlers' commits are synchronous."""

    def __init__(self, name: str, python: str, path: str, root: str, handlers: str = "default") -> None:
        self.name, self.handlers = name, handlers
        environment = {**os.environ, "PYTHONPATH": path}
        self.start: Callable[..., Any] = lambda *arguments: subprocess.Popen(
            [python, os.path.join(root, "bench", "python", "drive.py"), *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> Dict[str, Any]:
        return read(self.start(*arguments))


def read(process: Any) -> Dict[str, Any]:
    try:
        out, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"drive.py ended with {process.returncode}")
    answer: Dict[str, Any] = json.loads(out)
    return answer


def check(side: Side, path: str, rows: int, errors: int) -> None:
    """What was answered is in the file, as deliveries and as events. A call that
    raised may have stored its receipt all the same."""
    found = side.run("count", path)
    for table in ("deliveries", "events"):
        if not rows <= found[table] <= rows + errors:
            raise RuntimeError(f"{side.name} answered {rows} receipts and raised {errors} errors, the file holds {found[table]} {table}")


def receive(side: Side, directory: str, threads: int, seconds: float) -> Run:
    path = os.path.join(directory, "inbox.db")
    run = side.run("receive", path, threads, seconds, int(12000 * seconds))
    check(side, path, run["rows"], run["errors"])
    return run["rows"] / run["seconds"], run["errors"], run["error"]


def handles(side: Side, directory: str, processes: int, threads: int, seconds: float) -> Run:
    """Several handles on one file: each thread of each process has its own."""
    path = os.path.join(directory, "inbox.db")
    side.run("receive", path, 1, 5, 1)  # makes the file
    started = [side.start("own", path, threads, seconds, int(4000 * seconds)) for _ in range(processes)]
    runs = [read(process) for process in started]
    rows, errors = sum(r["rows"] for r in runs), sum(r["errors"] for r in runs)
    check(side, path, rows + 1, errors)
    return sum(r["rows"] / r["seconds"] for r in runs), errors, next((r["error"] for r in runs if r["error"]), "")


def drain(side: Side, directory: str, count: int, writes: bool) -> Run:
    path = os.path.join(directory, "inbox.db")
    filled = side.run("receive", path, 8, 60, count)
    if filled["rows"] != count:
        raise RuntimeError(f"{side.name} stored {filled['rows']} of {count}: {filled['error']}")
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE app_rows (event_id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
    run = side.run("drain", path, count, int(writes), side.handlers)
    found = side.run("count", path)
    if found["handled"] != count or found["jobs"] != 0:
        raise RuntimeError(f"{side.name} drained {count} events, the file holds {found}")
    return count / run["seconds"], 0, ""


def rows_of(quick: bool) -> Dict[str, Callable[[Side, str], Run]]:
    seconds, events = (0.7, 400) if quick else (2.0, 2000)
    either = {
        "peer_receive_1": lambda side, at: receive(side, at, 1, seconds),
        "peer_receive_64": lambda side, at: receive(side, at, 64, seconds),
        "peer_drain": lambda side, at: drain(side, at, events, False),
        "peer_drain_write": lambda side, at: drain(side, at, events, True),
    }
    return {
        **either,
        "peer_handles_8_threads": lambda side, at: handles(side, at, 1, 8, seconds),
        "peer_handles_4_processes": lambda side, at: handles(side, at, 4, 2, seconds),
        **{name + FULL: work for name, work in either.items()},
    }


#: How the rows are named in which both sides wait for the disk at every commit.
FULL = "_full"


def require_full(side: Side, base: str) -> None:
    """The changed copy of the peer really commits at FULL: SQLite's own answer, asked in a handler."""
    directory = tempfile.mkdtemp(dir=base)
    level = side.run("synchronous", os.path.join(directory, "inbox.db"))["level"]
    shutil.rmtree(directory)
    if level != 2:
        raise RuntimeError(f"{side.name} was to commit at synchronous=FULL (2), but its connection says {level}")


#: What one caller's commit writes to the WAL: some 15 pages of 8 KiB.
COMMIT_BYTES = 120 * 1024


def fsync_seconds(directory: str) -> float:
    """The median time in which this disk makes one caller's commit durable."""
    took = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(60):
            file.seek(0)
            file.write(b"w" * COMMIT_BYTES)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return statistics.median(took)


def level(rate: float, fsync: float) -> float:
    """A rate of one caller without its waiting for the disk."""
    return 1 / max(1 / max(rate, 1e-9) - fsync, 1e-9)


def measure(sides: List[Side], work: Callable[[Side, str], Run], pairs: int, base: str) -> Dict[str, List[Run]]:
    runs: Dict[str, List[Run]] = {side.name: [] for side in sides}
    for pair in range(pairs):
        for side in sides if pair % 2 == 0 else reversed(sides):
            directory = tempfile.mkdtemp(dir=base)
            try:
                runs[side.name].append(work(side, directory))
            finally:
                shutil.rmtree(directory)
    return runs


def main() -> int:
    root, peer_python, peer_full = sys.argv[1:4]
    quick = "--quick" in sys.argv[4:]
    package = os.path.join(root, "bindings", "python", "src")
    defaults = [Side("ours", sys.executable, package, root), Side("peer", peer_python, "", root)]
    full = [Side("ours", sys.executable, package, root, "full"), Side("peer", peer_python, peer_full, root, "full")]
    base = tempfile.mkdtemp(dir=os.path.join(root, "build", "bench"), prefix="peers-")
    lines, behind, results = [], 0, {}
    try:
        for side in full:
            require_full(side, base)
        for name, work in rows_of(quick).items():
            runs = measure(full if name.endswith(FULL) else defaults, work, 3 if quick else 5, base)
            rates = {side: statistics.median(r[0] for r in found) for side, found in runs.items()}
            errors = {side: sum(r[1] for r in found) for side, found in runs.items()}
            ratio = statistics.median(a[0] / max(b[0], 1e-9) for a, b in zip(runs["ours"], runs["peer"]))
            first = next((r[2] for r in runs["peer"] if r[2]), "")
            results[name] = {"ratio": round(ratio, 3), "rates": rates, "errors": errors}
            line = f"{name} ratio={ratio:.2f} ours={rates['ours']:.0f}/s peer={rates['peer']:.0f}/s errors={errors['ours']}/{errors['peer']}"
            counts = ratio
            if name == "peer_receive_1":
                fsync = fsync_seconds(base)
                counts = statistics.median(level(a[0], fsync) / max(b[0], 1e-9) for a, b in zip(runs["ours"], runs["peer"]))
                results[name].update(level=round(counts, 3), fsync_ms=round(fsync * 1000, 3))
                line += f" level={counts:.2f} fsync_ms={fsync * 1000:.3f}"
            behind += counts < 1 or errors["ours"] > 0
            lines.append(line + (f" peer_error={first[:100]!r}" if first else ""))
            print(lines[-1], file=sys.stderr)
    finally:
        shutil.rmtree(base)
    print("receipts of ours are answered after an fsync (FULL), the peer's at NORMAL, and at FULL in the rows that end in _full\n")
    print("\n".join(lines))
    if not quick:
        report = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "rows": results}
        with open(os.path.join(root, "bench", "results", "peers.json"), "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.write("\n")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
