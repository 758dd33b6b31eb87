"""What peers of the monitor's socket ask about approvals."""

import asyncio
import pwd

from clawdforge.core.observed.approval import ApprovalRequest
from clawdforge.core.observed.signals import Hook
from clawdforge.errors import ClawdforgeError
from clawdforge.monitor.approval_log import By
from clawdforge.monitor.connection import Connection
from clawdforge.monitor.monitor import Monitor, now
from clawdforge.monitor.sources import procfs
from clawdforge.tasks import TaskOwner
from clawdforge.wire import atm

_names: dict[int, str] = {}


def answer_about_approvals(
    monitor: Monitor, owner: TaskOwner, peer: Connection, request: atm.Request
) -> None:
    """Do what a request about approvals asks for; others are none of ours."""
    desk = monitor.approvals
    match request:
        case atm.ApprovalAsked(data=data):
            if monitor.registry.entry(data.session_id) is None:
                monitor.hook(_as_hook(data), now(), peer.pid)
            desk.ask(peer, data, monitor.identified(data.pid, peer.pid))
        case atm.ApprovalTaken():
            desk.taken(peer)
        case atm.ApprovalWithdrawn():
            desk.withdrawn(peer)
        case atm.ListApprovals(state=state, approval_id=approval_id):
            rows = desk.rows(every=state == "all", approval_id=approval_id)
            peer.say(atm.encode_approval_list(rows))
        case atm.SubscribeApprovals():
            desk.follow(peer)
        case atm.AnswerApproval():
            owner.start(_answer(monitor, peer, request), name="approval-answer")


async def _answer(monitor: Monitor, peer: Connection, request: atm.AnswerApproval) -> None:
    by = await _by(peer, request)
    try:
        row = await monitor.approvals.answer(request.approval_id, request.answer, by)
    except ClawdforgeError as error:
        told = atm.encode_error(error.message, code=error.code, approval_id=request.approval_id)
    else:
        told = atm.encode_approval_answered(row)
    peer.say(told)
    peer.flush()


async def _by(peer: Connection, request: atm.AnswerApproval) -> By:
    """Who answers, as the kernel says, and for whom, as that process says."""
    given = request.on_behalf
    return By(
        name=await _user(peer.uid) if given is None else given.actor,
        pid=peer.pid,
        uid=peer.uid,
        parents=() if peer.pid is None else procfs.parents(peer.pid),
        peer=None if given is None else given.peer,
        request_id=None if given is None else given.request_id,
    )


async def _user(uid: int | None) -> str:
    if uid is None:
        return "user"
    if uid not in _names:
        _names[uid] = await asyncio.to_thread(_name_of, uid)  # it may be asked of a directory
    return _names[uid]


def _name_of(uid: int) -> str:
    try:
        return f"user:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user:{uid}"


def _as_hook(data: ApprovalRequest) -> Hook:
    """The event itself: the session need not wait for the hook that only reports it."""
    return Hook(
        session_id=data.session_id,
        hook_event_name=data.hook_event_name,
        tool_name=data.tool_name,
        tool_input=data.tool_input,
        cwd=data.cwd,
        agent_id=data.agent_id,
        agent_type=data.agent_type,
        pid=data.pid,
        tmux_pane=data.tmux_pane,
        sent_at=data.sent_at,
    )
