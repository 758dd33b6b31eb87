"""Every call of the API as a value: what to send, and how to read the reply. Pure.

Both clients get their calls from here, so that they cannot differ.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, TypeVar

from clawdforge.client import arguments, replies
from clawdforge.client.replies import Reply
from clawdforge.client.results import AppToken, FileToken, RunResult
from clawdforge.core.names import Effort, SystemMode
from clawdforge.wire import forge

T = TypeVar("T")

LINE_SECS = 25
"""How long a server lets a run or turn wait in line for an agent, unless told otherwise."""
MARGIN_SECS = 30
"""For the agent's start and end, and the way there and back."""
NO_LIMIT = math.inf
HEARTBEAT_SECS = 15
"""How often a stream of events says something at least."""
SILENCE_SECS = 3 * HEARTBEAT_SECS
"""A stream that was silent for longer is not alive any more."""
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request to be sent once, and `decode`, which makes a value or an error of its reply."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    decode: Callable[[Reply], T]
    credential: Literal["app", "admin"] | None = "app"
    body: bytes | None = field(default=None, repr=False)
    """JSON."""
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    """Fields that go beside an upload."""
    headers: dict[str, str] = field(default_factory=dict)
    accept: str = "application/json"
    timeout_secs: float | None = None
    """How long the server may be silent; None: the client's own time-out; or `NO_LIMIT`."""


def patience_secs(timeout_secs: int | None) -> float:
    """How long to wait for the reply of a run or turn: always longer than the server lets it take.

    The time-out of one that names none is the server's to know. TCP's keep-alive finds out when
    the machine there is gone.
    """
    return NO_LIMIT if timeout_secs is None else timeout_secs + LINE_SECS + MARGIN_SECS


def healthz() -> Call[forge.Health]:
    """`GET /healthz`, without a token."""
    decode = partial(replies.decoded, kind=forge.Health)
    return Call(method="GET", path="/healthz", credential=None, decode=decode)


def readyz() -> Call[forge.Ready]:
    """`GET /readyz`, without a token."""
    return Call(method="GET", path="/readyz", credential=None, decode=replies.ready)


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
    body = arguments.encode(
        forge.RunRequest,
        prompt=arguments.prompt(prompt),
        model=model or None,
        system=system or None,
        system_mode=system_mode if system else None,
        effort=effort or None,
        files=arguments.files(files),
        timeout_secs=timeout_secs,
        agent=agent or None,
    )
    wait = patience_secs(timeout_secs)
    return Call(method="POST", path="/run", body=body, timeout_secs=wait, decode=replies.run_result)


def upload(ttl_secs: int | None) -> Call[FileToken]:
    """`POST /files`; the file itself is handed in when the call is sent."""
    form = {} if ttl_secs is None else {"ttl_secs": str(arguments.natural(ttl_secs, "ttl_secs"))}
    return Call(method="POST", path="/files", form=form, decode=replies.file_token)


def runs(limit: int | None, before: str | None) -> Call[forge.RunPage]:
    """`GET /runs`."""
    query = {} if limit is None else {"limit": str(arguments.natural(limit, "limit"))}
    if before is not None:
        query["before"] = arguments.cursor(before)
    decode = partial(replies.decoded, kind=forge.RunPage)
    return Call(method="GET", path="/runs", query=query, decode=decode)


def get_run(run_id: str) -> Call[forge.RunInfo]:
    """`GET /runs/{run_id}`."""
    name = arguments.identifier(run_id, "run")
    decode = partial(replies.decoded, kind=forge.RunInfo)
    return Call(method="GET", path=f"/runs/{name}", decode=decode)


def agents() -> Call[tuple[forge.AgentInfo, ...]]:
    """`GET /agents`."""
    return Call(method="GET", path="/agents", decode=replies.agent_list)


def create_token(
    name: str,
    ip_cidrs: Iterable[str],
    scopes: Iterable[str] | None,
    permissions: str | dict[str, Any] | None,
) -> Call[AppToken]:
    """`POST /admin/tokens`."""
    asked = None if scopes is None else tuple(arguments.several(scopes))
    body = arguments.encode(
        forge.TokenRequest,
        name=arguments.app_name(name),
        ip_cidrs=tuple(arguments.several(ip_cidrs)),
        scopes=asked,
        permissions=permissions,
    )
    return Call(
        method="POST",
        path="/admin/tokens",
        credential="admin",
        body=body,
        decode=partial(replies.app_token, asked_scopes=asked),
    )


def list_tokens() -> Call[tuple[forge.TokenInfo, ...]]:
    """`GET /admin/tokens`."""
    return Call(method="GET", path="/admin/tokens", credential="admin", decode=replies.token_list)


def revoke_token(name: str) -> Call[None]:
    """`DELETE /admin/tokens/{name}`."""
    return Call(
        method="DELETE",
        path=f"/admin/tokens/{arguments.app_name(name)}",
        credential="admin",
        decode=replies.acknowledged,
    )
