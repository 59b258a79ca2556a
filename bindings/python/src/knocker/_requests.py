"""The requests behind the methods: each built once, sent by a synchronous and an asynchronous method."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Generic, Iterable, Mapping, NamedTuple, Optional, Tuple, TypeVar

from knocker import _arguments as arguments
from knocker._encoding import fields_text, json_text
from knocker._filters import filter_fields
from knocker._library import answer
from knocker._models import (
    Attempt,
    Delivery,
    EndpointInfo,
    Event,
    HookEvent,
    HookEvents,
    Page,
    PruneResult,
    Result,
    Stats,
)
from knocker._operating_models import Accepted, Check, EndpointStats, Explanation, PruneAudit, RunningJob

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A method of the library, its request, and what to make of the reply."""

    method: str
    request: Mapping[str, Any]
    convert: Callable[[Any], T]
    #: Whether it waits for the writer, so that the library has to know who stands still meanwhile.
    writes: bool = False


class Receipt(NamedTuple):
    """One HTTP request for the library, encoded, and its body."""

    text: bytes
    body: bytes


_RECEIVE_OPTIONS = (
    "method",
    "url",
    "provider",
    "provider_options",
    "provider_event_id",
    "provider_delivery_id",
    "event_type",
    "dedupe_key",
    "queue_name",
    "max_attempts",
    "timeout_ms",
)
_NONE_GIVEN = (None,) * len(_RECEIVE_OPTIONS)


def receipt(
    endpoint: str,
    body: Any,
    headers: Any,
    query: Any,
    secrets: Any,
    given: Tuple[Any, ...],
    others: Mapping[str, Any],
    home: Optional[int] = None,
) -> Receipt:
    """Build the request of receive and ingest.

    ``given`` holds the values of ``_RECEIVE_OPTIONS``, ``others`` further options
    by name. ``home``: whose thread or loop stands still meanwhile.
    """
    consumed = False
    if type(body) is not bytes:
        body, consumed = arguments.body_bytes(body)
    text = b'{"endpoint":' + json_text(endpoint)
    if headers is not None:
        text += b',"headers":' + fields_text(headers)
    if query is not None:
        text += b',"query":' + fields_text(query)
    if home is not None:
        text += b',"home":%d' % home
    if consumed:
        text += b',"body_consumed":true'
    if secrets is not arguments.UNSET:
        text += b',"secrets":' + json_text(arguments.secrets(secrets))
    if others or given != _NONE_GIVEN:
        for name, value in (*zip(_RECEIVE_OPTIONS, given), *others.items()):
            if value is not None:
                text += b",%b:%b" % (json_text(name), json_text(value))
    return Receipt(text + b"}", body)


#: The reply to a request that became one event, or was one already: nearly all of them.
_USUAL = re.compile(
    rb'\{"ok":\{"delivery_id":(\d+),"event_id":(\d+),"event_ids":\[\2\],"duplicate":(true|false),"status_code":(\d+),'
    rb'"response":\{"status_code":(\d+),"headers":\{\},"body":null\},"reason":null,"handshake_secret":null\}\}'
)


def result_of(text: bytes) -> Result:
    """Read the reply of receive and ingest."""
    usual = _USUAL.fullmatch(text)
    if usual is None:
        return Result.from_reply(answer(text))
    delivery_id, event_id, duplicate, status_code, answered = usual.groups()
    return Result.of_event(int(delivery_id), int(event_id), duplicate == b"true", int(status_code), int(answered))


def add_endpoint(name: str, options: Mapping[str, Any]) -> Call[EndpointInfo]:
    """Add or update an endpoint."""
    request = {"name": name, **options}
    request["secrets"] = arguments.secrets(options.get("secrets", arguments.UNSET))
    return Call("add_endpoint", request, EndpointInfo.from_reply, writes=True)


def by_name(method: str, name: str) -> Call[EndpointInfo]:
    """Read or switch one endpoint."""
    return Call(method, {"name": name}, EndpointInfo.from_reply, writes=method != "get_endpoint")


def remove_endpoint(name: str, prune: bool) -> Call[None]:
    """Remove an endpoint."""
    return Call("remove_endpoint", {"name": name, "prune": prune}, lambda _: None, writes=True)


def list_endpoints(limit: Optional[int], cursor: Optional[str]) -> Call[Page[EndpointInfo]]:
    """List endpoints."""
    return Call("list_endpoints", {"limit": limit, "cursor": cursor}, _page("endpoints", EndpointInfo.from_reply))


def get_event(event_id: int) -> Call[Event]:
    """Read an event."""
    return Call("get_event", {"id": event_id}, Event.from_reply)


def get_delivery(delivery_id: int) -> Call[Delivery]:
    """Read a delivery."""
    return Call("get_delivery", {"id": delivery_id}, Delivery.from_reply)


