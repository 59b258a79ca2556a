"""What the inbox answers: frozen dataclasses, made by keyword, without the library."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, Iterable, List, Mapping, Optional, Tuple, Type, TypeVar, Union

T = TypeVar("T")
M = TypeVar("M", bound="_Model")

#: Stored headers or query parameters: lower-case name -> text, or a list where the name was repeated.
FieldMap = Mapping[str, Union[str, List[str]]]


class _Model:
    __dataclass_fields__: ClassVar[Dict[str, Any]]

    @classmethod
    def from_reply(cls: Type[M], reply: Mapping[str, Any]) -> M:
        """Make the object of the library's reply."""
        values: Dict[str, Any] = dict(reply)
        if "body_included" in cls.__dataclass_fields__:
            values["body_included"] = "body" in reply
            values["body"] = base64.b64decode(reply.get("body") or "")
        return _made(cls, values)


def _made(cls: Type[M], values: Mapping[str, Any]) -> M:
    """Make an object of the fields that the library tells; those of a newer library are left out.

    A frozen dataclass sets its fields one by one, and slowly. With all of them
    at hand, its dictionary is filled at once.
    """
    known = cls.__dataclass_fields__
    if values.keys() == known.keys():
        made = cls.__new__(cls)
        made.__dict__.update(values)
        return made
    return cls(**{name: value for name, value in values.items() if name in known})


class HookEvents(List["HookEvent"]):
    """What ``poll_hooks`` took, oldest first.

    ``dropped`` (int): how many gave way to newer ones since ``watch_hooks``,
    because nobody polled.
    """

    def __init__(self, items: Iterable[HookEvent] = (), dropped: int = 0) -> None:
        super().__init__(items)
        self.dropped = dropped


class Page(List[T]):
    """One page of a list, newest first. ``cursor`` (str or None) asks for the next page; None: this was the last."""

    def __init__(self, items: List[T], cursor: Optional[str] = None) -> None:
        super().__init__(items)
        self.cursor = cursor


@dataclass(frozen=True)
class Response(_Model):
    """The HTTP answer for the sender.

    ``status_code`` (int), ``headers`` (dict of str to str), ``body`` (str, or
    None where there is none) and ``content`` (the body as bytes, ``b""`` where
    there is none, which every framework takes).
    """

    status_code: int
    headers: Dict[str, str] = field(default_factory=dict)
    body: Optional[str] = None

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return (self.body or "").encode("utf-8")


@dataclass(frozen=True)
class Result(_Model):
    """What became of one HTTP request, told once it is on disk.

    * ``delivery_id`` (int or None): the stored receipt; None where a flood of refused requests is only counted.
    * ``event_id`` (int or None): its event; None when it was refused or is a handshake.
    * ``event_ids`` (tuple of int): all events of a batch.
    * ``duplicate`` (bool): the event was known already.
    * ``status_code`` (int): what the route should answer.
    * ``response`` (Response): the whole answer, with headers and body.
    * ``reason`` (str or None): why it was refused, such as ``"signature_mismatch"``.
    * ``handshake_secret`` (str or None): a secret that the sender has just told and the application must keep.
    * ``durable`` (bool): an event of it was on disk before this was told. False where an attached inbox has written
      into the application's own transaction, or with less than ``PRAGMA synchronous=FULL``.
    """

    delivery_id: Optional[int] = None
    event_id: Optional[int] = None
    event_ids: Tuple[int, ...] = ()
    duplicate: bool = False
    status_code: int = 204
    response: Response = field(default_factory=lambda: Response(status_code=204))
    reason: Optional[str] = None
    handshake_secret: Optional[str] = None
    durable: bool = True

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Result:
        """Make the object of the library's reply."""
        response = Response.from_reply(reply["response"])
        return _made(cls, {**reply, "event_ids": tuple(reply["event_ids"]), "response": response})

    @classmethod
    def of_event(cls, delivery_id: int, event_id: int, duplicate: bool, status_code: int, answered: int) -> Result:
        """Make the object of a request that is one event, answered with ``answered`` and nothing else."""
        response, result = Response.__new__(Response), cls.__new__(cls)
        response.__dict__.update(status_code=answered, headers={}, body=None)
        result.__dict__.update(
            delivery_id=delivery_id,
            event_id=event_id,
            event_ids=(event_id,),
            duplicate=duplicate,
            status_code=status_code,
            response=response,
            reason=None,
            handshake_secret=None,
            durable=True,
        )
        return result


@dataclass(frozen=True)
class EndpointInfo(_Model):
    """An endpoint as stored: ``path`` is a label for people, ``created_at`` Unix seconds.

    ``enabled``: it receives. ``paused``: it receives, and no worker handles it.
    """

    id: int
    name: str
    path: str
    provider: Optional[str] = None
    enabled: bool = True
    paused: bool = False
    created_at: int = 0


@dataclass(frozen=True)
class Event(_Model):
    """The unit that an application processes.

    ``body`` (bytes, also as ``body_blob``), ``headers`` and ``query`` are those
    of the delivery ``delivery_id``. ``status`` is received, processing, handled,
    failed, dead or ignored; ``attempt_count`` counts the running attempt. Times
    are Unix seconds; ``expunged_at`` is when body, headers and query were
    erased, else None. A list leaves bodies out unless asked for them; then
    ``body_included`` is False and ``body`` is empty.
    """

    id: int
    endpoint: str
    event_type: Optional[str] = None
    provider_event_id: Optional[str] = None
    provider_delivery_id: Optional[str] = None
    dedupe_key: Optional[str] = None
    delivery_id: Optional[int] = None
    status: str = "received"
    attempt_count: int = 0
    method: str = "POST"
    headers: FieldMap = field(default_factory=dict)
    query: FieldMap = field(default_factory=dict)
    received_at: int = 0
    handled_at: Optional[int] = None
    last_error: Optional[str] = None
    expunged_at: Optional[int] = None
    body: bytes = b""
    body_included: bool = True

    @property
    def body_blob(self) -> bytes:
        """The same as ``body``."""
        return self.body

    def json(self) -> Any:
        """Parse the body as JSON. Raises ValueError where it is none."""
        return _json(self.body, self.body_included)


