"""What lists, iterators and actions on many events or deliveries select by."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence, TypedDict, Union

from knocker import _arguments as arguments
from knocker._arguments import Moment

Texts = Union[str, Sequence[str]]
Ids = Union[int, Sequence[int]]


class EventFilter(TypedDict, total=False):
    """Selects events: all that is given must fit, of a list any of its items.

    * ``endpoint``, ``status``: one or a list. A status is received, processing,
      handled, failed, dead or ignored.
    * ``event_type``: exact, or a prefix such as "invoice.*".
    * ``dedupe_key``, ``provider_event_id``, ``provider_delivery_id`` (of any of its deliveries).
    * ``event_id``: one or a list.
    * ``since`` (inclusive), ``until`` (exclusive): when it was received, Unix
      seconds or an aware datetime; fractions are cut off.
    * ``error_code``: what ``last_error`` begins with, such as "no_handler" or
      the type of the handler's exception.
    * ``stuck``: True for received events whose job is gone.
    * ``all``: True lets an action on many take an otherwise empty filter.

    A list holds 1 to 1,000 values. Source: docs/abi.md, "Reads".
    """

    endpoint: Texts
    status: Texts
    event_type: str
    dedupe_key: str
    provider_event_id: str
    provider_delivery_id: str
    event_id: Ids
    since: Moment
    until: Moment
    error_code: str
    stuck: bool
    all: bool


class DeliveryFilter(TypedDict, total=False):
    """Selects deliveries: all that is given must fit, of a list any of its items.

    * ``endpoint``, ``event_id``, ``delivery_id``: one or a list.
    * ``event_type``: exact, or a prefix such as "invoice.*".
    * ``dedupe_key``, ``provider_event_id``: of its event. ``provider_delivery_id``: its own.
    * ``orphaned``: without (True) or with (False) an event.
    * ``kind``: event, rejected, handshake, empty_batch or too_large.
    * ``reason``: why it was refused, one or a list, such as "signature_mismatch".
    * ``signature_valid``: False also matches what nobody verified.
    * ``since`` (inclusive), ``until`` (exclusive): Unix seconds or an aware datetime; fractions are cut off.
    * ``all``: True lets an action on many take an otherwise empty filter.

    A list holds 1 to 1,000 values. Source: docs/abi.md, "Reads".
    """

    endpoint: Texts
    event_id: Ids
    delivery_id: Ids
    event_type: str
    dedupe_key: str
    provider_event_id: str
    provider_delivery_id: str
    orphaned: bool
    kind: str
    reason: Texts
    signature_valid: bool
    since: Moment
    until: Moment
    all: bool


def filter_fields(given: Mapping[str, Any]) -> Dict[str, Any]:
    """A filter as the library takes it: moments as Unix seconds, any iterable as a list, None left out."""
    fields: Dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        fields[name] = arguments.unix_seconds(value) if name in ("since", "until") else arguments.texts(value)
    return fields
