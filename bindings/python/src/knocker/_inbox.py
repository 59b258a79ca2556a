"""The inbox: what ``knocker.open`` answers."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Callable, Dict, Mapping, NoReturn, Optional, Tuple, Type, Union

from knocker import _requests as requests
from knocker._arguments import UNSET, Body, Fields, Moment, Secrets, moment_seconds
from knocker._endpoint import Endpoint
from knocker._handlers import H, Handler, registered
from knocker._home import current_home
from knocker._models import Result
from knocker._operating import Operating
from knocker._running import Running
from knocker.errors import InvalidArgumentError


class Knocker(Operating, Running):
    """A durable inbox for webhooks, in one SQLite file.

    Opened by :func:`knocker.open`; a context manager, plain and asynchronous.
    All methods may be called from any thread. Those that begin with ``a`` are
    for asyncio: awaited, they never block the event loop.
    """

    def __enter__(self) -> Knocker:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self.close()

    async def __aenter__(self) -> Knocker:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        await self.aclose()

    def endpoint(
        self,
        name: str,
        *,
        path: Optional[str] = None,
        provider: Optional[str] = None,
        secrets: Secrets = UNSET,
        provider_options: Optional[Mapping[str, Any]] = None,
        url: Optional[str] = None,
        enabled: Optional[bool] = None,
        unhandled: Optional[str] = None,
        split_batches: Optional[bool] = None,
        event_key: Optional[str] = None,
        max_body_bytes: Optional[int] = None,
        max_attempts: Optional[int] = None,
        backoff_initial_s: Optional[float] = None,
        backoff_factor: Optional[float] = None,
        backoff_max_s: Optional[float] = None,
        backoff_jitter: Optional[bool] = None,
        **unknown: NoReturn,
    ) -> Endpoint:
        """Add an endpoint, or update the one of this name, and return it.

        * ``path``: a label for people. Defaults to ``/webhooks/<name>``.
        * ``provider``: how the sender signs, such as "stripe" or "github".
        * ``secrets``: one (str or bytes) or a list; any of them verifies. They
          stay in this process's memory: other processes bring their own.
        * ``provider_options`` (dict): the provider's own options.
        * ``url``: the public URL, for providers that sign it.
        * ``enabled``: whether it receives. Defaults to True.
        * ``unhandled``: what becomes of events that no handler is for: "dead"
          (default), "ignore" or "leave".
        * ``split_batches``: a batch's items become events. Defaults to True.
        * ``event_key``: where the identity is: "header:<name>" or "body:<path>".
        * ``max_body_bytes``: larger bodies are answered 413. Defaults to the inbox's.
        * ``max_attempts``, ``backoff_*``: retries. Default to the inbox's.

        Raises KnockerError: ``invalid_argument``, ``invalid_secret``,
        ``unknown_provider``, ``provider_mismatch``, ``path_taken``.
        """
        options = {key: value for key, value in locals().items() if key not in ("self", "name", "unknown")}
        return Endpoint(self, self._call(requests.add_endpoint(name, {**options, **unknown})))

    async def aendpoint(self, name: str, **options: Any) -> Endpoint:
        """Add or update an endpoint without blocking the event loop; options as for ``endpoint``."""
        return Endpoint(self, await self._acall(requests.add_endpoint(name, options)))

    def add_endpoint(self, name: str, **options: Any) -> Endpoint:
        """The same as ``endpoint``."""
        return self.endpoint(name, **options)

    async def aadd_endpoint(self, name: str, **options: Any) -> Endpoint:
        """The same as ``aendpoint``."""
        return await self.aendpoint(name, **options)

    def receive(
        self,
        endpoint: str,
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
        """Verify and store one HTTP request; returns once it is on disk.

        * ``endpoint``: its name.
        * ``body``: the raw bytes exactly as they arrived (bytes-like; str is
          sent as UTF-8). A parsed body (dict, list) is ``body_consumed``.
        * ``headers``, ``query``: a mapping, a list of pairs, or the framework's
          own object (Starlette, Django, Werkzeug, WSGI); ``query`` also the raw
          query string.
        * ``method``: defaults to "POST". ``url``: the public URL of this request.
        * ``provider``, ``secrets``, ``provider_options``: for this call, before the endpoint's.
        * ``provider_event_id``, ``provider_delivery_id``, ``event_type``, ``dedupe_key``: before the provider's.
        * ``queue_name``, ``max_attempts``: of the job.
        * ``timeout_ms``: the longest wait for the database. Defaults to the inbox's ``receive_timeout_ms``, 2,500.

        A refused request is a result too (``status_code`` 401). Raises
        KnockerError where nothing could be stored: ``unknown_endpoint``,
        ``busy``, ``would_deadlock``, ``no_verifier``, ``body_consumed`` and
        others; ``error.http_status`` is what to answer then.
        """
        given = (
            method,
            url,
            provider,
            provider_options,
            provider_event_id,
            provider_delivery_id,
            event_type,
            dedupe_key,
            queue_name,
            max_attempts,
            timeout_ms,
        )
        return self._receive(requests.receipt(endpoint, body, headers, query, secrets, given, unknown, current_home()))

    async def areceive(
        self,
        endpoint: str,
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
        """Verify and store one HTTP request without blocking the event loop.

        As ``receive``. When cancelled before its receipt is being stored,
        nothing is stored.
        """
        given = (
            method,
            url,
            provider,
            provider_options,
            provider_event_id,
            provider_delivery_id,
            event_type,
            dedupe_key,
            queue_name,
            max_attempts,
            timeout_ms,
        )
        return await self._areceive(requests.receipt(endpoint, body, headers, query, secrets, given, unknown))

    def ingest(
        self,
        endpoint: str,
        body: Body = None,
        headers: Fields = None,
        query: Fields = None,
        *,
        signature_valid: Optional[bool] = None,
        signature_error: Optional[str] = None,
        **options: Any,
    ) -> Result:
        """Store a request that a trusted layer has verified; no provider looks at it.

        ``signature_valid`` (None: unknown) and ``signature_error`` are stored as
        given; the rest as for ``receive``.
        """
        secrets, trusted = _trusted(options, signature_valid, signature_error)
        return self._receive(requests.receipt(endpoint, body, headers, query, secrets, (), trusted, current_home()))

    async def aingest(
        self,
        endpoint: str,
        body: Body = None,
        headers: Fields = None,
        query: Fields = None,
        *,
        signature_valid: Optional[bool] = None,
        signature_error: Optional[str] = None,
        **options: Any,
    ) -> Result:
        """Store a trusted request without blocking the event loop."""
        secrets, trusted = _trusted(options, signature_valid, signature_error)
        return await self._areceive(requests.receipt(endpoint, body, headers, query, secrets, (), trusted))

    def handle(self, endpoint: str, event_type: Optional[str] = None, **options: Any) -> Callable[[H], H]:
        """Decorator: add a handler: see ``add_handler``."""

        def decorate(function: H) -> H:
            self.add_handler(endpoint, event_type, function, **options)
            return function

        if callable(event_type):
            raise InvalidArgumentError("Write @endpoint.handle() or @endpoint.handle(event_type), with parentheses.")
        return decorate

    def add_handler(
        self,
        endpoint: str,
        event_type: Union[str, Handler, None] = None,
        handler: Optional[Handler] = None,
        *,
        max_attempts: Optional[int] = None,
        backoff_initial_s: Optional[float] = None,
        backoff_factor: Optional[float] = None,
        backoff_max_s: Optional[float] = None,
        backoff_jitter: Optional[bool] = None,
        timeout_s: Optional[float] = None,
        **unknown: NoReturn,
    ) -> None:
        """Add the function ``handler(event, tx)``, plain or ``async def``.

        ``event_type``: exact, a prefix such as "invoice.*", or None: the
        endpoint's default. Adding one for the same place again replaces it.
        ``timeout_s``: the longest run. Retries (``max_attempts``, ``backoff_*``)
        default to the endpoint's. ``add_handler(endpoint, handler)`` works too.
        """
        if handler is None and callable(event_type):
            event_type, handler = None, event_type
        function = registered(handler)
        request: Dict[str, Any] = {
            "endpoint": endpoint,
            "event_type": event_type,
            "max_attempts": max_attempts,
            "backoff_initial_s": backoff_initial_s,
            "backoff_factor": backoff_factor,
            "backoff_max_s": backoff_max_s,
            "backoff_jitter": backoff_jitter,
            "timeout_s": timeout_s,
            **unknown,
        }
        reply = self._library.call(self._handle, "register_handler", request)
        self._registry.put(reply["handler"], function)
        self._handlers[(endpoint, event_type)] = reply["handler"]
        if reply["replaced"] is not None:
            self._registry.drop(reply["replaced"])

    def remove_handler(self, endpoint: str, event_type: Optional[str] = None) -> bool:
        """Remove the handler that this inbox has added for this place; its events are ``unhandled`` then.

        Returns False where there is none (any more).
        """
        handler = self._handlers.pop((endpoint, event_type), None)
        if handler is None:
            return False
        removed: bool = self._library.call(self._handle, "unregister_handler", {"handler": handler})["removed"]
        self._registry.drop(handler)
        return removed

    def set_clock(self, now_s: Moment) -> None:
        """Set the clock of an inbox under test, opened with ``clock={"now_s": ...}``. Raises ``invalid_state``."""
        self._library.call(self._handle, "set_clock", {"now_s": moment_seconds(now_s)})


def _trusted(
    options: Mapping[str, Any], signature_valid: Optional[bool], signature_error: Optional[str]
) -> Tuple[Any, Dict[str, Any]]:
    """The secrets, which change nothing here, and the other options of ingest."""
    known = {"signature_valid": signature_valid, "signature_error": signature_error, **options, "ingest": True}
    return known.pop("secrets", UNSET), known
