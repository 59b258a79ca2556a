"""The shared library: found and loaded at the first use, called with JSON.

Nothing here holds a lock. A forked child must always get as far as the
library's own answer ("forked"), and a lock that another thread held at the
moment of the fork would stop it. Loading twice at once is harmless: the system
loads a file once.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import platform
import sys
from pathlib import Path
from typing import Any, List, Mapping, Optional, Protocol, Sequence

from knocker._encoding import encode
from knocker._errors import error_from_reply
from knocker.errors import UnsupportedPlatformError

ABI_VERSION = 1

#: How far above this file a checkout's root is: <root>/bindings/python/src/knocker.
_DEPTH = 4

_HANDLE = ctypes.c_uint64
_TEXT = (ctypes.c_char_p, ctypes.c_size_t)
_RAW = (ctypes.c_void_p, ctypes.c_size_t)
_BLOBS = (ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t), ctypes.c_size_t)


class _Reply(ctypes.c_char_p):
    """A reply. ctypes turns a plain c_char_p into bytes at once, and its address, which is to be freed, is lost."""


_SIGNATURES: Mapping[str, Sequence[Any]] = {
    "knocker_open_json": _TEXT,
    "knocker_host_sqlite_json": _TEXT,
    "knocker_close_json": (_HANDLE,),
    "knocker_call_json": (_HANDLE, ctypes.c_char_p, *_TEXT),
    "knocker_receive_json": (_HANDLE, *_TEXT, *_RAW),
    "knocker_receive_start_json": (_HANDLE, *_TEXT, *_RAW),
    "knocker_receive_poll_json": (_HANDLE, *_TEXT),
    "knocker_receive_cancel_json": (_HANDLE, *_TEXT),
    "knocker_worker_open_json": (_HANDLE, *_TEXT),
    "knocker_worker_step": (_HANDLE, *_TEXT),
    "knocker_worker_stop_json": (_HANDLE, *_TEXT),
    "knocker_worker_close_json": (_HANDLE,),
    "knocker_tx_json": (_HANDLE, *_TEXT, *_BLOBS),
}


class Transport(Protocol):
    """How the calls of an inbox get to the library: by its C functions, or by SQL."""

    def call(self, db: int, method: str, request: Mapping[str, Any]) -> Any:
        """Call an endpoint, read or action method by its name."""

    def receive(self, db: int, text: bytes, body: bytes) -> bytes:
        """Take in one request, encoded already; answers the reply's text."""

    def close(self, db: int) -> Any:
        """Close an inbox."""

    def release(self, handle: int) -> None:
        """Give a handle up without waiting."""


class Library:
    """The functions of knocker.h, taking and giving Python values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._dll = _load(path)
        for name, arguments in _SIGNATURES.items():
            function = getattr(self._dll, name)
            function.argtypes = list(arguments)
            function.restype = _Reply
        self._receive = self._dll.knocker_receive_json
        # PyDLL keeps the interpreter lock: freeing never waits, and to give
        # the lock up and queue for it again costs far more than the call.
        self._free = ctypes.PyDLL(str(path)).knocker_free
        self._free.argtypes = [_Reply]
        self._free.restype = None
        self._release = self._dll.knocker_release
        self._release.argtypes = [_HANDLE]
        self._release.restype = None

    def open(self, request: Mapping[str, Any]) -> Any:
        """Open an inbox."""
        text = encode(request)
        return self._answer(self._dll.knocker_open_json(text, len(text)))

    def host_sqlite(self, request: Mapping[str, Any]) -> Any:
        """Find the host's SQLite, for the engine "host"."""
        text = encode(request)
        return self._answer(self._dll.knocker_host_sqlite_json(text, len(text)))

    def close(self, db: int) -> Any:
        """Close an inbox."""
        return self._answer(self._dll.knocker_close_json(db))

    def call(self, db: int, method: str, request: Mapping[str, Any]) -> Any:
        """Call an endpoint, read or action method by its name."""
        text = encode(request)
        return self._answer(self._dll.knocker_call_json(db, method.encode(), text, len(text)))

    def receive(self, db: int, text: bytes, body: bytes) -> bytes:
        """Take in one request, encoded already, and wait until it is on disk; answers the reply's text."""
        return self._text(self._receive(db, text, len(text), body, len(body)))

    def receive_start(self, db: int, text: bytes, body: bytes) -> int:
        """Take in one request without waiting; answers its ticket."""
        return int(self._answer(self._dll.knocker_receive_start_json(db, text, len(text), body, len(body)))["ticket"])

    def receive_poll(self, db: int) -> List[Any]:
        """Answer the tickets that are done."""
        completed: List[Any] = self._answer(self._dll.knocker_receive_poll_json(db, None, 0))["completed"]
        return completed

    def receive_cancel(self, db: int, ticket: int) -> bool:
        """Give a ticket up; False when its outcome still comes."""
        text = encode({"ticket": ticket})
        return bool(self._answer(self._dll.knocker_receive_cancel_json(db, text, len(text)))["cancelled"])

    def worker_open(self, db: int, request: Mapping[str, Any]) -> Any:
        """Open a worker."""
        text = encode(request)
        return self._answer(self._dll.knocker_worker_open_json(db, text, len(text)))

    def worker_step(self, worker: int, request: Mapping[str, Any]) -> Any:
        """End a step, wait for the next one, or both."""
        text = encode(request)
        return self._answer(self._dll.knocker_worker_step(worker, text, len(text)))

    def worker_stop(self, worker: int, deadline_ms: Optional[int]) -> Any:
        """Stop a worker; waits until its steps are over, at most until the deadline."""
        text = encode({"deadline_ms": deadline_ms})
        return self._answer(self._dll.knocker_worker_stop_json(worker, text, len(text)))

    def worker_close(self, worker: int) -> Any:
        """Close a worker."""
        return self._answer(self._dll.knocker_worker_close_json(worker))

    def tx(self, step: int, request: Mapping[str, Any], blobs: Sequence[bytes]) -> Any:
        """Run one operation in a step's transaction."""
        text = encode(request)
        count = len(blobs)
        pointers = (ctypes.c_void_p * count)(*(ctypes.cast(ctypes.c_char_p(blob), ctypes.c_void_p) for blob in blobs))
        lengths = (ctypes.c_size_t * count)(*(len(blob) for blob in blobs))
        return self._answer(self._dll.knocker_tx_json(step, text, len(text), pointers, lengths, count))

    def release(self, handle: int) -> None:
        """Give a handle up without waiting."""
        self._release(handle)

    def _answer(self, reply: _Reply) -> Any:
        return answer(self._text(reply))

    def _text(self, reply: _Reply) -> bytes:
        text = reply.value
        if text is None:
            raise MemoryError("the library had no memory for its reply")
        self._free(reply)
        return text


