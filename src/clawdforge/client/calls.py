"""Every call of the API as a value: what to send, and how to read the reply. Pure.

Both clients get their calls from here, so that they cannot differ.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import msgspec

from clawdforge.client import replies
from clawdforge.client.errors import RequestError
from clawdforge.client.replies import Reply
from clawdforge.client.results import AppToken, FileToken, RunResult
from clawdforge.core.names import APP_NAME, Effort, SystemMode
from clawdforge.wire import forge

T = TypeVar("T")

DEFAULT_RUN_SECS = 120
"""The server's time-out of a run that names none."""
MARGIN_SECS = 30
"""How much longer the client waits than the run may take: for the line, the start, the way."""

_APP_NAME = re.compile(APP_NAME)
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NOT_BLANK = re.compile(r"\s*+\S.*+", re.DOTALL)
_CURSOR = re.compile(r"[\x21-\x7e]{1,512}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request to be sent once, and `decode`, which makes a value or an error of its reply."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    decode: Callable[[Reply], T]
    credential: Literal["app", "admin"] | None = "app"
    body: bytes | None = field(default=None, repr=False)
    """JSON."""
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    """Fields that go beside an upload."""
    timeout_secs: float | None = None
    """How long the server may be silent; None: the client's own time-out."""


def healthz() -> Call[forge.Health]:
    """`GET /healthz`, without a token."""
    decode = partial(replies.decoded, kind=forge.Health)
    return Call(method="GET", path="/healthz", credential=None, decode=decode)


def run(
    prompt: str,
    *,
    model: str | None,
    system: str | None,
    system_mode: SystemMode | None,
    effort: Effort | None,
    files: Iterable[str | FileToken],
    timeout_secs: int | None,
    agent: str | None,
) -> Call[RunResult]:
    """`POST /run`."""
    _matching(prompt, _NOT_BLANK, "the prompt is not a text, or is blank")
    tokens = tuple(
        file.file_token if isinstance(file, FileToken) else file for file in _several(files)
    )
    body = _encode(
        forge.RunRequest,
        prompt=prompt,
        model=model or None,
        system=system or None,
        system_mode=system_mode if system else None,
        effort=effort or None,
        files=tokens or None,
        timeout_secs=timeout_secs,
        agent=agent or None,
    )
    wait = (DEFAULT_RUN_SECS if timeout_secs is None else timeout_secs) + MARGIN_SECS
    return Call(method="POST", path="/run", body=body, timeout_secs=wait, decode=replies.run_result)


def upload(ttl_secs: int | None) -> Call[FileToken]:
    """`POST /files`; the file itself is handed in when the call is sent."""
    form = {} if ttl_secs is None else {"ttl_secs": str(_natural(ttl_secs, "ttl_secs"))}
    return Call(method="POST", path="/files", form=form, decode=replies.file_token)


def runs(limit: int | None, before: str | None) -> Call[forge.RunPage]:
    """`GET /runs`."""
    query = {} if limit is None else {"limit": str(_natural(limit, "limit"))}
    if before is not None:
        query["before"] = _matching(before, _CURSOR, "`before` is not the `next` of a page")
    decode = partial(replies.decoded, kind=forge.RunPage)
    return Call(method="GET", path="/runs", query=query, decode=decode)


def get_run(run_id: str) -> Call[forge.RunInfo]:
    """`GET /runs/{run_id}`."""
    name = _matching(run_id, _RUN_ID, "a run's id has only letters, digits, `_` and `-`")
    decode = partial(replies.decoded, kind=forge.RunInfo)
    return Call(method="GET", path=f"/runs/{name}", decode=decode)


def agents() -> Call[tuple[forge.AgentInfo, ...]]:
    """`GET /agents`."""
    return Call(method="GET", path="/agents", decode=replies.agent_list)


def create_token(
    name: str, ip_cidrs: Iterable[str], scopes: Iterable[str] | None
) -> Call[AppToken]:
    """`POST /admin/tokens`."""
    body = _encode(
        forge.TokenRequest,
        name=_app_name(name),
        ip_cidrs=tuple(_several(ip_cidrs)),
        scopes=None if scopes is None else tuple(_several(scopes)),
    )
    return Call(
        method="POST",
        path="/admin/tokens",
        credential="admin",
        body=body,
        decode=replies.app_token,
    )


def list_tokens() -> Call[tuple[forge.TokenInfo, ...]]:
    """`GET /admin/tokens`."""
    return Call(method="GET", path="/admin/tokens", credential="admin", decode=replies.token_list)


def revoke_token(name: str) -> Call[None]:
    """`DELETE /admin/tokens/{name}`."""
    return Call(
        method="DELETE",
        path=f"/admin/tokens/{_app_name(name)}",
        credential="admin",
        decode=replies.acknowledged,
    )


def _encode(kind: type[msgspec.Struct], **fields: Any) -> bytes:
    """The JSON of a request, its types checked."""
    try:
        return msgspec.json.encode(msgspec.convert(fields, kind))
    except UnicodeEncodeError:
        problem = "a text contains lone surrogates, which UTF-8 cannot carry"
    except msgspec.ValidationError as error:
        problem = forge.shown(str(error))
    raise RequestError(problem)


def _several(values: object) -> Iterable[Any]:
    """Refuse one string where several are expected: it would be taken letter by letter."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        msg = "a list is expected, not a single value"
        raise RequestError(msg)
    return values


def _app_name(name: object) -> str:
    return _matching(name, _APP_NAME, "an app's name has 1 to 64 of a-z, 0-9, `_` and `-`")


def _matching(value: object, pattern: re.Pattern[str], problem: str) -> str:
    """The value, if it is a string of that form as a whole: what goes into a URL must be."""
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise RequestError(problem)


def _natural(value: object, what: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    msg = f"{what} is not a whole number from 1"
    raise RequestError(msg)
