"""The torture's Python program: Python's own sqlite3 beside Knocker's.

Called by the torture command as ``python.py ROLE path journal_mode writer``; runs
until its standard input ends.
"""

from __future__ import annotations

import os
import pathlib
import queue
import sqlite3
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bindings" / "python" / "src"))

import knocker  # noqa: E402

if "TORTURE_LIBRARY" in os.environ:  # the build that can leave the cure out
    from knocker import _library

    _library.find = lambda: pathlib.Path(os.environ["TORTURE_LIBRARY"])

STOP = threading.Event()
#: Of the process with both. Every other further process has the embedded one, as several processes may well differ.
ENGINE = os.environ["TORTURE_ENGINE"]
FILLER = bytes(300)
BACK = 10


def say(*words: object) -> None:
    """Print a line, in one write: the threads share the pipe, and a kill must not cut it."""
    os.write(1, (" ".join(str(word).replace("\n", " ") for word in words) + "\n").encode())


class HostWriter:
    """Writes through Python's sqlite3, on one connection or on a new one every few transactions."""

    def __init__(self, path: str, mode: str, name: str, reopen: bool) -> None:
        self.path, self.mode, self.name, self.reopen = path, mode, name, reopen

    def connect(self) -> sqlite3.Connection:
        """Open a connection."""
        connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        connection.execute("PRAGMA synchronous=" + ("OFF" if self.mode == "delete" else "NORMAL"))
        return connection

    def run(self) -> None:
        """Write until the torture stops."""
        connection, n = None, 1
        while not STOP.is_set():
            try:
                if connection is None:
                    connection = self.connect()
                self.transaction(connection, n)
                say("commit", self.name, n)
                n += 1
            except sqlite3.OperationalError as error:
                if str(error) != "database is locked":
                    say("error", self.name, error)
                    time.sleep(0.001)
            except sqlite3.Error as error:
                say("error", self.name, type(error).__name__, error)
                time.sleep(0.001)
            if connection is not None and self.reopen and n % 5 == 0:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def transaction(self, connection: sqlite3.Connection, n: int) -> None:
        """Write row ``n``; what this writer wrote before must be there."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("INSERT INTO entry VALUES(?,?,?)", (self.name, n, FILLER))
            connection.execute("UPDATE total SET n = n + 1")
            query = "SELECT count(*) FROM entry WHERE writer = ? AND n > ?"
            (seen,) = connection.execute(query, (self.name, n - BACK)).fetchone()
            if seen != min(n, BACK):
                raise sqlite3.DatabaseError(f"{seen} of the last {min(n, BACK)} rows are there before commit")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


class Over:
    """Set when the torture stops, or when this inbox's time is up."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def is_set(self) -> bool:
        """Whether to end."""
        return STOP.is_set() or time.monotonic() >= self.limit


class KnockerWriter:
    """Receives on some threads and handles on one; opens the inbox again and again if told to."""

    def __init__(self, path: str, mode: str, name: str, reopen: bool) -> None:
        self.path, self.mode, self.name, self.reopen = path, mode, name, reopen

    def run(self) -> None:
        """Use one inbox after another until the torture stops."""
        generation = 0
        while not STOP.is_set():
            limit = time.monotonic() + (0.7 if self.reopen else 3600)
            try:
                self.use_inbox(f"{self.name}.g{generation}", limit)
            except Exception as error:
                say("error", self.name, type(error).__name__, error)
                time.sleep(0.005)
            generation += 1

    def use_inbox(self, name: str, limit: float) -> None:
        """Receive and handle until the limit."""
        inbox = knocker.open(
            self.path,
            journal_mode="keep" if self.mode == "delete" else "wal",
            engine=ENGINE if not self.reopen or os.getpid() % 2 else "embedded",
            busy_timeout_ms=20_000,
            receive_timeout_ms=20_000,
            max_transaction_s=20,
        )
        try:
            endpoint = inbox.endpoint("torture", provider="token-header", secrets="token")
            begun: queue.SimpleQueue[int] = queue.SimpleQueue()

            @endpoint.handle()
            def handle(event: knocker.Event, tx: knocker.Tx) -> None:
                tx.execute("INSERT INTO handled VALUES(?)", (event.id,))
                tx.execute("UPDATE total SET n = n + 1")
                begun.put(event.id)

            over = Over(limit)
            threads = [threading.Thread(target=self.receive, args=(endpoint, f"{name}.{i}", over)) for i in range(2)]
            threads.append(threading.Thread(target=self.confirm, args=(inbox, begun, over)))
            for thread in threads:
                thread.start()
            inbox.run_worker(stop_event=over)
            for thread in threads:
                thread.join()
        finally:
            inbox.close()

    def confirm(self, inbox: knocker.Knocker, begun: queue.SimpleQueue[int], over: Over) -> None:
        """Report the events of whose commit a read knows."""
        while not over.is_set() or not begun.empty():
            try:
                event = begun.get(timeout=0.05)
            except queue.Empty:
                continue
            try:
                status = inbox.get_event(event).status
            except knocker.KnockerError as error:
                if error.code != "busy":
                    say("error", "get_event", error.code, error)
                continue
            if status == "handled":
                say("handled", event)
            elif not over.is_set():
                begun.put(event)  # its commit is under way, or it runs once more
                time.sleep(0.002)

    def receive(self, endpoint: knocker.Endpoint, name: str, over: Over) -> None:
        """Receive one event after the other."""
        n = 1
        while not over.is_set():
            try:
                result = endpoint.receive(b'{"type":"torture"}', headers={"X-Knocker-Token": "token"}, dedupe_key=f"{name} {n}")
            except knocker.KnockerError as error:
                if error.code != "busy":
                    say("error", "receive", name, error.code, error)
                    time.sleep(0.001)
                if error.code == "closed":
                    return
                continue
            if result.status_code != 204:
                say("error", "receive", name, result.status_code, result.reason)
                return
            if not result.duplicate:  # else stored by a call that answered busy: fine too
                say("commit", name, n)
            n += 1


def count_descriptors() -> None:
    """Sample the process with both copies."""
    while not STOP.wait(0.05):
        say("fds", len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd")))


def main() -> None:
    """Play the role until the standard input ends."""
    role, path, mode, name = sys.argv[1:]
    work = []
    if role != "host":
        work.append(KnockerWriter(path, mode, f"{name}.knocker0", reopen=role == "embedded").run)
    if role == "host":
        work.append(HostWriter(path, mode, f"{name}.host0", reopen=True).run)
    if role == "main":
        work.append(HostWriter(path, mode, f"{name}.host1", reopen=False).run)
        work.append(HostWriter(path, mode, f"{name}.host2", reopen=True).run)
        work.append(count_descriptors)
    threads = [threading.Thread(target=run) for run in work]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    STOP.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