def list_events(page: Mapping[str, Any], filter: Mapping[str, Any]) -> Call[Page[Event]]:
    """List events."""
    return Call("list_events", {**filter_fields(filter), **page}, _page("events", Event.from_reply))


def list_deliveries(page: Mapping[str, Any], filter: Mapping[str, Any]) -> Call[Page[Delivery]]:
    """List deliveries."""
    return Call("list_deliveries", {**filter_fields(filter), **page}, _page("deliveries", Delivery.from_reply))


def list_attempts(event_id: int) -> Call[Tuple[Attempt, ...]]:
    """List the attempts of an event."""
    return Call(
        "list_attempts",
        {"event_id": event_id},
        lambda reply: tuple(Attempt.from_reply(item) for item in reply["attempts"]),
    )


def list_running(endpoint: Optional[str], limit: Optional[int], cursor: Optional[str]) -> Call[Page[RunningJob]]:
    """List the jobs that workers hold."""
    request = {"endpoint": endpoint, "limit": limit, "cursor": cursor}
    return Call("list_running", request, _page("running", RunningJob.from_reply))


def stats(endpoint: Any) -> Call[Stats]:
    """Count."""
    return Call("stats", {"endpoint": arguments.texts(endpoint)}, Stats.from_reply)


def stats_by_endpoint(limit: Optional[int], cursor: Optional[str]) -> Call[Page[EndpointStats]]:
    """Count by endpoint."""
    request = {"limit": limit, "cursor": cursor}
    return Call("stats_by_endpoint", request, _page("endpoints", EndpointStats.from_reply))


def explain_delivery(delivery_id: int, secrets: Any, now_s: Any, options: Mapping[str, Any]) -> Call[Explanation]:
    """Check a delivery again, step by step."""
    clock = {"now_s": arguments.unix_seconds(now_s), "secrets": arguments.secrets(secrets)}
    return Call("explain_delivery", {"delivery_id": delivery_id, **clock, **options}, Explanation.from_reply)


def check(quick: bool) -> Call[Check]:
    """Look through the file."""
    return Call("check", {"quick": quick}, Check.from_reply)


def accept_delivery(delivery_id: int, reason: str, identity: Mapping[str, Any]) -> Call[Accepted]:
    """Take in a refused delivery."""
    request = {"delivery_id": delivery_id, "reason": reason, **identity}
    return Call("accept_delivery", request, Accepted.from_reply, writes=True)


def list_prune_audits(limit: Optional[int], cursor: Optional[str]) -> Call[Page[PruneAudit]]:
    """List audits."""
    request = {"limit": limit, "cursor": cursor}
    return Call("list_prune_audits", request, _page("audits", PruneAudit.from_reply))


def event_action(method: str, event_id: int) -> Call[int]:
    """Ignore, replay or requeue an event."""
    return Call(method, {"event_id": event_id}, _event_id, writes=True)


def replay_delivery(delivery_id: int, event_id: Optional[int]) -> Call[int]:
    """Replay one delivery."""
    return Call("replay_delivery", {"delivery_id": delivery_id, "event_id": event_id}, _event_id, writes=True)


def prune_events(
    older_than: Any, statuses: Optional[Iterable[str]], limit: Optional[int], force: bool
) -> Call[PruneResult]:
    """Remove old events."""
    request = {
        "older_than": arguments.unix_seconds(older_than),
        "statuses": arguments.texts(statuses),
        "limit": limit,
        "force": force,
    }
    return Call("prune_events", request, PruneResult.from_reply, writes=True)


def prune_orphan_deliveries(older_than: Any, limit: Optional[int]) -> Call[PruneResult]:
    """Remove old deliveries without an event."""
    request = {"older_than": arguments.unix_seconds(older_than), "limit": limit}
    return Call("prune_orphan_deliveries", request, PruneResult.from_reply, writes=True)


def backup(path: Any) -> Call[None]:
    """Copy the file."""
    return Call("backup", {"path": arguments.file_path(path)}, lambda _: None)


def watch_hooks(limit: Optional[int]) -> Call[None]:
    """Start collecting what happens."""
    return Call("watch_hooks", {"limit": limit}, lambda _: None)


def poll_hooks(limit: Optional[int]) -> Call[HookEvents]:
    """Take what was collected."""
    return Call(
        "poll_hooks",
        {"max": limit},
        lambda reply: HookEvents((HookEvent.from_reply(item) for item in reply["events"]), reply["dropped"]),
    )


def _event_id(reply: Any) -> int:
    return int(reply["event_id"])


def _page(name: str, convert: Callable[[Any], T]) -> Callable[[Any], Page[T]]:
    return lambda reply: Page([convert(item) for item in reply[name]], reply["cursor"])
