"""The desk for approvals: hooks wait here, anybody may answer, and whoever answers first wins.

Beside it the terminal's own dialog goes on. When it was answered there, when nobody answers in
time, and when the monitor ends, the hook is let go without a word, and everything is as always.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from clawdforge.core.observed.approval import ID_PREFIX, ApprovalRequest
from clawdforge.core.observed.approval_answer import ApprovalAnswer, Decided, decide
from clawdforge.core.observed.approval_table import Approval, Approvals, Reason, State, row
from clawdforge.core.observed.registry import Registry
from clawdforge.core.observed.signals import Hook, Moment, ProcessId, Record
from clawdforge.errors import ConflictError, ForbiddenError, NotFoundError
from clawdforge.monitor.approval_followers import Followers, Peer
from clawdforge.monitor.approval_history import Settled, size_of, too_late
from clawdforge.monitor.approval_log import By, entry_of
from clawdforge.wire import atm

log = logging.getLogger(__name__)

MAX_OPEN = 1000
MAX_OPEN_BYTES = 64 * 1024 * 1024
TAKEN_SECS = 3.0
"""So long a hook may take to confirm what it was answered."""


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """A hook that waits, and what it was answered."""

    peer: Peer
    decided: Decided | None = None
    by: By | None = None
    given_up: asyncio.TimerHandle | None = None
    settled: asyncio.Future[None] | None = None


class ApprovalDesk:
    """Knows what is asked.

    Args:
        registry: The sessions; it is told which of them can be answered.
        now: The time, by both clocks.
        changed: Called after the registry was told something.
        write: Keeps an entry of the audit.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        now: Callable[[], Moment],
        changed: Callable[[], None] = lambda: None,
        write: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self._registry = registry
        self._now = now
        self._changed = changed
        self._write = write
        self._open = Approvals()
        self._waiting: dict[Approval, _Waiting] = {}
        self._of_peer: dict[Peer, Approval] = {}
        self._open_bytes = 0
        self._settled = Settled()
        self._followers = Followers(self.rows)
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """Let all hooks go."""
        for approval in list(self._open):
            self._settle(approval, "withdrawn", reason="lost")
        self._followers.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Hooks

    def ask(self, peer: Peer, request: ApprovalRequest, pid: int | None) -> None:
        """A hook asks, and waits on its connection. `pid` is the agent's, as we know it."""
        entry = self._registry.entry(request.session_id)
        if entry is not None and entry.driven is not None:
            self._let_go(peer, "driven")
            return
        size = len(bytes(request.tool_input))
        if len(self._open) >= MAX_OPEN or self._open_bytes + size > MAX_OPEN_BYTES:
            self._let_go(peer, "full")
            return
        if peer in self._of_peer or request.hook_event_name != "PermissionRequest":
            self._let_go(peer, "lost")
            return
        now = self._now()
        try:
            approval = Approval(
                ID_PREFIX + secrets.token_urlsafe(16),
                request,
                session_id=request.session_id if entry is None else entry.id,
                pid=pid,
                now=now,
            )
        except msgspec.MsgspecError:
            self._let_go(peer, "lost")
            return
        self._open.add(approval, None if entry is None else entry.record, now)
        self._waiting[approval] = _Waiting(peer=peer)
        self._of_peer[peer] = approval
        self._open_bytes += size
        peer.patient = True
        peer.tell(atm.encode_approval_pending(approval.approval_id))
        self._followers.publish(atm.encode_approval_updated(row(approval)))
        self._show(approval.session_id)
        self._set_timer()

    def taken(self, peer: Peer) -> None:
        """A hook has told its agent what was answered."""
        approval = self._of_peer.get(peer)
        waiting = None if approval is None else self._waiting[approval]
        if approval is not None and waiting is not None and waiting.decided is not None:
            self._settle(approval, "allowed" if waiting.decided.allows else "denied")

    def withdrawn(self, peer: Peer) -> None:
        """The agent has ended the hook."""
        self._hook_ended(peer)

    def gone(self, peer: Peer) -> None:
        """A connection has ended."""
        self._followers.discard(peer)
        self._hook_ended(peer)

    # What the monitor hears: it tells what was answered in the terminal

    def hook(self, hook: Hook) -> None:
        """A hook event."""
        if self._open:
            reason: Reason = "ended" if hook.hook_event_name == "SessionEnd" else "terminal"
            self._withdraw(self._open.ended_by_hook(hook), reason)

    def record(self, record: Record) -> None:
        """How a process stands."""
        if self._open:
            self._open.hear(record, self._now())
            self._set_timer()

    def record_removed(self, pid: int) -> None:
        """A process is about to end."""
        self._withdraw(self._open.of_process(pid), "ended")

    def died(self, process: ProcessId) -> None:
        """A process has ended."""
        self._withdraw(self._open.of_process(process.pid), "ended")

    # Everybody else

    def rows(self, *, every: bool = False, approval_id: str | None = None) -> list[dict[str, Any]]:
        """Approvals as they are told, the newest first.

        Args:
            every: Also those that were settled lately.
            approval_id: Only this one, whatever its state.
        """
        known = [*self._open, *self._settled] if every or approval_id else list(self._open)
        if approval_id is not None:
            known = [one for one in known if one.approval_id == approval_id]
        known.sort(key=lambda one: one.asked_at, reverse=True)
        return [row(one) for one in known]

    def follow(self, peer: Peer) -> None:
        """Tell this one of changes from now on, after those that wait."""
        self._followers.add(peer)

    def unfollow(self, peer: Peer) -> None:
        """Tell this one no longer."""
        self._followers.discard(peer)
        peer.patient = peer in self._of_peer

    def reads_again(self, peer: Peer) -> None:
        """A peer that did not read does."""
        self._followers.reads_again(peer)

    async def answer(self, approval_id: str, answer: ApprovalAnswer, by: By) -> dict[str, Any]:
        """Answer one; who answers first wins. Returns it as it is told, once the agent has it.

        Raises:
            NotFoundError: there is none of that id.
            ConflictError: it has its answer, or the agent waits no more (`already_answered`).
            ForbiddenError: the session that asks wants to answer itself (`own_question`).
            InputError: the answer does not fit what was asked; `code` says why.
        """
        approval = self._asked(approval_id)
        waiting = self._waiting[approval]
        if waiting.decided is not None:
            msg = "somebody else's answer came first"
            raise ConflictError(msg, code="already_answered")
        if approval.pid is not None and approval.pid in (by.pid, *by.parents):
            msg = "the session that asks cannot give the answer itself"
            raise ForbiddenError(msg, code="own_question")
        decided = decide(approval.request, approval.described, answer)
        loop = asyncio.get_running_loop()
        waiting.decided, waiting.by = decided, by
        waiting.settled = loop.create_future()
        waiting.given_up = loop.call_later(TAKEN_SECS, self._not_taken, approval)
        waiting.peer.tell(atm.encode_approval_given(approval_id, decided.output))
        await asyncio.wait([waiting.settled])
        if approval.state in {"allowed", "denied"}:
            return row(approval)
        raise too_late(approval)

    def _asked(self, approval_id: str) -> Approval:
        approval = self._open.get(approval_id)
        if approval is not None:
            return approval
        settled = self._settled.get(approval_id)
        if settled is not None:
            raise too_late(settled)
        msg = "there is no such approval"
        raise NotFoundError(msg)

    # Inside

    def _hook_ended(self, peer: Peer) -> None:
        approval = self._of_peer.get(peer)
        if approval is None:
            return
        if approval.is_due(self._now()):
            self._settle(approval, "expired", reason="timeout")
        else:
            self._settle(approval, "withdrawn", reason="terminal")

    def _not_taken(self, approval: Approval) -> None:
        """A hook does not say that it has told its agent: it is let go."""
        self._settle(approval, "withdrawn", reason="lost")

    def _withdraw(self, approvals: Iterable[Approval], reason: Reason) -> None:
        for approval in list(approvals):
            # An answer that is on its way is the reason itself, more likely than not.
            if self._waiting[approval].decided is None or reason == "ended":
                self._settle(approval, "withdrawn", reason=reason)

    def _settle(self, approval: Approval, state: State, *, reason: Reason | None = None) -> None:
        waiting = self._waiting.pop(approval)
        self._open.remove(approval)
        self._of_peer.pop(waiting.peer, None)
        approval.settle(state, self._now(), reason=reason)
        if state in {"allowed", "denied"} and waiting.decided and waiting.by:
            approval.answered_by, approval.answer = waiting.by.name, waiting.decided.answer
        if waiting.given_up is not None:
            waiting.given_up.cancel()
        self._open_bytes -= size_of(approval)
        self._settled.keep(approval)
        self._write(entry_of(approval, waiting.by))
        if waiting.settled is not None and not waiting.settled.done():
            waiting.settled.set_result(None)
        self._let_go(waiting.peer, reason or "answered")
        self._followers.publish(atm.encode_approval_removed(approval.approval_id, row(approval)))
        self._show(approval.session_id)
        self._set_timer()

    def _let_go(self, peer: Peer, reason: str) -> None:
        peer.patient = False
        if reason != "answered":
            peer.tell(atm.encode_approval_over(reason))
        peer.close()

    def _show(self, session_id: str) -> None:
        """Have the session's view say what can be answered: the oldest."""
        first = next(iter(self._open.of_session(session_id)), None)
        shown = None if first is None else (first.approval_id, first.described.text)
        self._registry.approvable(session_id, shown)
        self._changed()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._open.next_deadline
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for approval, state, reason in self._open.over(self._now()):
            if self._waiting[approval].decided is None:
                self._settle(approval, state, reason=reason)
            else:
                approval.wait_on(TAKEN_SECS)  # its answer is on its way
        self._set_timer()
