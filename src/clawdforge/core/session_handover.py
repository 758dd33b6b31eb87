"""What it means for a session that somebody else has its conversation. Pure.

Nobody drives it meanwhile: the agent is ended before anybody else gets it, and turns are refused.
Afterwards what was said elsewhere becomes turns of the session, each stored in one piece together
with how far the agent's own record is known: a crash in between leaves none out and none twice.
"""

import hashlib
from dataclasses import replace

from clawdforge.core.events import Stop, TurnEnded
from clawdforge.core.handover import ORIGIN, Lease, PastTurn, refusal
from clawdforge.core.session_agent import AgentLife
from clawdforge.core.session_effects import Audit, BeginTurn, Change, EndTurn, Fact, HandedOver
from clawdforge.core.session_ending import refusal as ended
from clawdforge.core.session_inputs import Lend, TakenBack
from clawdforge.core.session_records import SessionPatch, TurnEnd, TurnStart
from clawdforge.core.session_state import Agent, SessionState
from clawdforge.core.session_turns import TurnLife
from clawdforge.core.turn import MAX_ERROR_CHARS, OpenTurn, ended_body
from clawdforge.core.usage import Usage, added
from clawdforge.errors import ClawdforgeError, ConflictError


class HandOver:
    """Gives the conversation away, and takes it back."""

    def __init__(self, state: SessionState, agent: AgentLife, turns: TurnLife) -> None:
        self._state = state
        self._agent = agent
        self._turns = turns
        self._tickets: list[int] = []

    def lend(self, asked: Lend) -> None:
        """Somebody wants the conversation."""
        state, lease = self._state, asked.lease
        if lease.is_same(state.lease):
            self._note(lease)
            state.do(HandedOver(ticket=asked.ticket))
            return
        error = self._why_not()
        if error is not None:
            state.do(HandedOver(ticket=asked.ticket, error=error))
            return
        self._note(lease)
        told = {"by": lease.by, "pid": lease.pid}
        state.do(
            Fact(type="attached", body=told),
            Audit(action="session.attach", detail={"pid": lease.pid}, actor=lease.by),
        )
        state.warming = False
        if state.current is not None:  # the agent's own, as when it is put to rest
            self._turns.conclude(TurnEnded(turn_id=None, stop=Stop.DONE))
        if state.running:
            self._agent.end("attached")
        self._tickets.append(asked.ticket)

    def go_on(self) -> None:
        """Who waits for the conversation gets it once nothing of our agent is left."""
        if self._tickets and self._state.agent in {Agent.NONE, Agent.WANTED}:
            if self._state.agent is Agent.WANTED:
                self._agent.leave_line()
            self._state.do(*(HandedOver(ticket=ticket) for ticket in self._tickets))
            self._tickets.clear()

    def take_back(self, back: TakenBack) -> None:
        """Nobody else has it any more: what was said there is told, and it is ours again."""
        state = self._state
        if state.lease is None or not state.lease.is_same(back.lease):
            state.do(HandedOver(ticket=back.ticket))
            return
        if back.opening is not None and state.session.last_seq == 0:
            state.do(Fact(type="adopted", body=back.opening))
        first = state.turns + 1
        used = Usage()
        for past in back.past.turns:
            if past.end <= (state.lease.after or 0):
                continue  # it was told before storage failed
            used = added(used, self._tell(past, keep_prompt=back.keep_prompts))
        self._give_up(back, first, used)
        state.do(HandedOver(ticket=back.ticket))

    def _why_not(self) -> ClawdforgeError | None:
        state = self._state
        if state.stop is not None or state.session.closed_at is not None:
            return ended(state.stop)
        if state.lease is not None:
            return refusal(state.lease)
        by_somebody = state.current is not None and not state.current.by_agent
        if by_somebody or state.queue or state.background:
            msg = "a turn runs, or work in the background; wait for its end, or cancel it"
            return ConflictError(msg, code="session_running")
        return None

    def _note(self, lease: Lease) -> None:
        state = self._state
        state.lease = lease
        state.session = replace(state.session, attached=lease.to_json())
        state.do(Change(patch=SessionPatch(attached=lease.to_json())))

    def _tell(self, past: PastTurn, *, keep_prompt: bool) -> Usage:
        """One turn, from its start to its end; what it used, as far as it counts here."""
        state, lease = self._state, self._state.lease
        assert lease is not None
        state.turns += 1
        start = _start(past, state.turns, keep_prompt=keep_prompt)
        usage, lease = _counted(past, lease)
        state.do(BeginTurn(start=start))
        turn = OpenTurn(turn=state.turns, turn_id=None, request=None, began=0)
        told: dict[str, object] = {"origin": start.origin, "model": start.model}
        told |= {"waited_ms": 0, "prompt_bytes": start.prompt_bytes}
        facts = [turn.fact("turn_started", told)]
        for event in past.events:
            facts += turn.feed(event)
        facts += turn.flush()
        end = _end(past, state.turns, usage)
        # A `Fact` is numbered where it stands: the row's end is written with the last of them.
        state.do(*(replace(fact, at=past.started_at) for fact in facts))
        state.do(EndTurn(end=end))
        state.do(replace(turn.fact("turn_ended", ended_body(end)), at=past.ended_at))
        patch = SessionPatch(
            last_turn_at=past.ended_at,
            add_usage=usage,
            context_used=past.context_used,
            attached=lease.to_json(),
        )
        state.do(Change(patch=patch))
        state.lease = lease
        session = state.session
        context = session.context_used if past.context_used is None else past.context_used
        state.session = replace(
            session,
            usage=added(session.usage, usage),
            last_turn_at=past.ended_at,
            context_used=context,
        )
        self._agent.costs.spent += usage.cost_microusd or 0
        return usage

    def _give_up(self, back: TakenBack, first: int, used: Usage) -> None:
        state, past = self._state, back.past
        counts = back.lease.spent_microusd is not None
        told = {
            "turns": state.turns - first + 1,
            "first_turn": first if state.turns >= first else None,
            "skipped_turns": past.skipped,
            "cost_microusd": used.cost_microusd,
            # Of a copy, or when the agent could not write it down any more, for it was killed.
            "cost_known": counts and (not past.turns or past.total_microusd is not None),
        }
        at = int(state.now.utc)
        patch = SessionPatch(detach=True, last_turn_at=at, agent_session_id=back.agent_session_id)
        state.do(
            Fact(type="taken_back", body=told),
            Change(patch=patch),
            Audit(
                action="session.detach", detail={**told, "had_by": back.lease.by}, actor="server"
            ),
        )
        state.agent_id = back.agent_session_id or state.agent_id
        state.lease = None
        state.session = replace(state.session, attached=None, last_turn_at=at)