def answer(text: bytes) -> Any:
    """What a reply says; raises the error that it tells."""
    reply, _ = _decode(text.decode("utf-8"))
    if "error" in reply:
        raise error_from_reply(reply["error"])
    return reply["ok"]


def milliseconds(seconds: Optional[float]) -> Optional[int]:
    """Seconds as whole milliseconds."""
    return None if seconds is None else max(0, math.ceil(seconds * 1000))


# json.loads looks for the encoding and for spaces, of which a reply has none.
_decode = json.JSONDecoder().raw_decode

_loaded: Optional[Library] = None


def library() -> Library:
    """The library, loaded at the first call."""
    global _loaded
    if _loaded is None:
        _loaded = Library(find())
    return _loaded


def file_name() -> str:
    """The library's file name on this system."""
    if sys.platform == "darwin":
        return "libknocker.dylib"
    if sys.platform == "win32":
        return "libknocker.dll"
    return "libknocker.so"


def find() -> Path:
    """The library that the package carries, else the one that a checkout has built."""
    here = Path(__file__).resolve()
    packaged = here.parent / "_lib" / file_name()
    if packaged.is_file():
        return packaged
    checkout = here.parents[-1] if len(here.parents) <= _DEPTH else here.parents[_DEPTH]
    built = checkout / "build" / file_name()
    if (checkout / "capi" / "knocker.h").is_file() and built.is_file():
        return built
    raise UnsupportedPlatformError(
        f"This installation of knocker has no {file_name()} for {sys.platform} ({platform.machine()}). Install a wheel "
        f"made for this platform; in a checkout run `make lib`. Looked at {packaged}."
    )


def refuse_platform() -> None:
    """Refuse a system that the library can't run on, whoever loads it."""
    if sys.platform.startswith("linux") and not _has_glibc():
        raise UnsupportedPlatformError(
            "The library needs glibc, and this system's C library is another one (Alpine's musl, for example). "
            "Use an image based on glibc, such as python:3-slim."
        )


def _load(path: Path) -> ctypes.CDLL:
    refuse_platform()
    try:
        dll = ctypes.CDLL(str(path))
        version = int(dll.knocker_abi_version())
    except (OSError, AttributeError) as error:
        raise UnsupportedPlatformError(
            f"The library {path} can't be loaded here: {error}. Install a wheel made for this platform."
        ) from error
    if version != ABI_VERSION:
        raise UnsupportedPlatformError(
            f"The library {path} has interface version {version} and this package needs {ABI_VERSION}: "
            "both have to come from one release."
        )
    return dll


def _has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError, AttributeError):
        return False
