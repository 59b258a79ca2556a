"""Operating an inbox: reads, actions, retention, backups, hooks."""

from __future__ import annotations

import os
from typing import Optional, Union

from knocker import _requests as requests
from knocker._acting import Acting
from knocker._many import ActingOnMany
from knocker._models import HookEvents
from knocker._reading import Reading
from knocker._retaining import Retaining

_Path = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]


class Operating(Reading, Acting, ActingOnMany, Retaining):
    """The part of an inbox for operators."""

    def backup(self, path: _Path) -> None:
        """Copy the database to ``path`` as it is at one moment, while receiving goes on.

        The copy is on disk when this returns; ``path`` never holds half of one,
        and an earlier file there is replaced. Raises ``invalid_argument`` for
        the inbox's own file, ``cannot_open``, ``storage_full``, ``storage_error``.
        """
        self._call(requests.backup(path))

    async def abackup(self, path: _Path) -> None:
        """Asynchronous ``backup``. Cancelling stops the waiting, not the copying."""
        await self._acall(requests.backup(path))

    def watch_hooks(self, limit: Optional[int] = None) -> None:
        """Start to collect what happens in this process, for metrics and tracing; ``poll_hooks`` takes it.

        ``limit``: how many are kept between two polls, 1 to 100,000; the oldest
        give way, counted as ``dropped``. Defaults to 1,024. Asked again, it
        starts anew. Raises ``invalid_argument``.
        """
        self._call(requests.watch_hooks(limit))

    async def awatch_hooks(self, limit: Optional[int] = None) -> None:
        """Asynchronous ``watch_hooks``."""
        await self._acall(requests.watch_hooks(limit))

    def poll_hooks(self, max: Optional[int] = None) -> HookEvents:
        """Take what has happened, oldest first; never waits.

        ``max``: how many at most. Defaults to 1,024. The list's ``dropped`` says
        how many were lost. Each is taken once: let one place of a program poll.
        Raises ``invalid_state`` before ``watch_hooks``.
        """
        return self._call(requests.poll_hooks(max))

    async def apoll_hooks(self, max: Optional[int] = None) -> HookEvents:
        """Asynchronous ``poll_hooks``."""
        return await self._acall(requests.poll_hooks(max))
