"""The approvals that are open, and what ends them before anybody answers from afar. Pure.

The terminal's own dialog goes on beside: what is answered there is told by no hook at once (seen
with Claude Code 2.1.329). A no closes the hook; a yes shows in Claude Code's record, which says
`waiting` no more, and later in the hooks of the tool.
"""

import math
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from clawdforge.core.observed.approval import ApprovalRequest, Described, describe
from clawdforge.core.observed.mind import INPUT_TOOLS
from clawdforge.core.observed.signals import Hook, Moment, Record

State = Literal["pending", "allowed", "denied", "expired", "withdrawn"]
Reason = Literal["terminal", "hidden", "ended", "timeout", "driven", "lost", "full"]
"""Why nobody can answer any more: it was answered in the terminal; its dialog is shown only after
us; the session ended; nobody answered in time; a gateway drives the session; the hook or the
monitor went away; there are too many."""

SETTLED_SECS: Final = 0.25
"""So long the record has to say that no dialog is open: between two it says so, too."""
SLACK_SECS: Final = 0.5
"""A status that is older than the request by more is of an earlier dialog."""
HIDDEN_SECS: Final = 1.5
"""So long the record may take to say that the dialog is open. That of a subagent in the background
is shown only when the hook has ended, and must not wait for us."""
AHEAD_SECS: Final = 1.0
"""A hook that ends so much before its time was not answered in the terminal, but has waited for as
long as it was to: it began to count before we did."""
LEAST_CUT_CHARS: Final = 160
"""A text that was cut has at least so many characters left: 2048 bytes of JSON."""
_TOOL_ENDS: Final = frozenset({"PostToolUse", "PostToolUseFailure", "PermissionDenied"})
_TURN_ENDS: Final = frozenset({"Stop", "StopFailure"})


class Approval:
    """One that was asked for."""

    __slots__ = (
        "answer",
        "answered_at",
        "answered_by",
        "approval_id",
        "asked_at",
        "described",
        "due",
        "expires_at",
        "hidden_at",
        "over_at",
        "pid",
        "reason",
        "request",
        "session_id",
        "state",
        "was_waiting",
    )

    def __init__(
        self,
        approval_id: str,
        request: ApprovalRequest,
        *,
        session_id: str,
        pid: int | None,
        now: Moment,
    ) -> None:
        self.approval_id = approval_id
        self.request = request
        self.described: Described = describe(request)
        self.session_id = session_id
        """As the session is shown."""
        self.pid = pid
        """Of the agent, as we know it."""
        self.state: State = "pending"
        self.asked_at = now.utc
        self.expires_at = now.utc + request.wait_secs
        self.due = now.mono + request.wait_secs
        self.was_waiting = False
        """The record has said that a dialog is open."""
        self.over_at: float | None = None
        """When it is over, unless a dialog opens again (mono)."""
        self.hidden_at: float | None = None
        """When it is let go, unless a dialog opens (mono)."""
        if request.agent_id:
            self.hidden_at = now.mono + self._hidden_secs
        self.answered_at: float | None = None
        self.answered_by: str | None = None
        self.answer: dict[str, Any] | None = None
        self.reason: Reason | None = None

    def __repr__(self) -> str:
        return f"<Approval {self.approval_id} {self.state}>"

    @property
    def began(self) -> float:
        """When its hook ran, by the clock of all hooks."""
        return _seconds(self.request.sent_at) or self.asked_at

    @property
    def next_deadline(self) -> float:
        """When it has to be looked at (mono)."""
        others = (self.over_at, self.hidden_at)
        return min([self.due, *(at for at in others if at is not None)])

    @property
    def _hidden_secs(self) -> float:
        return self.request.subagent_secs or HIDDEN_SECS

    def settle(self, state: State, now: Moment, *, reason: Reason | None = None) -> None:
        """It waits no more."""
        self.state, self.reason, self.answered_at = state, reason, now.utc

    def is_due(self, now: Moment) -> bool:
        """Whether its time is up, by the hook's own clock, which may be ahead of ours."""
        return self.due - now.mono <= AHEAD_SECS

    def wait_on(self, secs: float) -> None:
        """Wait for so much longer, whatever the record says."""
        self.due += secs
        self.over_at = self.hidden_at = None

    def hear(self, record: Record, now: Moment) -> None:
        """Take in how its process stands."""
        if record.status == "waiting":
            since = None if record.status_updated_at is None else record.status_updated_at / 1000
            if since is None or since >= self.began - SLACK_SECS:
                self.was_waiting = True
            self.over_at = self.hidden_at = None
        elif self.was_waiting:
            self.over_at = self.over_at or now.mono + SETTLED_SECS
        elif self.request.agent_id and self.hidden_at is None:
            self.hidden_at = now.mono + self._hidden_secs  # that dialog was another's


