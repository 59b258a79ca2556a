"""Reads and actions, each with its asynchronous twin."""

from __future__ import annotations

import os
from typing import Any, Iterable, Optional, Tuple, Union

from knocker import _requests as requests
from knocker._arguments import Moment
from knocker._connection import Connection
from knocker._models import Attempt, Delivery, EndpointInfo, Event, HookEvents, Page, PruneResult, Stats

_Path = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]


class Operating(Connection):
    """The part of an inbox for operators. Each method is one transaction."""

    def get_event(self, event_id: int) -> Event:
        """Read an event with its body. Raises ``not_found``."""
        return self._call(requests.get_event(event_id))

    async def aget_event(self, event_id: int) -> Event:
        """Asynchronous ``get_event``."""
        return await self._acall(requests.get_event(event_id))

    def get_delivery(self, delivery_id: int) -> Delivery:
        """Read a delivery with its body. Raises ``not_found``."""
        return self._call(requests.get_delivery(delivery_id))

    async def aget_delivery(self, delivery_id: int) -> Delivery:
        """Asynchronous ``get_delivery``."""
        return await self._acall(requests.get_delivery(delivery_id))

    def list_events(
        self,
        *,
        status: Optional[str] = None,
        endpoint: Optional[str] = None,
        event_type: Optional[str] = None,
        dedupe_key: Optional[str] = None,
        since: Optional[int] = None,
        until: Optional[int] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        bodies: Optional[bool] = None,
    ) -> Page[Event]:
        """List events, newest first.

        ``event_type``: exact, or a prefix such as "invoice.*". ``since``
        (inclusive) and ``until`` (exclusive): Unix seconds. ``limit``: 1 to
        1,000, defaults to 100. ``cursor``: of the page before. ``bodies``: with
        the bodies; defaults to False.
        """
        filters = {name: value for name, value in locals().items() if name != "self"}
        return self._call(requests.list_events(filters))

    async def alist_events(self, **filters: Any) -> Page[Event]:
        """Asynchronous ``list_events``."""
        return await self._acall(requests.list_events(filters))

    def list_deliveries(
        self,
        *,
        event_id: Optional[int] = None,
        endpoint: Optional[str] = None,
        signature_valid: Optional[bool] = None,
        orphaned: Optional[bool] = None,
        since: Optional[int] = None,
        until: Optional[int] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        bodies: Optional[bool] = None,
    ) -> Page[Delivery]:
        """List deliveries, newest first.

        ``orphaned``: with (False) or without (True) an event.
        ``signature_valid=False`` also matches "unknown". The rest as for ``list_events``.
        """
        filters = {name: value for name, value in locals().items() if name != "self"}
        return self._call(requests.list_deliveries(filters))

    async def alist_deliveries(self, **filters: Any) -> Page[Delivery]:
        """Asynchronous ``list_deliveries``."""
        return await self._acall(requests.list_deliveries(filters))

    def list_attempts(self, event_id: int) -> Tuple[Attempt, ...]:
        """List the runs of an event's handlers, oldest first."""
        return self._call(requests.list_attempts(event_id))

    async def alist_attempts(self, event_id: int) -> Tuple[Attempt, ...]:
        """Asynchronous ``list_attempts``."""
        return await self._acall(requests.list_attempts(event_id))

    def list_endpoints(self, *, limit: Optional[int] = None, cursor: Optional[str] = None) -> Page[EndpointInfo]:
        """List endpoints by name."""
        return self._call(requests.list_endpoints(limit, cursor))

    async def alist_endpoints(self, **filters: Any) -> Page[EndpointInfo]:
        """Asynchronous ``list_endpoints``."""
        return await self._acall(requests.list_endpoints(filters.pop("limit", None), filters.pop("cursor", None)))

    def get_endpoint(self, name: str) -> EndpointInfo:
        """Read an endpoint. Raises ``unknown_endpoint``."""
        return self._call(requests.by_name("get_endpoint", name))

    async def aget_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``get_endpoint``."""
        return await self._acall(requests.by_name("get_endpoint", name))

    def enable_endpoint(self, name: str) -> EndpointInfo:
        """Let an endpoint receive again."""
        return self._call(requests.by_name("enable_endpoint", name))

    async def aenable_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``enable_endpoint``."""
        return await self._acall(requests.by_name("enable_endpoint", name))

    def disable_endpoint(self, name: str) -> EndpointInfo:
        """Refuse what comes for an endpoint, with ``endpoint_disabled``."""
        return self._call(requests.by_name("disable_endpoint", name))

    async def adisable_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``disable_endpoint``."""
        return await self._acall(requests.by_name("disable_endpoint", name))

    def remove_endpoint(self, name: str, *, prune: bool = False) -> None:
        """Remove an endpoint. Raises ``not_empty`` while it has events, unless ``prune`` removes these too."""
        self._call(requests.remove_endpoint(name, prune))

    async def aremove_endpoint(self, name: str, *, prune: bool = False) -> None:
        """Asynchronous ``remove_endpoint``."""
        await self._acall(requests.remove_endpoint(name, prune))

    def stats(self) -> Stats:
        """Count what is in the file and what this process did."""
        return self._call(requests.stats())

    async def astats(self) -> Stats:
        """Asynchronous ``stats``."""
        return await self._acall(requests.stats())

    def ignore(self, event_id: int) -> int:
        """Let no handler run for an event. Raises ``not_found``, ``invalid_state``. Returns the event's id."""
        return self._call(requests.event_action("ignore", event_id))

    async def aignore(self, event_id: int) -> int:
        """Asynchronous ``ignore``."""
        return await self._acall(requests.event_action("ignore", event_id))

    def replay(self, event_id: int) -> int:
        """Run an event again that is over. Raises ``not_found``, ``invalid_state``. Returns the event's id."""
        return self._call(requests.event_action("replay", event_id))

    async def areplay(self, event_id: int) -> int:
        """Asynchronous ``replay``."""
        return await self._acall(requests.event_action("replay", event_id))

    def requeue(self, event_id: int) -> int:
        """Run an event that was not handled. Raises ``not_found``, ``invalid_state``. Returns the event's id."""
        return self._call(requests.event_action("requeue", event_id))

    async def arequeue(self, event_id: int) -> int:
        """Asynchronous ``requeue``."""
        return await self._acall(requests.event_action("requeue", event_id))

    def replay_delivery(self, delivery_id: int, *, event_id: Optional[int] = None) -> int:
        """Run a delivery's event again, with this delivery's body, headers and query. Returns the event's id.

        ``event_id``: which event of a batch. Defaults to the delivery's first.
        Raises ``not_found``, ``invalid_state``, and ``not_linked`` where the
        delivery has no event or not this one.
        """
        return self._call(requests.replay_delivery(delivery_id, event_id))

    async def areplay_delivery(self, delivery_id: int, *, event_id: Optional[int] = None) -> int:
        """Asynchronous ``replay_delivery``."""
        return await self._acall(requests.replay_delivery(delivery_id, event_id))

    def prune_events(
        self,
        older_than: Moment,
        *,
        statuses: Optional[Iterable[str]] = None,
        limit: Optional[int] = None,
        force: bool = False,
    ) -> PruneResult:
        """Remove the oldest events that are over, with their attempts and deliveries. Each call is audited.

        * ``older_than``: Unix seconds or an aware datetime; events received
          strictly before it.
        * ``statuses``: "handled", "ignored". Defaults to both.
        * ``limit``: 1 to 1,000 events a call. Defaults to 1,000.
        * ``force``: allows a cutoff younger than 8 days. Defaults to False:
          pruning forgets identities, so a sender's retry would run again.

        Raises ``invalid_argument``.
        """
        return self._call(requests.prune_events(older_than, statuses, limit, force))

    async def aprune_events(
        self,
        older_than: Moment,
        *,
        statuses: Optional[Iterable[str]] = None,
        limit: Optional[int] = None,
        force: bool = False,
    ) -> PruneResult:
        """Asynchronous ``prune_events``."""
        return await self._acall(requests.prune_events(older_than, statuses, limit, force))

    def prune_orphan_deliveries(self, older_than: Moment, *, limit: Optional[int] = None) -> PruneResult:
        """Remove the oldest deliveries without an event: refused requests, handshakes. Each call is audited.

        ``older_than``: Unix seconds or an aware datetime; those received
        strictly before it. ``limit``: 1 to 1,000, defaults to 1,000. Of the
        result only ``deliveries_pruned`` can be above 0. Raises ``invalid_argument``.
        """
        return self._call(requests.prune_orphan_deliveries(older_than, limit))

    async def aprune_orphan_deliveries(self, older_than: Moment, *, limit: Optional[int] = None) -> PruneResult:
        """Asynchronous ``prune_orphan_deliveries``."""
        return await self._acall(requests.prune_orphan_deliveries(older_than, limit))

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
