"""How a handler's run ended, and the exceptions by which a handler says so itself."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Dict, Optional

from knocker._errors import KnockerError

logger = logging.getLogger("knocker")
# Without this, Python prints warnings to stderr in a process that has not set up logging.
logger.addHandler(logging.NullHandler())

HANDLED: Dict[str, Any] = {"kind": "handled"}
GIVE_BACK: Dict[str, Any] = {"kind": "give_back"}


class HandlerSignal(Exception):
    """What a handler raises to choose its own outcome. Its writes are rolled back."""

    def outcome(self) -> Dict[str, Any]:
        """The outcome in the library's words."""
        raise NotImplementedError


class RetryAfter(HandlerSignal):
    """Failed; try again after this many seconds instead of after the usual backoff."""

    def __init__(self, seconds: float, message: str = "") -> None:
        self.seconds = seconds
        self.message = message or f"try again after {seconds} s"
        super().__init__(self.message)

    def outcome(self) -> Dict[str, Any]:
        """The outcome in the library's words."""
        error = {"type": "RetryAfter", "message": self.message}
        return {"kind": "retry_after", "seconds": self.seconds, "error": error}


class Discard(HandlerSignal):
    """Never try again: the event is dead at once."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason or "discarded by its handler"
        super().__init__(self.reason)

    def outcome(self) -> Dict[str, Any]:
        """The outcome in the library's words."""
        return {"kind": "discard", "reason": self.reason}


class Ignore(HandlerSignal):
    """The event concerns nobody: it is ignored and can be pruned."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason or "ignored by its handler"
        super().__init__(self.reason)

    def outcome(self) -> Dict[str, Any]:
        """The outcome in the library's words."""
        return {"kind": "ignore", "reason": self.reason}


def outcome_of(error: Optional[BaseException], cut_off: bool = False) -> Dict[str, Any]:
    """The outcome of a handler that raised, or that returned (None).

    ``cut_off``: the worker itself cancelled the handler, so the run counts for nothing.
    """
    if error is None:
        return HANDLED
    if isinstance(error, HandlerSignal):
        return error.outcome()
    if isinstance(error, asyncio.CancelledError):
        return GIVE_BACK if cut_off else _failed(error)
    if isinstance(error, Exception):
        return _failed(error)
    return GIVE_BACK  # KeyboardInterrupt, SystemExit: the process ends, not the event


def _failed(error: BaseException) -> Dict[str, Any]:
    described = {"type": type_name(error), "message": message_of(error)}
    if isinstance(error, KnockerError):
        described["code"] = error.code
        described["message"] = error.message
    return {"kind": "failed", "error": described}


def type_name(value: object) -> str:
    """The class of an error or of another object, with its module unless it is a builtin."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """What an error says, also where its __str__ raises."""
    try:
        return str(error)
    except Exception:
        return f"({type(error).__qualname__} without a readable message)"
