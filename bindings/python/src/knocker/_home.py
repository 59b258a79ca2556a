"""Which thread or event loop a call must not block for ever.

The number tells the library whose transaction it must never wait for: see
"would_deadlock". A thread is its number, a loop is its address marked by
a high bit, so the two never meet, and nothing has to be remembered or locked.
"""

from __future__ import annotations

import asyncio
import threading

_LOOP_MARK = 1 << 52
_ADDRESS_MASK = (1 << 51) - 1


def loop_home(loop: asyncio.AbstractEventLoop) -> int:
    """The home of everything that runs on an event loop."""
    return _LOOP_MARK | (id(loop) >> 3 & _ADDRESS_MASK)


def thread_home() -> int:
    """The home of the calling thread."""
    return threading.get_ident() & _ADDRESS_MASK or 1


def current_home() -> int:
    """The home of the caller: its running event loop's, else its thread's."""
    loop = asyncio._get_running_loop()  # get_running_loop would raise, which costs every plain thread
    return thread_home() if loop is None else loop_home(loop)
