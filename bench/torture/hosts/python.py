"""The torture's Python program: Python's own sqlite3 beside Knocker's.

Called by the torture command as ``python.py ROLE path journal_mode writer deadline``.
"""

from __future__ import annotations

import os
import pathlib
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

FILLER = bytes(300)
BACK = 10


def say(*words: object) -> None:
    # One write a line: the threads share the pipe, and a kill must not cut it.
    os.write(1, (" ".join(str(word).replace("\n", " ") for word in words) + "\n").encode())


class HostWriter:
    """Writes through Python's sqlite3, on one connection or on a new one every few transactions."""

    def __init__(self, path: str, mode: str, name: str, deadline: float, reopen: bool) -> None:
        self.path, self.mode, self.name, self.deadline, self.reopen = path, mode, name, deadline, reopen

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        connection.execute("PRAGMA synchronous=" + ("OFF" if self.mode == "delete" else "NORMAL"))
        return connection

    def run(self) -> None:
        connection, n = None, 1
        while time.time() < self.deadline:
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


class KnockerWriter:
    """Receives on some threads and handles on one; opens the inbox again and again if told to."""

    def __init__(self, path: str, mode: str, name: str, deadline: float, reopen: bool) -> None:
        self.path, self.mode, self.name, self.deadline, self.reopen = path, mode, name, deadline, reopen

    def run(self) -> None:
        generation = 0
        while time.time() < self.deadline:
            limit = min(self.deadline, time.time() + 0.7) if self.reopen else self.deadline
            try:
                self.use_inbox(f"{self.name}.g{generation}", limit)
            except Exception as error:
                say("error", self.name, type(error).__name__, error)
                time.sleep(0.005)
            generation += 1

    def use_inbox(self, name: str, limit: float) -> None:
        inbox = knocker.open(
            self.path,
            journal_mode="keep" if self.mode == "delete" else "wal",
            busy_timeout_ms=20_000,
            receive_timeout_ms=20_000,
            max_transaction_s=20,
        )
        try:
            endpoint = inbox.endpoint("torture", provider="token-header", secrets="token")

            @endpoint.handle
            def handle(event: knocker.Event, tx: knocker.Transaction) -> None:
                tx.execute("INSERT INTO handled VALUES(?)", (event.id,))
                tx.execute("UPDATE total SET n = n + 1")

            threads = [
                threading.Thread(target=self.receive, args=(endpoint, f"{name}.{i}", limit)) for i in range(2)
            ]
            for thread in threads:
                thread.start()
            self.handle(inbox, limit)
            for thread in threads:
                thread.join()
        finally:
            inbox.close()

    def receive(self, endpoint: knocker.Endpoint, name: str, limit: float) -> None:
        n = 1
        while time.time() < limit:
            try:
                result = endpoint.receive(
                    b'{"type":"torture"}', headers={"X-Knocker-Token": "token"}, dedupe_key=f"{name} {n}"
                )
            except knocker.KnockerError as error:
                if error.code != "busy":
                    say("error", "receive", name, error.code, error)
                    time.sleep(0.001)
                continue
            if result.status_code != 204:
                say("error", "receive", name, result.status_code, result.reason)
                return
            if not result.duplicate:  # else stored by a call that answered busy: fine too
                say("commit", name, n)
            n += 1

    def handle(self, inbox: knocker.Inbox, limit: float) -> None:
        while time.time() < limit:
            try:
                finished = inbox.run_worker_once()
            except knocker.KnockerError as error:
                if error.code != "busy":
                    say("error", "worker", error.code, error)
                time.sleep(0.001)
                continue
            if finished is None:
                time.sleep(0.005)
            elif finished.status == "handled":
                say("handled", finished.event_id)
            else:
                say("error", "worker", finished)


def count_descriptors(deadline: float) -> None:
    """Sample the process with both copies, when each thread has had the time to open its files."""
    time.sleep(max(0.0, (deadline - time.time()) / 4))
    while time.time() < deadline - 0.1:
        say("fds", len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd")))
        time.sleep(0.05)


def main() -> None:
    role, path, mode, name, deadline_text = sys.argv[1:]
    deadline = float(deadline_text)
    writers = []
    if role != "host":
        writers.append(KnockerWriter(path, mode, f"{name}.knocker0", deadline, reopen=role == "embedded"))
    if role == "host":
        writers.append(HostWriter(path, mode, f"{name}.host0", deadline, reopen=True))
    if role == "main":
        writers.append(HostWriter(path, mode, f"{name}.host1", deadline, reopen=False))
        writers.append(HostWriter(path, mode, f"{name}.host2", deadline, reopen=True))
    threads = [threading.Thread(target=writer.run) for writer in writers]
    if role == "main":
        threads.append(threading.Thread(target=count_descriptors, args=(deadline,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
