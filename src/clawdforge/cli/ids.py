"""Ids as people type them: their beginning will do, where only one fits."""

from typing import TYPE_CHECKING

from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clawdforge.client import Client, SessionPage

WHOLE_CHARS = 32
"""An id that is at least this long is not looked up."""
PAGE = 200


def session_id(client: "Client", given: str) -> str:
    """The id of the session that `given` is the beginning of.

    Raises:
        InputError: none fits, or more than one.
    """
    found: list[str] = []
    before: str | None = None
    while len(given) < WHOLE_CHARS:
        page = client.list_sessions(limit=PAGE, before=before)
        found += _fitting(page, given)
        before = page.next
        if before is None or len(found) > 1:
            return only(given, found, "session")
    return given


def permission_id(client: "Client", given: str) -> str:
    """The id of the permission that `given` is the beginning of; of one that waits, if any.

    Raises:
        InputError: none fits, or more than one.
    """
    waiting = [info.permission_id for info in client.permissions()]
    if given in waiting or len(given) > WHOLE_CHARS + len("pm_"):
        fitting = [name for name in waiting if name.startswith(given)]
        return fitting[0] if len(fitting) == 1 else given
    return only(given, [name for name in waiting if name.startswith(given)], "waiting permission")


def only(given: str, found: "Sequence[str]", what: str) -> str:
    """The one that was found.

    Raises:
        InputError: it is not one.
    """
    if len(found) == 1:
        return found[0]
    if given in found:
        return given
    listing = f"`clawdforge {'sessions' if what == 'session' else 'permissions'} list` shows them"
    if not found:
        msg = f"no {what} has an id that begins with {given!r}"
        raise InputError(msg, hint=listing)
    msg = f"more than one {what} has an id that begins with {given!r}"
    raise InputError(msg, hint=f"give more of it; {listing}")


def _fitting(page: "SessionPage", given: str) -> list[str]:
    return [info.session_id for info in page.sessions if info.session_id.startswith(given)]
