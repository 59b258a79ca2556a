"""Pruning and retention, each with its asynchronous twin."""

from __future__ import annotations

from typing import Iterable, Optional

from knocker import _requests as requests
from knocker._arguments import Moment
from knocker._connection import Connection
from knocker._models import Page, PruneResult
from knocker._operating_models import PruneAudit, RetentionPass, RetentionState
from knocker._retention import RetentionPolicy, policy_fields


class Retaining(Connection):
    """The part of an inbox that removes what is old."""

    def prune_events(
        self,
        older_than: Moment,
        *,
        statuses: Optional[Iterable[str]] = None,
        limit: Optional[int] = None,
        force: bool = False,
    ) -> PruneResult:
        """Remove the oldest events that are over, with their attempts and deliveries. Each call is audited.

        * ``older_than``: Unix seconds or an aware datetime; events received
          strictly before it.
        * ``statuses``: "handled", "ignored". Defaults to both.
        * ``limit``: 1 to 1,000 events a call. Defaults to 1,000.
        * ``force``: allows a cutoff younger than 8 days. Defaults to False:
          pruning forgets identities, so a sender's retry would run again.

        Raises ``invalid_argument``.
        """
        return self._call(requests.prune_events(older_than, statuses, limit, force))

    async def aprune_events(
        self,
        older_than: Moment,
        *,
        statuses: Optional[Iterable[str]] = None,
        limit: Optional[int] = None,
        force: bool = False,
    ) -> PruneResult:
        """Asynchronous ``prune_events``."""
        return await self._acall(requests.prune_events(older_than, statuses, limit, force))

    def prune_orphan_deliveries(self, older_than: Moment, *, limit: Optional[int] = None) -> PruneResult:
        """Remove the oldest deliveries without an event: refused requests, handshakes. Each call is audited.

        ``older_than``: Unix seconds or an aware datetime; those received
        strictly before it. ``limit``: 1 to 1,000, defaults to 1,000. Of the
        result only ``deliveries_pruned`` can be above 0. Raises ``invalid_argument``.
        """
        return self._call(requests.prune_orphan_deliveries(older_than, limit))

    async def aprune_orphan_deliveries(self, older_than: Moment, *, limit: Optional[int] = None) -> PruneResult:
        """Asynchronous ``prune_orphan_deliveries``."""
        return await self._acall(requests.prune_orphan_deliveries(older_than, limit))

    def run_retention(self, policy: Optional[RetentionPolicy] = None) -> None:
        """Let the library prune by itself from now on, until ``stop_retention`` or ``close``.

        Returns at once. Of all processes that do so on one file one makes the
        passes; another takes over when it vanishes. Called again, the new
        policy counts. ``policy``: see :class:`RetentionPolicy`. Raises ``invalid_argument``.
        """
        self._call(requests.Call("start_retention", policy_fields(policy), _nothing))

    async def arun_retention(self, policy: Optional[RetentionPolicy] = None) -> None:
        """Asynchronous ``run_retention``."""
        await self._acall(requests.Call("start_retention", policy_fields(policy), _nothing))

    def stop_retention(self) -> bool:
        """End what ``run_retention`` began in this process. Returns whether it was running."""
        return self._call(_STOP)

    async def astop_retention(self) -> bool:
        """Asynchronous ``stop_retention``."""
        return await self._acall(_STOP)

    def retention_state(self) -> RetentionState:
        """Tell whether retention runs, who leads, and how the last pass went."""
        return self._call(_STATE)

    async def aretention_state(self) -> RetentionState:
        """Asynchronous ``retention_state``."""
        return await self._acall(_STATE)

    def run_retention_pass(self, policy: Optional[RetentionPolicy] = None) -> RetentionPass:
        """Remove up to a batch of each kind that is too old; call again while ``more`` is True.

        Asks for no leader. ``policy``: see :class:`RetentionPolicy`. Raises ``invalid_argument``, ``busy``.
        """
        return self._call(_pass(policy))

    async def arun_retention_pass(self, policy: Optional[RetentionPolicy] = None) -> RetentionPass:
        """Asynchronous ``run_retention_pass``."""
        return await self._acall(_pass(policy))

    def list_prune_audits(self, *, limit: Optional[int] = None, cursor: Optional[str] = None) -> Page[PruneAudit]:
        """List what was pruned and erased, newest first. ``limit``: 1 to 1,000, defaults to 100."""
        return self._call(requests.list_prune_audits(limit, cursor))

    async def alist_prune_audits(
        self, *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> Page[PruneAudit]:
        """Asynchronous ``list_prune_audits``."""
        return await self._acall(requests.list_prune_audits(limit, cursor))


def _nothing(_: object) -> None:
    return None


_STOP = requests.Call("stop_retention", {}, lambda reply: bool(reply["stopped"]))
_STATE = requests.Call("retention_state", {}, RetentionState.from_reply)


def _pass(policy: Optional[RetentionPolicy]) -> requests.Call[RetentionPass]:
    return requests.Call("run_retention_pass", policy_fields(policy), RetentionPass.from_reply, writes=True)
