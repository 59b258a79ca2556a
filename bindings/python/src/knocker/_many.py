"""Actions on all that a filter matches, each with its asynchronous twin."""

from __future__ import annotations

from typing import Optional

from knocker._bulk import Progress, bulk_steps
from knocker._connection import Connection
from knocker._filters import DeliveryFilter, EventFilter
from knocker._operating_models import BulkResult, ExpungeResult


class ActingOnMany(Connection):
    """The part of an inbox that acts on many events at once.

    Each action is a row of bounded transactions, so that receiving goes on
    between them. Beside the filter they take:

    * ``limit``: the most to change, oldest first. Defaults to all that match.
    * ``dry_run``: only counts. Defaults to False.
    * ``progress(matched, changed)``: called after each transaction. When it
      answers False, no further one follows, and the result's ``cursor`` tells
      where to go on. An asynchronous form that is cancelled ends likewise.
    * ``cursor``: of a result that was stopped; all else must be the same.

    They raise ``invalid_argument`` (also for an empty filter, unless
    ``{"all": True}`` is in it), ``unknown_endpoint``, ``busy``. What the
    transactions before an error have changed stays changed.
    """

    def ignore_events(
        self,
        filter: EventFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Let no handler run for any event that the filter matches."""
        options = {"limit": limit, "dry_run": dry_run}
        return self._drive(bulk_steps("ignore_events", BulkResult, filter, progress, cursor, options))

    async def aignore_events(
        self,
        filter: EventFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Asynchronous ``ignore_events``."""
        options = {"limit": limit, "dry_run": dry_run}
        return await self._adrive(bulk_steps("ignore_events", BulkResult, filter, progress, cursor, options))

    def replay_events(
        self,
        filter: EventFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Run all events again that the filter matches and that are over."""
        options = {"limit": limit, "dry_run": dry_run}
        return self._drive(bulk_steps("replay_events", BulkResult, filter, progress, cursor, options))

    async def areplay_events(
        self,
        filter: EventFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Asynchronous ``replay_events``."""
        options = {"limit": limit, "dry_run": dry_run}
        return await self._adrive(bulk_steps("replay_events", BulkResult, filter, progress, cursor, options))

    def requeue_events(
        self,
        filter: EventFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Run all events that the filter matches and that were not handled, or are stuck."""
        options = {"limit": limit, "dry_run": dry_run}
        return self._drive(bulk_steps("requeue_events", BulkResult, filter, progress, cursor, options))

    async def arequeue_events(
        self,
        filter: EventFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Asynchronous ``requeue_events``."""
        options = {"limit": limit, "dry_run": dry_run}
        return await self._adrive(bulk_steps("requeue_events", BulkResult, filter, progress, cursor, options))

    def replay_deliveries(
        self,
        filter: DeliveryFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Run the events of all deliveries again, each with its delivery's body; of a batch all."""
        options = {"limit": limit, "dry_run": dry_run}
        return self._drive(bulk_steps("replay_deliveries", BulkResult, filter, progress, cursor, options))

    async def areplay_deliveries(
        self,
        filter: DeliveryFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Asynchronous ``replay_deliveries``."""
        options = {"limit": limit, "dry_run": dry_run}
        return await self._adrive(bulk_steps("replay_deliveries", BulkResult, filter, progress, cursor, options))

    def reverify(
        self,
        filter: DeliveryFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Check refused deliveries again, with the endpoint's present secrets and the clock at their arrival.

        Those that pass become events by the ordinary rules; both verdicts are
        kept. Skipped are cut bodies, redacted credentials and what is still
        refused. Raises ``no_verifier`` where this process has no secrets for an endpoint.
        """
        options = {"limit": limit, "dry_run": dry_run}
        return self._drive(bulk_steps("reverify", BulkResult, filter, progress, cursor, options))

    async def areverify(
        self,
        filter: DeliveryFilter,
        *,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> BulkResult:
        """Asynchronous ``reverify``."""
        options = {"limit": limit, "dry_run": dry_run}
        return await self._adrive(bulk_steps("reverify", BulkResult, filter, progress, cursor, options))

    def expunge(
        self,
        filter: EventFilter,
        *,
        reason: Optional[str] = None,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> ExpungeResult:
        """Erase bodies, headers, queries and error texts of events, and keep what happened, for erasure requests.

        ``reason`` is kept in the audit. Skipped are events that are received,
        processing or failed, and those erased before. Identities stay, so a
        retry is still a duplicate; an erased event can't run again (``body_cut``).
        """
        options = {"limit": limit, "dry_run": dry_run, "reason": reason}
        return self._drive(bulk_steps("expunge", ExpungeResult, filter, progress, cursor, options))

    async def aexpunge(
        self,
        filter: EventFilter,
        *,
        reason: Optional[str] = None,
        limit: Optional[int] = None,
        dry_run: bool = False,
        progress: Optional[Progress] = None,
        cursor: Optional[str] = None,
    ) -> ExpungeResult:
        """Asynchronous ``expunge``."""
        options = {"limit": limit, "dry_run": dry_run, "reason": reason}
        return await self._adrive(bulk_steps("expunge", ExpungeResult, filter, progress, cursor, options))
