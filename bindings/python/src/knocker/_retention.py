"""How long what is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Dict, Mapping, Optional, TypedDict, Union

from knocker.errors import InvalidArgumentError

Age = Union[int, float, timedelta, None]


class RetentionPolicy(TypedDict, total=False):
    """How old what may grow. Ages are seconds or a timedelta; -1 keeps for ever.

    * ``handled_s``, ``ignored_s``: events of these states. Default to 30 days.
    * ``dead_s``: dead events. Defaults to -1.
    * ``orphans_s``: deliveries without an event. Defaults to 30 days.
    * ``dead_jobs_s``: the queue's rows of dead events, since their death. Defaults to -1.
    * ``audits_s``: audits of pruning. Defaults to 365 days.
    * ``batch``: the most rows that one transaction removes, 1 to 1,000. Defaults to 500.
    * ``interval_s``: between two passes. Defaults to an hour.
    * ``lease_s``: how long a leader that has vanished keeps others waiting. Defaults to 60 seconds.
    * ``force``: allows ages of events below 8 days, within which senders still retry. Defaults to False.

    Source: docs/abi.md, "Retention".
    """

    handled_s: Age
    ignored_s: Age
    dead_s: Age
    orphans_s: Age
    dead_jobs_s: Age
    audits_s: Age
    batch: int
    interval_s: Age
    lease_s: Age
    force: bool


def policy_fields(policy: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """A request with a policy; None, and a field that is None, stand for the defaults."""
    if policy is None:
        return {}
    if not isinstance(policy, Mapping):
        raise InvalidArgumentError(f"A retention policy is a mapping such as {{'handled_s': 86400}}, not {policy!r}.")
    return {"policy": {name: _seconds(value) for name, value in policy.items() if value is not None}}


def _seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value
