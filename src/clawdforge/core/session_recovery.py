"""What is told of a turn that the owner before left unfinished: recovery is takeover. Pure."""

from collections.abc import Iterator

from clawdforge.core.session_effects import Audit, Change, Effect, EndTurn, Fact
from clawdforge.core.session_inputs import Moment
from clawdforge.core.session_records import Claim, SessionPatch, TurnEnd, TurnState
from clawdforge.core.turn import ended_body

_UNKNOWN = (
    "the server ended in the middle of the turn, or could not store what was said; its outcome"
    " is unknown"
)


def interrupted(claim: Claim, now: Moment) -> Iterator[Effect]:
    """End the turn that the claim found running; nothing if there is none."""
    if claim.running is None:
        return
    start = claim.running.start
    end = TurnEnd(
        turn=start.turn,
        state=TurnState.INTERRUPTED,
        ended_at=int(now.utc),
        duration_ms=max(0, int(now.utc) - start.started_at) * 1000,
        stop_reason="interrupted",
        error=_UNKNOWN,
    )
    yield Fact(type="owner_changed", body={"epoch": claim.epoch})
    yield EndTurn(end=end)
    yield Fact(type="turn_ended", body=ended_body(end), turn=end.turn)
    yield Change(patch=SessionPatch(last_turn_at=int(now.utc)))
    yield Audit(action="session.turn_interrupted", detail={"turn": end.turn}, actor="server")
