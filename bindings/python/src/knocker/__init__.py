"""Knocker: a durable inbox for webhooks, in one SQLite file.

    import knocker

    webhooks = knocker.open("app.db")
    orders = webhooks.endpoint("orders", provider="stripe", secrets=["whsec_..."])

    @orders.handle("invoice.paid")
    def paid(event, tx):
        tx.execute("INSERT INTO payments (invoice) VALUES (?)", (event.json()["id"],))

A route calls ``orders.receive(body=..., headers=...)`` and answers with
``result.response``; a worker, here or in another process, calls
``webhooks.run_worker()``.
"""

from __future__ import annotations

import os
from typing import Any, Mapping, NoReturn, Optional, Sequence, Union

from knocker import errors
from knocker._attached import AttachedInbox, attach
from knocker._endpoint import Endpoint
from knocker._extension import extension_path, load_extension
from knocker._filters import DeliveryFilter, EventFilter
from knocker._inbox import Knocker
from knocker._models import (
    Attempt,
    Delivery,
    EndpointInfo,
    Event,
    Finished,
    HookEvent,
    HookEvents,
    Page,
    PruneResult,
    Response,
    Result,
    Stats,
    StopReport,
)
from knocker._operating_models import (
    Accepted,
    BulkResult,
    Check,
    DanglingKey,
    EndpointStats,
    ExplainStep,
    Explanation,
    ExpungeResult,
    PruneAudit,
    RetentionError,
    RetentionPass,
    RetentionState,
    RunningJob,
)
from knocker._outcomes import Discard, HandlerSignal, Ignore, RetryAfter
from knocker._retention import RetentionPolicy
from knocker._transaction import AsyncTx, Tx
from knocker._values import Executed, Row
from knocker.errors import *  # noqa: F403  errors.__all__ names them

__version__ = "0.1.0"


def open(
    path: Union[str, bytes, os.PathLike[str], os.PathLike[bytes]],
    *,
    queue_name: Optional[str] = None,
    busy_timeout_ms: Optional[int] = None,
    receive_timeout_ms: Optional[int] = None,
    max_body_bytes: Optional[int] = None,
    max_orphans: Optional[int] = None,
    max_orphan_bytes: Optional[int] = None,
    max_orphan_body_bytes: Optional[int] = None,
    max_orphans_per_s: Optional[int] = None,
    redact_headers: Optional[Sequence[str]] = None,
    file_mode: Union[int, str, None] = None,
    migrate: Optional[str] = None,
    engine: Optional[str] = None,
    journal_mode: Optional[str] = None,
    foreign_keys: Optional[bool] = None,
    max_transaction_s: Optional[float] = None,
    allow_network_file_system: Optional[bool] = None,
    max_attempts: Optional[int] = None,
    backoff_initial_s: Optional[float] = None,
    backoff_factor: Optional[float] = None,
    backoff_max_s: Optional[float] = None,
    backoff_jitter: Optional[bool] = None,
    clock: Optional[Mapping[str, float]] = None,
    **unknown: NoReturn,
) -> Knocker:
    """Open an inbox; the file is made where there is none.

    * ``queue_name``: of the jobs. Defaults to "knocker.events".
    * ``busy_timeout_ms``: bound on every wait for the database. Defaults to 5,000.
    * ``receive_timeout_ms``: the same for ``receive``. Defaults to 2,500.
    * ``max_body_bytes``: larger bodies are answered 413. Defaults to 25 MiB.
    * ``max_orphans`` (10,000 an endpoint), ``max_orphan_bytes`` (256 MiB),
      ``max_orphan_body_bytes`` (64 KiB), ``max_orphans_per_s`` (20): how much of
      refused requests is kept.
    * ``redact_headers``: further names whose values are stored as "[redacted]".
    * ``file_mode``: of a new file. Defaults to 0o600.
    * ``migrate``: "auto" (default) or "never".
    * ``engine``: "embedded" (default on Linux and Windows), or "host" for the SQLite of this interpreter's ``sqlite3``,
      or of the connection that loaded the extension: then the process has only one.
    * ``journal_mode``: "wal" (default) or "keep".
    * ``foreign_keys``: enforced. Defaults to True.
    * ``max_transaction_s``: how long a handler's transaction may stay open. Defaults to 3.
    * ``allow_network_file_system``: open there all the same. Defaults to False.
    * ``max_attempts`` (12), ``backoff_initial_s`` (1), ``backoff_factor`` (3),
      ``backoff_max_s`` (3,600), ``backoff_jitter`` (True): retries of failed events.
    * ``clock``: ``{"now_s": Unix seconds}``, a settable clock for tests.

    Raises KnockerError: ``cannot_open``, ``not_a_database``, ``read_only``,
    ``schema_too_new``, ``open_options_conflict``, ``invalid_argument``,
    ``unsupported_platform``, ``forked`` and others.
    """
    options = {name: value for name, value in locals().items() if name not in ("path", "unknown")}
    return Knocker(path, {**{name: value for name, value in options.items() if value is not None}, **unknown})


async def aopen(path: Any, **options: Any) -> Knocker:
    """Open an inbox without blocking the event loop: ``async with await knocker.aopen(path) as webhooks``."""
    from knocker._running import _in_thread

    inbox: Knocker = await _in_thread(lambda: open(path, **options))
    return inbox


__all__ = [
    "Accepted",
    "AsyncTx",
    "AttachedInbox",
    "Attempt",
    "BulkResult",
    "Check",
    "DanglingKey",
    "Delivery",
    "DeliveryFilter",
    "Discard",
    "Endpoint",
    "EndpointInfo",
    "EndpointStats",
    "Event",
    "EventFilter",
    "Executed",
    "ExplainStep",
    "Explanation",
    "ExpungeResult",
    "Finished",
    "HandlerSignal",
    "HookEvent",
    "HookEvents",
    "Ignore",
    "Knocker",
    "Page",
    "PruneAudit",
    "PruneResult",
    "Response",
    "Result",
    "RetentionError",
    "RetentionPass",
    "RetentionPolicy",
    "RetentionState",
    "RetryAfter",
    "Row",
    "RunningJob",
    "Stats",
    "StopReport",
    "Tx",
    "aopen",
    "attach",
    "errors",
    "extension_path",
    "load_extension",
    "open",
]
__all__ += errors.__all__
