"""The turns of a session that is kept in memory, as the history has them."""

from collections.abc import Iterator

from clawdforge.core.history import Work
from clawdforge.core.usage import Usage
from clawdforge.testing.memory_append import Kept

OfApp = tuple[str, Work]
"""Whose it is, by `app_id`."""


def works_of(kept: Kept) -> Iterator[OfApp]:
    """Its turns."""
    session = kept.session
    for turn in kept.turns:
        start, end = turn.start, turn.end
        yield (
            session.app_id,
            Work(
                kind="turn",
                work_id=f"{session.session_id}-{start.turn}",
                session_id=session.session_id,
                turn=start.turn,
                app_name=session.app_name,
                agent=session.agent,
                model=start.model or session.model,
                state=turn.state.value,
                started_at=start.started_at,
                duration_ms=end.duration_ms if end else None,
                waited_ms=start.waited_ms,
                stop_reason=end.stop_reason if end else None,
                error=end.error if end else None,
                prompt_bytes=start.prompt_bytes,
                usage=end.usage if end else Usage(),
            ),
        )
