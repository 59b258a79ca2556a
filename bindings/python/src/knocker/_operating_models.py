"""What operators are told: frozen dataclasses, as in _models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

from knocker._models import _Model


@dataclass(frozen=True)
class BulkResult(_Model):
    """What an action on many did.

    * ``matched`` (int): how many the filter matched, counted before the first was changed.
    * ``changed`` (int): how many were. 0 in a dry run.
    * ``skipped`` (int): how many have a state that forbids the action, or changed it meanwhile.
    * ``cursor`` (str or None): where to go on after ``progress`` has stopped it; None when it is done.
    """

    matched: int = 0
    changed: int = 0
    skipped: int = 0
    cursor: Optional[str] = None


@dataclass(frozen=True)
class ExpungeResult(BulkResult):
    """As ``BulkResult``.

    ``erased_from_file`` (bool): neither the database nor its WAL holds the bytes
    any more. False after a dry run, and while a reader keeps an old state: expunge again then.
    """

    erased_from_file: bool = False


@dataclass(frozen=True)
class Accepted(_Model):
    """What a refused delivery became: ``event_id`` (int), ``event_ids`` (tuple of int), ``duplicate`` (bool)."""

    event_id: Optional[int] = None
    event_ids: Tuple[int, ...] = ()
    duplicate: bool = False

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Accepted:
        """Make the object of the library's reply."""
        return cls(reply["event_id"], tuple(reply["event_ids"]), reply["duplicate"])


@dataclass(frozen=True)
class ExplainStep(_Model):
    """One step of a check: ``name`` (str), ``ok`` (bool, None where it did not come to it), ``detail`` (str)."""

    name: str
    ok: Optional[bool] = None
    detail: str = ""


@dataclass(frozen=True)
class Explanation(_Model):
    """Why a delivery was taken or refused. Holds no secret.

    * ``valid`` (bool), ``reason`` (str or None): the verdict now.
    * ``clock`` (int): the Unix second at which it was checked.
    * ``body_cut`` (bool): the stored body is not whole, so it can't verify.
    * ``redacted`` (tuple of str): headers and parameters that are not stored.
    * ``steps`` (tuple of ExplainStep): the check, step by step.
    """

    valid: bool = False
    reason: Optional[str] = None
    clock: Optional[int] = None
    body_cut: bool = False
    redacted: Tuple[str, ...] = ()
    steps: Tuple[ExplainStep, ...] = ()

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Explanation:
        """Make the object of the library's reply."""
        steps = tuple(ExplainStep.from_reply(step) for step in reply["steps"])
        return super().from_reply({**reply, "redacted": tuple(reply["redacted"]), "steps": steps})


@dataclass(frozen=True)
class RunningJob(_Model):
    """A job that a worker of some process holds.

    ``since`` (Unix seconds): when its handler started, None where only another
    process knows. ``lease_left_s`` (int): below 0 when the lease is over.
    """

    job_id: int
    event_id: int
    endpoint: str
    event_type: Optional[str] = None
    worker_id: str = ""
    attempt: int = 0
    since: Optional[int] = None
    lease_left_s: int = 0


@dataclass(frozen=True)
class EndpointStats(_Model):
    """Counts of one endpoint: ``events`` by status, ``orphans`` (int), ``last_received_at`` (Unix seconds or None)."""

    name: str
    provider: Optional[str] = None
    enabled: bool = True
    paused: bool = False
    events: Mapping[str, int] = field(default_factory=dict)
    orphans: int = 0
    last_received_at: Optional[int] = None


@dataclass(frozen=True)
class PruneAudit(_Model):
    """One pruning, as it is kept in the file.

    ``kind``: events, orphan_deliveries, retention, accept_delivery or expunge
    (whose ``events_pruned`` are the erased ones). ``executed_at``: Unix seconds.
    ``summary`` (dict): what was asked for, and further counts.
    """

    id: int
    kind: str
    queue_name: Optional[str] = None
    executed_at: int = 0
    events_pruned: int = 0
    deliveries_pruned: int = 0
    attempts_pruned: int = 0
    live_jobs_pruned: int = 0
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RetentionPass(_Model):
    """What one pass removed (int each). ``more`` (bool): another pass would find more."""

    events_pruned: int = 0
    deliveries_pruned: int = 0
    attempts_pruned: int = 0
    live_jobs_pruned: int = 0
    dead_jobs_pruned: int = 0
    audits_pruned: int = 0
    pages_released: int = 0
    more: bool = False


@dataclass(frozen=True)
class RetentionError(_Model):
    """Why this process's last pass failed: ``at`` (Unix seconds), ``code``, ``message``."""

    at: int
    code: str
    message: str = ""


@dataclass(frozen=True)
class RetentionState(_Model):
    """How retention stands.

    * ``running`` (bool): started in this process. ``leader`` (bool): this process makes the passes.
    * ``leader_id`` (str or None): host:pid:random of the process that leads,
      until ``lease_until`` (Unix seconds) unless it renews.
    * ``last_pass`` (PruneAudit or None): of any process. ``last_error`` (RetentionError or None): of this one.
    """

    running: bool = False
    leader: bool = False
    leader_id: Optional[str] = None
    lease_until: Optional[int] = None
    last_pass: Optional[PruneAudit] = None
    last_error: Optional[RetentionError] = None

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> RetentionState:
        """Make the object of the library's reply."""
        last, error = reply.get("last_pass"), reply.get("last_error")
        told = {
            "last_pass": PruneAudit.from_reply(last) if last else None,
            "last_error": RetentionError.from_reply(error) if error else None,
        }
        return super().from_reply({**reply, **told})


@dataclass(frozen=True)
class DanglingKey(_Model):
    """A row of ``table`` (its ``rowid``, None where it has none) whose foreign key finds nothing in ``parent``."""

    table: str
    rowid: Optional[int] = None
    parent: str = ""


@dataclass(frozen=True)
class Check(_Model):
    """What a look at the file found.

    * ``integrity`` (tuple of str): damage, in SQLite's own sentences.
    * ``foreign_keys`` (tuple of DanglingKey): rows that point at nothing, the application's too.
    * ``schema_version`` (int).
    * ``stuck`` (int): received events whose job is gone: requeue them.
    * ``orphan_jobs`` (int): jobs of the inbox's queue that are about no event.

    At most 100 of each are told.
    """

    integrity: Tuple[str, ...] = ()
    foreign_keys: Tuple[DanglingKey, ...] = ()
    schema_version: int = 0
    stuck: int = 0
    orphan_jobs: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the file."""
        return not (self.integrity or self.foreign_keys)

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Check:
        """Make the object of the library's reply."""
        keys = tuple(DanglingKey.from_reply(key) for key in reply["foreign_keys"])
        return super().from_reply({**reply, "integrity": tuple(reply["integrity"]), "foreign_keys": keys})
