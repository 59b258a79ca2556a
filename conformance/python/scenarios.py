"""Run one scenario through the Python binding: see conformance/README.md."""

from __future__ import annotations

import base64
import shutil
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import binding
import knocker
from matching import match, shown

START = 1767225600
FILES = Path(__file__).resolve().parents[1] / "scenarios" / "files"
#: How long a query may be repeated until it fails, in seconds.
LONGEST = 10.0


class Differs(Exception):
    """A step that did not give what it should; the scenario ends."""


class Scenario:
    """One scenario that runs in an empty folder."""

    def __init__(self, folder: Path, verbose: bool) -> None:
        self.folder = folder
        self.verbose = verbose
        self.now: float = START
        self.inboxes: Dict[str, binding.Inbox] = {}
        self.clocked: List[str] = []
        self.saved: Dict[str, Any] = {}
        self.ran = 0
        self.differences: List[str] = []

    def run(self, steps: List[Dict[str, Any]]) -> List[str]:
        """Run the steps until one differs; answer the differences."""
        try:
            for number, step in enumerate(steps, 1):
                self.step(f"step {number}", step, self.do)
                if self.differences:  # of a handler
                    break
        except Differs:
            pass
        finally:
            for inbox in self.inboxes.values():
                self.close(inbox)
        return self.differences

    @staticmethod
    def close(inbox: binding.Inbox) -> None:
        """Close an inbox that a step may have closed already."""
        try:
            inbox.close()
        except knocker.ClosedError:
            return

    def step(self, where: str, raw: Dict[str, Any], do: Callable[[Dict[str, Any]], Any]) -> None:
        """Run one step and compare."""
        where = f"{where} ({' '.join(raw[name] for name in ('do', 'method') if name in raw)})"
        step = self.filled(raw)
        error = None
        got: Any = None
        try:
            got = do(step)
        except knocker.KnockerError as caught:
            error = caught
        except Exception as caught:  # a fault of the binding is a difference, too
            self.differs(f"{where}: {type(caught).__name__}: {caught}")
        if self.verbose:
            print(f"{shown(raw)}\n  -> {error or shown(got)}")
        if "error" in step:
            if error is None:
                self.differs(f"{where}: expected the error {shown(step['error'])}, got {shown(got)}")
                return
            want = {"code": step["error"]} if isinstance(step["error"], str) else step["error"]
            got = binding.plain_error(error)
            self.compare(where, want, got, f" ({error})")
        elif error is not None:
            self.differs(f"{where}: {error}")
        if "expect" in step:
            self.compare(where, step["expect"], got)
        for name, path in raw.get("save", {}).items():
            self.saved[name] = self.lookup(where, got, path)

    def compare(self, where: str, want: Any, got: Any, more: str = "") -> None:
        """Note the differences."""
        found = match("", want, got)
        if found:
            self.differs(f"{where}: {'; '.join(found)}{more}")

    def differs(self, text: str) -> None:
        """Note a difference and end."""
        self.differences.append(text)
        raise Differs(text)

    def filled(self, value: Any) -> Any:
        """Put what was saved in the place of "$name"."""
        if isinstance(value, str) and value.startswith("$"):
            if value.startswith("$folder/"):
                return str(self.folder / value[len("$folder/") :])
            return self.saved.get(value[1:], value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, dict):
            return {name: item if name == "handler" else self.filled(item) for name, item in value.items()}
        return value

    def lookup(self, where: str, value: Any, path: str) -> Any:
        """A part of a result."""
        for name in path.split(".") if path else []:
            try:
                value = value[int(name)] if isinstance(value, list) else value[name]
            except (KeyError, IndexError, TypeError, ValueError):
                self.differs(f"{where}: the result has no {path}")
        return value

    def do(self, step: Dict[str, Any]) -> Any:
        """Do what a step says, apart from those that only a handler can do."""
        name, do = step.get("inbox", "main"), step["do"]
        if do == "open":
            return self.open(name, step)
        if do in ("clock", "write_file"):
            return self.move_clock(step) if do == "clock" else self.write_file(step)
        if do == "call" and step["method"] in ("sign", "providers"):  # need no inbox
            return binding.call_alone(step["method"], step.get("request", {}))
        inbox = self.inboxes.get(name)
        if inbox is None:
            raise ValueError(f"no inbox {name} is open")
        return self.with_inbox(name, inbox, step)

    def with_inbox(self, name: str, inbox: binding.Inbox, step: Dict[str, Any]) -> Any:
        """Do a step on an inbox."""
        do = step["do"]
        if do == "call":
            return inbox.call(step["method"], step.get("request", {}))
        if do in ("receive", "ingest"):
            return self.receive(inbox, step)
        before = self.ran
        if do == "close":
            if name in self.clocked:
                self.clocked.remove(name)
            inbox.close()
        elif do == "handle":
            inbox.handle(step["endpoint"], step.get("event_type"), step.get("options", {}), self.handler(step["handler"]))
        elif do == "work":
            inbox.work(step.get("options", {}))
            return {"ran": self.ran - before}
        else:
            raise ValueError(f"there is no step {do}")
        return {}

    def open(self, name: str, step: Dict[str, Any]) -> Any:
        """Open an inbox."""
        options = dict(step.get("options", {}))
        real = options.pop("clock", None) == "real"
        if not real:
            options["clock"] = {"now_s": self.now}
        self.inboxes[name] = binding.Inbox(str(self.folder / step.get("file", "inbox.db")), options)
        if not real:
            self.clocked.append(name)
        return {}

    def move_clock(self, step: Dict[str, Any]) -> Any:
        """Move the scenario's clock."""
        self.now = step["set"] if "set" in step else self.now + step["advance"]
        for name in self.clocked:
            self.inboxes[name].call("set_clock", {"now_s": self.now})
        return {"now_s": self.now}

    def write_file(self, step: Dict[str, Any]) -> Any:
        """Write a file into the folder."""
        target = self.folder / step["file"]
        if "from" in step:
            shutil.copyfile(FILES / step["from"], target)
        else:
            target.write_text(step["text"], encoding="utf-8")
        return {}

    @staticmethod
    def receive(inbox: binding.Inbox, step: Dict[str, Any]) -> Any:
        """Store one request."""
        request = dict(step.get("request", {}))
        text, encoded = request.pop("body", ""), request.pop("body_base64", None)
        body: Any = base64.b64decode(encoded) if encoded is not None else text.encode("utf-8")
        repeat = request.pop("body_repeat", None)
        if repeat:
            body = (repeat["text"] * repeat["times"]).encode("utf-8")
        if "body_parsed" in request:
            body = request.pop("body_parsed")
        return inbox.receive(step["endpoint"], request, body, step["do"] == "ingest")

    def handler(self, steps: List[Dict[str, Any]]) -> Callable[[Any, binding.Tx], None]:
        """Make a handler."""
        runs = 0

        def handle(event: Any, tx: binding.Tx) -> None:
            nonlocal runs
            runs += 1
            self.ran += 1
            run = runs
            for number, raw in enumerate(steps, 1):
                if run > raw.get("until_run", run):
                    continue
                end = binding.ending(self.filled(raw))
                if end is not None:
                    raise end
                self.step(f"run {run} of a handler, step {number}", raw, lambda step: self.in_handler(step, event, tx))

        return handle

    def in_handler(self, step: Dict[str, Any], event: Any, tx: binding.Tx) -> Any:
        """Do a step of a handler."""
        if step["do"] == "event":
            return event
        if step["do"] == "execute":
            return tx.execute(step["sql"], step.get("params"))
        if step["do"] == "query":
            end = time.monotonic() + LONGEST
            while True:
                got = tx.query(step["sql"], step.get("params"))
                if not step.get("until_error") or time.monotonic() > end:
                    return got
        return self.do(step)
