"""Actions on endpoints, events and deliveries, each with its asynchronous twin."""

from __future__ import annotations

from typing import Optional

from knocker import _requests as requests
from knocker._connection import Connection
from knocker._models import EndpointInfo
from knocker._operating_models import Accepted


class Acting(Connection):
    """The part of an inbox that changes what happens next. Each method is one transaction."""

    def enable_endpoint(self, name: str) -> EndpointInfo:
        """Let an endpoint receive again. Raises ``unknown_endpoint``."""
        return self._call(requests.by_name("enable_endpoint", name))

    async def aenable_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``enable_endpoint``."""
        return await self._acall(requests.by_name("enable_endpoint", name))

    def disable_endpoint(self, name: str) -> EndpointInfo:
        """Refuse what comes for an endpoint, with ``endpoint_disabled``. Raises ``unknown_endpoint``."""
        return self._call(requests.by_name("disable_endpoint", name))

    async def adisable_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``disable_endpoint``."""
        return await self._acall(requests.by_name("disable_endpoint", name))

    def pause_endpoint(self, name: str) -> EndpointInfo:
        """Let an endpoint receive and queue as ever, while no worker of any process handles its events.

        A handler that is running ends its run. Raises ``unknown_endpoint``.
        """
        return self._call(requests.by_name("pause_endpoint", name))

    async def apause_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``pause_endpoint``."""
        return await self._acall(requests.by_name("pause_endpoint", name))

    def resume_endpoint(self, name: str) -> EndpointInfo:
        """Let workers handle a paused endpoint's events again. Raises ``unknown_endpoint``."""
        return self._call(requests.by_name("resume_endpoint", name))

    async def aresume_endpoint(self, name: str) -> EndpointInfo:
        """Asynchronous ``resume_endpoint``."""
        return await self._acall(requests.by_name("resume_endpoint", name))

    def remove_endpoint(self, name: str, *, prune: bool = False) -> None:
        """Remove an endpoint.

        Raises ``unknown_endpoint``, and ``not_empty`` while it has events,
        unless ``prune`` (defaults to False) removes these too.
        """
        self._call(requests.remove_endpoint(name, prune))

    async def aremove_endpoint(self, name: str, *, prune: bool = False) -> None:
        """Asynchronous ``remove_endpoint``."""
        await self._acall(requests.remove_endpoint(name, prune))

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
        """Run an event that was not handled, or that is stuck. Raises ``not_found``, ``invalid_state``.

        Returns the event's id.
        """
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

    def accept_delivery(
        self,
        delivery_id: int,
        *,
        reason: str,
        event_type: Optional[str] = None,
        dedupe_key: Optional[str] = None,
        provider_event_id: Optional[str] = None,
    ) -> Accepted:
        """Take in a refused delivery by decision; it becomes an event by the ordinary rules.

        * ``reason``: kept with the delivery and in an audit.
        * ``event_type``, ``dedupe_key``, ``provider_event_id``: default to what
          the endpoint's ``event_key`` or the request itself says, where the
          provider's can be read; then a later valid retry is a duplicate.

        Raises ``not_found``, ``invalid_state``, ``invalid_argument``, and
        ``body_cut`` where the stored body is not whole.
        """
        identity = {"event_type": event_type, "dedupe_key": dedupe_key, "provider_event_id": provider_event_id}
        return self._call(requests.accept_delivery(delivery_id, reason, identity))

    async def aaccept_delivery(
        self,
        delivery_id: int,
        *,
        reason: str,
        event_type: Optional[str] = None,
        dedupe_key: Optional[str] = None,
        provider_event_id: Optional[str] = None,
    ) -> Accepted:
        """Asynchronous ``accept_delivery``."""
        identity = {"event_type": event_type, "dedupe_key": dedupe_key, "provider_event_id": provider_event_id}
        return await self._acall(requests.accept_delivery(delivery_id, reason, identity))