def _counted(past: PastTurn, lease: Lease) -> tuple[Usage, Lease]:
    """What a turn used, and the lease with that turn behind it."""
    spent, total = lease.spent_microusd, past.total_microusd
    if spent is None:
        return Usage(), replace(lease, after=past.end)
    usage = past.usage
    if total is not None:
        cost = total - spent if total >= spent else total  # smaller: it began anew
        usage, spent = replace(usage, cost_microusd=cost), total
    return usage, replace(lease, after=past.end, spent_microusd=spent)


def _start(past: PastTurn, number: int, *, keep_prompt: bool) -> TurnStart:
    said = (past.prompt or "").encode(errors="replace")
    return TurnStart(
        turn=number,
        started_at=past.started_at,
        origin=ORIGIN,
        model=past.model,
        prompt_bytes=len(said),
        prompt_sha256=hashlib.sha256(said).hexdigest(),
        prompt_text=past.prompt if keep_prompt else None,
    )


def _end(past: PastTurn, number: int, usage: Usage) -> TurnEnd:
    return TurnEnd(
        turn=number,
        state=past.state,
        ended_at=past.ended_at,
        duration_ms=past.duration_ms,
        stop_reason=past.stop_reason,
        error=past.error[:MAX_ERROR_CHARS] if past.error is not None else None,
        usage=usage,
    )