class Approvals:
    """Those that are open, the oldest first."""

    def __init__(self) -> None:
        self._open: dict[str, Approval] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Approval]:
        return iter(self._open.values())

    def get(self, approval_id: str) -> Approval | None:
        """The open one of that id."""
        return self._open.get(approval_id)

    def add(self, approval: Approval, record: Record | None, now: Moment) -> None:
        """One is asked for; `record` is how its process stands, as far as it is known."""
        self._open[approval.approval_id] = approval
        if record is not None and record.status == "waiting":
            approval.hear(record, now)

    def remove(self, approval: Approval) -> None:
        """It is settled."""
        self._open.pop(approval.approval_id, None)

    def of_session(self, session_id: str) -> list[Approval]:
        """Those of one session, as it is shown."""
        return [one for one in self if one.session_id == session_id]

    def ended_by_hook(self, hook: Hook) -> list[Approval]:
        """Those that were answered in the terminal, as this hook shows."""
        mine = [one for one in self if one.request.session_id == hook.session_id]
        if not mine or hook.hook_event_name == "SessionEnd":
            return mine
        sent = _seconds(hook.sent_at)
        mine = [one for one in mine if sent is None or sent > one.began]
        agent_id = hook.agent_id or None
        of_agent = [one for one in mine if (one.request.agent_id or None) == agent_id]
        if hook.hook_event_name in _TOOL_ENDS:
            return [one for one in of_agent if _is_call(one.request, hook)][:1]
        if hook.hook_event_name == "PostToolBatch":
            return of_agent
        if hook.hook_event_name in _TURN_ENDS and agent_id is None:
            return of_agent
        if hook.hook_event_name == "SubagentStop" and agent_id is not None:
            return of_agent
        return []

    def hear(self, record: Record, now: Moment) -> None:
        """Take in how a process stands."""
        for one in self:
            if one.pid == record.pid:
                one.hear(record, now)

    def of_process(self, pid: int) -> list[Approval]:
        """Those of one process."""
        return [one for one in self if one.pid == pid]

    def over(self, now: Moment) -> list[tuple[Approval, State, Reason]]:
        """Those whose time has come."""
        found: list[tuple[Approval, State, Reason]] = []
        for one in self:
            if one.over_at is not None and one.over_at <= now.mono:
                found.append((one, "withdrawn", "terminal"))
            elif one.hidden_at is not None and one.hidden_at <= now.mono:
                found.append((one, "withdrawn", "hidden"))
            elif one.due <= now.mono:
                found.append((one, "expired", "timeout"))
        return found

    @property
    def next_deadline(self) -> float | None:
        """When `over` is wanted next (mono)."""
        return min((one.next_deadline for one in self), default=None)


def row(approval: Approval) -> dict[str, Any]:
    """An approval as everybody is told of it: the fields of a permission, and some more."""
    request, described = approval.request, approval.described
    return {
        "permission_id": approval.approval_id,
        "session_id": approval.session_id,
        "turn": None,
        "state": approval.state,
        "asked_at": int(approval.asked_at),
        "expires_at": int(approval.expires_at),
        "answered_at": None if approval.answered_at is None else int(approval.answered_at),
        "answered_by": approval.answered_by,
        "agent": "claude",
        "tool": request.tool_name,
        "kind": described.kind,
        "title": described.title,
        "args": request.tool_input,
        "paths": list(described.paths),
        "call_id": None,
        "options": list(described.options),
        "answer": approval.answer,
        "agent_session_id": request.session_id,
        "cwd": request.cwd,
        "pid": approval.pid,
        "tmux_pane": request.tmux_pane,
        "permission_mode": request.permission_mode,
        "subagent": request.agent_id,
        "subagent_type": request.agent_type,
        "text": described.text,
        "cut": request.cut,
        "suggestions": request.suggestions,
        "always": list(described.always),
        "modes": list(described.modes),
        "reason": approval.reason,
    }


def _is_call(request: ApprovalRequest, hook: Hook) -> bool:
    """Whether the hook is of the call that was asked about."""
    if request.tool_name != hook.tool_name:
        return False
    if request.tool_name in INPUT_TOOLS:
        return True  # the answers were put into the input
    told = msgspec.json.decode(hook.tool_input)
    return told is None or _same(request.args, told)


def _same(one: Any, other: Any) -> bool:
    """Whether two inputs are the same, as far as they were told: long texts are cut."""
    if isinstance(one, str) and isinstance(other, str):
        shorter, longer = sorted((one, other), key=len)
        return one == other or (len(shorter) >= LEAST_CUT_CHARS and longer.startswith(shorter))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _seconds(told: Any) -> float | None:
    """A time that a client told, if it is one."""
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not math.isfinite(told):
        return None
    return float(told)
