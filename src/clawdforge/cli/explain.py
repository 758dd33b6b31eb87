"""`clawdforge explain`: why a session is said to be in its state."""

from typing import Annotated, Any

import typer

from clawdforge.cli.connection import AS_JSON


def explain(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="The session's id, or its beginning.")
    ],
    as_json: AS_JSON = False,
) -> None:
    """Say why a session is in its state: which signals say so, how old they are, which disagree.

    Asks the monitor of this machine; ATM_SOCKET names another one.

    Example: clawdforge explain 3f0c
    """
    from clawdforge.cli.screen import print_json

    told = _asked("explain", session_id=_found(session)).get("explanation")
    if not isinstance(told, dict):
        _unknown(session)
    elif as_json:
        print_json(told)
    else:
        _print(told)


def _found(given: str) -> str:
    sessions = _asked("list_sessions").get("sessions") or []
    ids = [one["id"] for one in sessions if one["id"].startswith(given)]
    if given in ids:
        return given
    if len(ids) > 1:
        from clawdforge.errors import InputError

        msg = f"{len(ids)} sessions begin with {given}"
        raise InputError(msg, hint=f"name one: {', '.join(ids[:5])}")
    return ids[0] if ids else given


def _asked(kind: Any, **fields: str) -> dict[str, Any]:
    from clawdforge.client.errors import TransportError
    from clawdforge.config import environment
    from clawdforge.monitor.asking import ask
    from clawdforge.monitor.paths import paths_of
    from clawdforge.wire.atm import encode_request

    path = paths_of(environment()).socket
    told = ask(path, encode_request(kind, **fields))
    if told is None:
        msg = f"no monitor answers at {path}"
        raise TransportError(msg, hint="start one: atmd start -d, or clawdforge serve")
    return told


def _unknown(session: str) -> None:
    from clawdforge.errors import NotFoundError

    msg = f"the monitor knows no session {session}"
    raise NotFoundError(msg, hint="clawdforge ps lists them; do its hooks report?")


def _print(told: dict[str, Any]) -> None:
    from clawdforge.cli.screen import print_facts, print_table

    detail = f" ({told['activity_detail']})" if told.get("activity_detail") else ""
    print_facts(
        (
            ("session", told["session_id"]),
            ("state", f"{told['state']}{detail}"),
            ("for", f"{told['for_secs']:.0f} s"),
            ("because", told["reason"]),
            ("last heard", f"{told['silent_secs']:.0f} s ago"),
        )
    )
    rows = (
        (
            one["signal"],
            one["says"],
            f"{one['age_ms'] / 1000:.1f} s ago",
            "disagrees" if one["contradicts"] else "",
        )
        for one in told["signals"]
    )
    print_table(("SIGNAL", "SAYS", "WHEN", ""), rows, folded="SAYS")
