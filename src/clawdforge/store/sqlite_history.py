"""The history's part of the ledger in SQLite."""

# ruff: noqa: D102 - the port says what each method promises

from collections.abc import Sequence
from dataclasses import asdict

from clawdforge.core.history import Span, Spent, Wanted, Work
from clawdforge.core.records import AuditEntry
from clawdforge.core.usage import Usage
from clawdforge.store import history_statements as sql
from clawdforge.store.rows import USAGE_COLUMNS, Row, audit_of, names_of, take
from clawdforge.store.sqlite_lanes import SqliteLanes

_WORK_COLUMNS = tuple(name for name in names_of(Work) if name != "usage")
_SPENT_COLUMNS = names_of(Spent)


class SqliteHistory(SqliteLanes):
    """The port `History` on SQLite; see there for what each method promises."""

    async def work(
        self, wanted: Wanted, *, limit: int, before: tuple[int, str] | None = None
    ) -> Sequence[Work]:
        started_at, work_id = before or (None, None)
        return await self._list(
            _work_of,
            sql.WORK,
            **asdict(wanted),
            limit=limit,
            started_at=started_at,
            work_id=work_id,
        )

    async def spending(self, span: Span, *, app_id: str | None = None) -> Sequence[Spent]:
        return await self._list(
            _spent_of,
            sql.SPENDING,
            app_id=app_id,
            since=span.since,
            step=span.step_secs,
            offset_secs=span.offset_secs,
        )

    async def audit_page(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
    ) -> Sequence[tuple[int, AuditEntry]]:
        return await self._list(
            _numbered,
            sql.AUDIT_PAGE,
            limit=limit,
            before=before,
            actor=actor,
            action=action,
            subject=subject,
        )


def _work_of(row: Row) -> Work:
    return Work(**take(row, _WORK_COLUMNS), usage=Usage(**take(row, USAGE_COLUMNS)))


def _spent_of(row: Row) -> Spent:
    return Spent(**take(row, _SPENT_COLUMNS))


def _numbered(row: Row) -> tuple[int, AuditEntry]:
    return row["id"], audit_of(row)