@dataclass(frozen=True)
class Delivery(_Model):
    """One HTTP receipt, valid or not.

    ``kind`` is event, or for one without an event rejected, handshake,
    empty_batch or too_large. ``signature_valid`` is None where nothing was
    verified. ``body_bytes`` is the size as received: a stored body may be cut.
    Of a refused delivery that was taken in later, ``accepted_at`` (Unix
    seconds), ``accepted_by`` ("reverify" or "accept_delivery") and
    ``accepted_reason`` tell how; its first verdict stays. ``expunged_at`` (Unix
    seconds) is when body, headers and query were erased, else None.
    """

    id: int
    endpoint: str
    event_id: Optional[int] = None
    kind: str = "event"
    reason: Optional[str] = None
    received_at: int = 0
    provider_event_id: Optional[str] = None
    provider_delivery_id: Optional[str] = None
    event_type: Optional[str] = None
    method: str = "POST"
    headers: FieldMap = field(default_factory=dict)
    query: FieldMap = field(default_factory=dict)
    signature_valid: Optional[bool] = None
    signature_error: Optional[str] = None
    dedupe_key: Optional[str] = None
    body_bytes: int = 0
    body_digest: Optional[str] = None
    accepted_at: Optional[int] = None
    accepted_by: Optional[str] = None
    accepted_reason: Optional[str] = None
    expunged_at: Optional[int] = None
    body: bytes = b""
    body_included: bool = True

    @property
    def body_blob(self) -> bytes:
        """The same as ``body``."""
        return self.body

    def json(self) -> Any:
        """Parse the body as JSON. Raises ValueError where it is none."""
        return _json(self.body, self.body_included)


@dataclass(frozen=True)
class Attempt(_Model):
    """One run of a handler: ``outcome`` is handled, failed, dead or ignored, ``duration_ms`` its length."""

    id: int
    event_id: int
    attempted_at: int = 0
    outcome: str = "handled"
    error: Optional[str] = None
    duration_ms: int = 0


@dataclass(frozen=True)
class Stats(_Model):
    """Counts: of the file, and (``process``) of what this process did.

    * ``events`` is by status, ``orphans`` by kind.
    * ``jobs_ready`` are due, ``jobs_later`` wait for their time, ``jobs_held``
      are a worker's, ``jobs_dead`` are given up, ``jobs_paused`` wait at paused endpoints.
    * ``stuck``: received events whose job is gone: requeue them.
    * ``unhandled_left``: jobs that workers have just given back because nobody handles them.
    * ``process`` counts since this process opened the file: received,
      duplicates, rejected, not_stored, commits, claimed, handled, failed, dead,
      ignored, left, given_back, leases_lost.
    """

    deliveries: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    orphans: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    jobs_ready: int = 0
    jobs_later: int = 0
    jobs_held: int = 0
    jobs_dead: int = 0
    jobs_paused: int = 0
    stuck: int = 0
    unhandled_left: int = 0
    process: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished(_Model):
    """What became of one run of a handler, as the file says it now.

    ``status`` is handled, failed, dead, ignored, given_back or lost. ``code``
    and ``message`` say why an outcome could not be committed, else None. The
    commit is done by then: ``run_worker_once`` shares none between events.
    """

    event_id: int
    status: str
    code: Optional[str] = None
    message: Optional[str] = None

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Finished:
        """Make the object of the library's reply."""
        error = reply.get("error") or {}
        return cls(reply["event_id"], reply["status"], error.get("code"), error.get("message"))


@dataclass(frozen=True)
class PruneResult(_Model):
    """How many rows pruning really removed (int each, 0 where it looks at none of that kind).

    ``deliveries_pruned`` leaves out a batch that another event still needs.
    """

    events_pruned: int = 0
    attempts_pruned: int = 0
    deliveries_pruned: int = 0
    live_jobs_pruned: int = 0


@dataclass(frozen=True)
class HookEvent(_Model):
    """One thing that happened in this process; never holds a body or a secret.

    * ``kind`` (str): received, duplicate, rejected, not_stored, batch_committed,
      claimed, handled, failed, dead, ignored, given_back, lease_lost,
      transaction_idle, watch_unavailable, retention_leader, retention_pass or
      retention_failed; a newer library may have more.
    * ``at_ms`` (int): Unix milliseconds.
    * ``endpoint`` (str or None), ``event_id`` (int or None): whose it is.
    * ``count`` (int): of a batch of receipts, of claims or of a retention pass, else 0.
    * ``duration_ms`` (float): of a handler or a commit, else 0.
    * ``code`` (str or None): a reason or an error's code.
    """

    kind: str
    at_ms: int = 0
    endpoint: Optional[str] = None
    event_id: Optional[int] = None
    count: int = 0
    duration_ms: float = 0.0
    code: Optional[str] = None


@dataclass(frozen=True)
class StopReport(_Model):
    """What a worker that has stopped left over.

    ``rolled_back`` (tuple of int): events whose handlers were cut off at the
    deadline; they run again. ``given_back`` (int): jobs that never started.
    """

    rolled_back: Tuple[int, ...] = ()
    given_back: int = 0


def _json(body: bytes, included: bool) -> Any:
    if not included:
        raise ValueError("this list left bodies out: ask for them with bodies=True, or read the single row")
    return json.loads(body)
