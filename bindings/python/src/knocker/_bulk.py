"""Actions on all that a filter matches: one bounded transaction after the other."""

from __future__ import annotations

from typing import Any, Callable, Dict, Generator, Mapping, Optional, Type, TypeVar

from knocker._filters import filter_fields
from knocker._operating_models import BulkResult
from knocker._requests import Call

R = TypeVar("R", bound=BulkResult)

#: Called after each transaction with how many matched and how many are changed so far. Answering False stops.
Progress = Callable[[int, int], Any]
#: The transactions of one action: each is yielded as a call, and takes its reply.
Steps = Generator[Call[Dict[str, Any]], Dict[str, Any], R]


def bulk_steps(
    method: str,
    result: Type[R],
    filter: Mapping[str, Any],
    progress: Optional[Progress],
    cursor: Optional[str],
    options: Mapping[str, Any],
) -> Steps[R]:
    """Repeat a method with the cursor that it answers until there is none; returns the sums."""
    # What is no mapping goes to the library, which says what a filter is.
    request = {"filter": filter_fields(filter) if isinstance(filter, Mapping) else filter, **options}
    matched = changed = skipped = 0
    while True:
        reply = yield Call(method, {**request, "cursor": cursor}, dict, writes=True)
        matched += reply["matched"]
        changed += reply["changed"]
        skipped += reply["skipped"]
        cursor = reply["cursor"]
        stopped = progress is not None and progress(matched, changed) is False
        if cursor is None or stopped:
            return result.from_reply({**reply, "matched": matched, "changed": changed, "skipped": skipped})
