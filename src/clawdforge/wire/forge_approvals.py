"""Approvals of sessions that were started by hand, as the API tells and takes them."""

from typing import Any, Literal

import msgspec

from clawdforge.wire.forge_sessions import PermissionInfo

ID_PREFIX = "ap_"
"""Ids of approvals begin so."""


class ApprovalInfo(PermissionInfo, frozen=True, kw_only=True):
    """What a session asks that was started by hand; `session_id` is that of its view.

    `always` says what answering "always" would mean; when it is empty, that is not offered. When
    `cut` is true, `args` is not all of what would be done. `modes` are what the session may be
    switched to with a yes. `reason` says why nobody can answer any more: `terminal`, it was
    answered there.
    """

    agent_session_id: str = ""
    text: str = ""
    """Tool and input in a line."""
    cwd: str | None = None
    pid: int | None = None
    tmux_pane: str | None = None
    permission_mode: str | None = None
    subagent: str | None = None
    subagent_type: str | None = None
    cut: bool = False
    suggestions: tuple[dict[str, Any], ...] = ()
    always: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    reason: str | None = None


class ApprovalList(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /monitor/approvals`."""

    permissions: tuple[ApprovalInfo, ...]
    count: int


class ApprovalReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /monitor/approvals/{id}`."""

    decision: Literal["allow", "deny"]
    scope: Literal["once", "always"] | None = None
    option_id: str | None = None
    message: str | None = None
    args: dict[str, Any] | None = None
    answers: dict[str, str] | None = None
    mode: str | None = None
    interrupt: bool | None = None
