"""The port of the ledger's history: all runs and turns as one list, and what they cost.

What a deleted session cost stays known, by the hour: `delete_session` adds it up first. A run or
turn belongs to the time at which it was begun; one that runs counts, with what is known of it.
"""

from collections.abc import Sequence
from typing import Protocol

from clawdforge.core.history import Span, Spent, Wanted, Work
from clawdforge.core.records import AuditEntry


class History(Protocol):
    """The history's part of the ledger."""

    async def work(
        self, wanted: Wanted, *, limit: int, before: tuple[int, str] | None = None
    ) -> Sequence[Work]:
        """Runs, and turns of sessions that are there, newest first by (started_at, work_id).

        `before`: only those that sort after this (started_at, work_id), for paging.
        """
        ...

    async def spending(self, span: Span, *, app_id: str | None = None) -> Sequence[Spent]:
        """What was used since `span.since`, by step, app and agent, in that order.

        Of deleted sessions only whole hours are known: they count in the step in which their
        hour begins.
        """
        ...

    async def audit_page(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
    ) -> Sequence[tuple[int, AuditEntry]]:
        """The newest entries with their numbers, which only grow, newest first.

        `before`: only those with a smaller number. `action` may be the first part of one:
        `session` for all of `session.…`.
        """
        ...
