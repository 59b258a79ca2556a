"""Reads, each with its asynchronous twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Dict, Iterator, Mapping, Optional, Tuple, TypeVar

from knocker import _requests as requests
from knocker._arguments import UNSET, Moment, Secrets
from knocker._connection import Connection
from knocker._filters import DeliveryFilter, EventFilter, Texts
from knocker._models import Attempt, Delivery, EndpointInfo, Event, Page, Stats
from knocker._operating_models import Check, EndpointStats, Explanation, RunningJob

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class Reading(Connection):
    """The part of an inbox that answers what has happened. Nothing here waits for the writer."""

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
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        bodies: Optional[bool] = None,
        **filter: Unpack[EventFilter],
    ) -> Page[Event]:
        """List events, newest first, one page of them.

        * The filter's fields are keywords: see :class:`EventFilter`.
        * ``limit``: 1 to 1,000. Defaults to 100. ``cursor``: of the page before.
        * ``bodies``: with the bodies. Defaults to False.

        Raises ``invalid_argument``, ``unknown_endpoint``.
        """
        return self._call(requests.list_events(_page(limit, cursor, bodies), filter))

    async def alist_events(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        bodies: Optional[bool] = None,
        **filter: Unpack[EventFilter],
    ) -> Page[Event]:
        """Asynchronous ``list_events``."""
        return await self._acall(requests.list_events(_page(limit, cursor, bodies), filter))

    def events(
        self, *, page_size: int = 100, bodies: Optional[bool] = None, **filter: Unpack[EventFilter]
    ) -> Iterator[Event]:
        """Go through all events that the filter matches, newest first.

        Pages of ``page_size`` (1 to 1,000, defaults to 100) are read as they are
        needed; what is received meanwhile is not among them. The rest as for
        ``list_events``.
        """
        return _pages(lambda cursor: self.list_events(limit=page_size, cursor=cursor, bodies=bodies, **filter))

    async def aevents(
        self, *, page_size: int = 100, bodies: Optional[bool] = None, **filter: Unpack[EventFilter]
    ) -> AsyncIterator[Event]:
        """Asynchronous ``events``: ``async for event in webhooks.aevents(status="dead")``."""
        cursor: Optional[str] = None
        while True:
            page = await self.alist_events(limit=page_size, cursor=cursor, bodies=bodies, **filter)
            for event in page:
                yield event
            cursor = page.cursor
            if cursor is None:
                return

    def list_deliveries(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        bodies: Optional[bool] = None,
        **filter: Unpack[DeliveryFilter],
    ) -> Page[Delivery]:
        """List deliveries, newest first, one page of them.

        The filter's fields are keywords: see :class:`DeliveryFilter`. The rest
        as for ``list_events``.
        """
        return self._call(requests.list_deliveries(_page(limit, cursor, bodies), filter))

    async def alist_deliveries(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        bodies: Optional[bool] = None,
        **filter: Unpack[DeliveryFilter],
    ) -> Page[Delivery]:
        """Asynchronous ``list_deliveries``."""
        return await self._acall(requests.list_deliveries(_page(limit, cursor, bodies), filter))

    def deliveries(
        self, *, page_size: int = 100, bodies: Optional[bool] = None, **filter: Unpack[DeliveryFilter]
    ) -> Iterator[Delivery]:
        """Go through all deliveries that the filter matches, newest first; as ``events``."""
        return _pages(lambda cursor: self.list_deliveries(limit=page_size, cursor=cursor, bodies=bodies, **filter))

    async def adeliveries(
        self, *, page_size: int = 100, bodies: Optional[bool] = None, **filter: Unpack[DeliveryFilter]
    ) -> AsyncIterator[Delivery]:
        """Asynchronous ``deliveries``."""
        cursor: Optional[str] = None
        while True:
            page = await self.alist_deliveries(limit=page_size, cursor=cursor, bodies=bodies, **filter)
            for delivery in page:
                yield delivery
            cursor = page.cursor
            if cursor is None:
                return

    def list_attempts(self, event_id: int) -> Tuple[Attempt, ...]:
        """List the runs of an event's handlers, oldest first. Raises ``not_found``."""
        return self._call(requests.list_attempts(event_id))

    async def alist_attempts(self, event_id: int) -> Tuple[Attempt, ...]:
        """Asynchronous ``list_attempts``."""
        return await self._acall(requests.list_attempts(event_id))

    def list_running(
        self, *, endpoint: Optional[str] = None, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> Page[RunningJob]:
        """List the jobs that workers of all processes hold, by job id.

        These are those whose handlers run and those claimed to run next.
        ``endpoint``: only of this one. ``limit``: 1 to 1,000, defaults to 100.
        Raises ``invalid_argument``, ``unknown_endpoint``.
        """
        return self._call(requests.list_running(endpoint, limit, cursor))

    async def alist_running(
        self, *, endpoint: Optional[str] = None, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> Page[RunningJob]:
        """Asynchronous ``list_running``."""
        return await self._acall(requests.list_running(endpoint, limit, cursor))

    def list_endpoints(self, *, limit: Optional[int] = None, cursor: Optional[str] = None) -> Page[EndpointInfo]:
        """List endpoints by name. ``limit``: 1 to 1,000, defaults to 100."""
        return self._call(requests.list_endpoints(limit, cursor))

    async def alist_endpoints(self, *, limit: Optional[int] = None, cursor: Optional[str] = None) -> Page[EndpointInfo]:
        """Asynchronous ``list_endpoints``."""
        return await self._acall(requests.list_endpoints(limit, cursor))

    def get_endpoint(self, name: str) -> EndpointInfo:
        """Read an endpoint. Raises ``unknown_endpoint``."""
        return self._call(requests.by_name("get_endpoint", name))

    async def aget_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``get_endpoint``."""
        return await self._acall(requests.by_name("get_endpoint", name))

    def stats(self, *, endpoint: Optional[Texts] = None) -> Stats:
        """Count what is in the file and what this process did.

        ``endpoint``: one or a list; all numbers but ``process`` are then
        theirs, and ``jobs_dead`` counts their dead events. Raises ``unknown_endpoint``.
        """
        return self._call(requests.stats(endpoint))

    async def astats(self, *, endpoint: Optional[Texts] = None) -> Stats:
        """Asynchronous ``stats``."""
        return await self._acall(requests.stats(endpoint))

    def stats_by_endpoint(self, *, limit: Optional[int] = None, cursor: Optional[str] = None) -> Page[EndpointStats]:
        """Count by endpoint, sorted by name. ``limit``: 1 to 1,000, defaults to 100."""
        return self._call(requests.stats_by_endpoint(limit, cursor))

    async def astats_by_endpoint(
        self, *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> Page[EndpointStats]:
        """Asynchronous ``stats_by_endpoint``."""
        return await self._acall(requests.stats_by_endpoint(limit, cursor))

    def explain_delivery(
        self,
        delivery_id: int,
        *,
        provider: Optional[str] = None,
        secrets: Secrets = UNSET,
        provider_options: Optional[Mapping[str, Any]] = None,
        url: Optional[str] = None,
        now_s: Optional[Moment] = None,
    ) -> Explanation:
        """Verify a stored delivery once more and tell each step; changes nothing and shows no secret.

        ``provider``, ``secrets``, ``provider_options``, ``url``: default to the
        endpoint's. ``now_s``: the clock, Unix seconds or an aware datetime;
        defaults to the time of receipt. Raises ``not_found``, ``no_verifier``,
        ``invalid_argument``, ``invalid_secret``.
        """
        options = {"provider": provider, "provider_options": provider_options, "url": url}
        return self._call(requests.explain_delivery(delivery_id, secrets, now_s, options))

    async def aexplain_delivery(
        self,
        delivery_id: int,
        *,
        provider: Optional[str] = None,
        secrets: Secrets = UNSET,
        provider_options: Optional[Mapping[str, Any]] = None,
        url: Optional[str] = None,
        now_s: Optional[Moment] = None,
    ) -> Explanation:
        """Asynchronous ``explain_delivery``."""
        options = {"provider": provider, "provider_options": provider_options, "url": url}
        return await self._acall(requests.explain_delivery(delivery_id, secrets, now_s, options))

    def check(self, *, quick: bool = False) -> Check:
        """Read the whole file and look for damage, rows that point at nothing, and stuck events.

        ``quick``: does not compare indexes with their tables, which takes most
        of the time. Defaults to False.
        """
        return self._call(requests.check(quick))

    async def acheck(self, *, quick: bool = False) -> Check:
        """Asynchronous ``check``."""
        return await self._acall(requests.check(quick))


def _page(limit: Optional[int], cursor: Optional[str], bodies: Optional[bool]) -> Dict[str, Any]:
    return {"limit": limit, "cursor": cursor, "bodies": bodies}


def _pages(read: Callable[[Optional[str]], Page[T]]) -> Iterator[T]:
    page = read(None)
    yield from page
    while page.cursor is not None:
        page = read(page.cursor)
        yield from page
