"""An endpoint in the hands of a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping, NoReturn, Optional

from knocker._arguments import UNSET, Body, Fields, Secrets
from knocker._handlers import H, Handler
from knocker._models import EndpointInfo, Result

if TYPE_CHECKING:
    from knocker._inbox import Knocker


class Endpoint:
    """A named place that receives webhooks of one provider. Made by ``webhooks.endpoint(...)``."""

    def __init__(self, inbox: Knocker, info: EndpointInfo) -> None:
        self._inbox = inbox
        #: What is stored of it.
        self.info = info

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.info.name

    def __repr__(self) -> str:
        return f"<knocker.Endpoint {self.name!r} provider={self.info.provider!r}>"

    def receive(
        self,
        body: Body = None,
        headers: Fields = None,
        query: Fields = None,
        *,
        method: Optional[str] = None,
        url: Optional[str] = None,
        provider: Optional[str] = None,
        secrets: Secrets = UNSET,
        provider_options: Optional[Mapping[str, Any]] = None,
        provider_event_id: Optional[str] = None,
        provider_delivery_id: Optional[str] = None,
        event_type: Optional[str] = None,
        dedupe_key: Optional[str] = None,
        queue_name: Optional[str] = None,
        max_attempts: Optional[int] = None,
        timeout_ms: Optional[int] = None,
        **unknown: NoReturn,
    ) -> Result:
        """Verify and store one HTTP request: see :meth:`Knocker.receive`."""
        return self._inbox.receive(
            self.name,
            body,
            headers,
            query,
            method=method,
            url=url,
            provider=provider,
            secrets=secrets,
            provider_options=provider_options,
            provider_event_id=provider_event_id,
            provider_delivery_id=provider_delivery_id,
            event_type=event_type,
            dedupe_key=dedupe_key,
            queue_name=queue_name,
            max_attempts=max_attempts,
            timeout_ms=timeout_ms,
            **unknown,
        )

    async def areceive(
        self,
        body: Body = None,
        headers: Fields = None,
        query: Fields = None,
        *,
        method: Optional[str] = None,
        url: Optional[str] = None,
        provider: Optional[str] = None,
        secrets: Secrets = UNSET,
        provider_options: Optional[Mapping[str, Any]] = None,
        provider_event_id: Optional[str] = None,
        provider_delivery_id: Optional[str] = None,
        event_type: Optional[str] = None,
        dedupe_key: Optional[str] = None,
        queue_name: Optional[str] = None,
        max_attempts: Optional[int] = None,
        timeout_ms: Optional[int] = None,
        **unknown: NoReturn,
    ) -> Result:
        """Verify and store one HTTP request without blocking the event loop."""
        return await self._inbox.areceive(
            self.name,
            body,
            headers,
            query,
            method=method,
            url=url,
            provider=provider,
            secrets=secrets,
            provider_options=provider_options,
            provider_event_id=provider_event_id,
            provider_delivery_id=provider_delivery_id,
            event_type=event_type,
            dedupe_key=dedupe_key,
            queue_name=queue_name,
            max_attempts=max_attempts,
            timeout_ms=timeout_ms,
            **unknown,
        )

    def ingest(self, body: Body = None, headers: Fields = None, query: Fields = None, **options: Any) -> Result:
        """Store a request that a trusted layer has verified: see :meth:`Knocker.ingest`."""
        return self._inbox.ingest(self.name, body, headers, query, **options)

    async def aingest(self, body: Body = None, headers: Fields = None, query: Fields = None, **options: Any) -> Result:
        """Store a trusted request without blocking the event loop."""
        return await self._inbox.aingest(self.name, body, headers, query, **options)

    def handle(self, event_type: Optional[str] = None, **options: Any) -> Callable[[H], H]:
        """Decorator: add a handler for this endpoint: see :meth:`Knocker.add_handler`."""
        return self._inbox.handle(self.name, event_type, **options)

    def add_handler(self, event_type: Any = None, handler: Optional[Handler] = None, **options: Any) -> None:
        """Add a handler for this endpoint: see :meth:`Knocker.add_handler`."""
        self._inbox.add_handler(self.name, event_type, handler, **options)

    def remove_handler(self, event_type: Optional[str] = None) -> bool:
        """Remove a handler of this endpoint: see :meth:`Knocker.remove_handler`."""
        return self._inbox.remove_handler(self.name, event_type)
