"""What the parts of the ledger in memory share."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from clawdforge.core.records import AuditEntry
from clawdforge.errors import InputError, StorageError
from clawdforge.store.news import News

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class MemoryBase:
    """Open or not, and the audit."""

    def __init__(self) -> None:
        self._open = False
        self._news = News()
        self._audit: list[AuditEntry] = []

    async def __aenter__(self) -> Self:
        self._open = True
        self._news.begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        self._news.end()

    def _require_open(self) -> None:
        if not self._open:
            raise StorageError("The ledger is not open.")


def object_as_kept(value: Mapping[str, Any]) -> dict[str, Any]:
    """The object as a database gives it back: it has been JSON."""
    kept: dict[str, Any] = json.loads(json.dumps(dict(value)))
    return kept


def entry_as_kept(entry: AuditEntry) -> AuditEntry:
    """The audit entry as a database gives it back."""
    require_text(entry)
    return replace(entry, detail=object_as_kept(entry.detail))


def require_text(record: "DataclassInstance") -> None:
    """Refuse text that no database keeps.

    Raises:
        InputError: a field is no Unicode.
    """
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"The ledger cannot keep this value: {error}.") from error
