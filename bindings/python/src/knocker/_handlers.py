"""Handlers: the functions, by the number that the library knows each by."""

from __future__ import annotations

import inspect
import os
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Dict, Tuple, TypeVar, Union

from knocker._models import Event
from knocker.errors import InvalidArgumentError

# The second argument is a Tx or AsyncTx, or what the inbox was attached to.
SyncHandler = Callable[[Event, Any], Any]
AsyncHandler = Callable[[Event, Any], Awaitable[Any]]
Handler = Union[SyncHandler, AsyncHandler]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Registered:
    """One function and how to call it."""

    function: Callable[..., Any]
    is_async: bool
    name: str


class Registry:
    """The functions of all inboxes that this process has open on one file.

    The library shares one engine, handlers included, between them; so any
    worker can be handed an event of any of them.
    """

    def __init__(self) -> None:
        self.functions: Dict[int, Registered] = {}
        #: Whether an ``async def`` handler was ever added.
        self.has_async = False
        #: The handlers that run on connections of the application's: see knocker._transport.
        self.handling: Dict[int, Any] = {}

    def put(self, number: int, registered: Registered) -> None:
        """Remember a function."""
        self.functions[number] = registered
        self.has_async = self.has_async or registered.is_async

    def drop(self, number: int) -> None:
        """Forget a function."""
        self.functions.pop(number, None)


_registries: weakref.WeakValueDictionary[Tuple[Any, ...], Registry] = weakref.WeakValueDictionary()
# Only taken after the library has opened a file, which a forked child never reaches.
_registries_lock = threading.Lock()

#: Two interpreters in one process share the library, not their functions.
SCOPE = f"python:{id(_registries):x}"


def registry_of(path: str) -> Registry:
    """The registry of an open file; databases without a file share one."""
    try:
        status = os.stat(path)
        key: Tuple[Any, ...] = (status.st_dev, status.st_ino)
    except OSError:
        key = (path and os.path.realpath(path),)
    with _registries_lock:
        registry = _registries.get(key)
        if registry is None:
            registry = _registries[key] = Registry()
        return registry


def registered(function: Any) -> Registered:
    """Look at a handler once, when it is added."""
    if not callable(function):
        raise InvalidArgumentError(f"A handler is a function of (event, tx), not {type(function).__name__}.")
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return Registered(function=function, is_async=_is_async(function), name=name)


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
