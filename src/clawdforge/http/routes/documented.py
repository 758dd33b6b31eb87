"""The error replies of each kind of route, for the OpenAPI document."""

from typing import Any

from clawdforge.http.schemas import ErrorReply

Responses = dict[int | str, dict[str, Any]]

_MEANING = {
    401: "No valid token.",
    403: "The address, origin or scope may not call.",
    404: "No such thing, or another app's.",
    409: "Not as things stand: the name is taken, a turn runs …",
    410: "The session is closed.",
    413: "Too large.",
    415: "Not JSON.",
    421: "Not known by this host name.",
    422: "The request makes no sense; the message says where.",
    429: "Too many turns wait in the session; `Retry-After` says when.",
    503: "Not now; `Retry-After` says when.",
}
EVERYWHERE = (403, 421)


def errors(*statuses: int) -> Responses:
    """Document these statuses, and those that any route may answer with."""
    return {
        status: {"model": ErrorReply, "description": _MEANING[status]}
        for status in sorted({*statuses, *EVERYWHERE})
    }
