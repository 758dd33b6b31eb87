"""Headers and query parameters that several routes read."""

import re

from fastapi import Request

from clawdforge.errors import InputError

_KEY = re.compile(r"[!-~]{1,200}")
_CURSOR = re.compile(r"(\d{1,12})-([A-Za-z0-9_-]{1,80})", re.ASCII)
_SEQ = re.compile(r"\d{1,15}", re.ASCII)


def cursor(text: str | None) -> tuple[int, str] | None:
    """`before` of a page: a time and an id."""
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        msg = "before: not a `next` of a page"
        raise InputError(msg, code="invalid_cursor")
    return int(found[1]), found[2]


async def idempotency_key(request: Request) -> str | None:
    """The header `Idempotency-Key`: 1 to 200 visible ASCII characters."""
    key = request.headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        msg = "Idempotency-Key: 1 to 200 visible ASCII characters"
        raise InputError(msg, code="invalid_idempotency_key")
    return key


def last_event_id(request: Request, after: int) -> int:
    """Where a reader of events goes on: `Last-Event-ID` if it sends one, else `after`."""
    given = request.headers.get("last-event-id")
    if not given:
        return after
    if _SEQ.fullmatch(given) is None:
        msg = "Last-Event-ID: not the id of an event"
        raise InputError(msg, code="invalid_last_event_id")
    return int(given)


def wants_events(request: Request) -> bool:
    """Whether the caller accepts an event stream, by name."""
    accepted = request.headers.get("accept", "")
    return any(
        part.split(";")[0].strip().lower() == "text/event-stream" for part in accepted.split(",")
    )
