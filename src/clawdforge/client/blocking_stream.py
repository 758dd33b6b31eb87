"""Events of the blocking client, live: those of a session, those of a turn."""

import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeAlias

from clawdforge.client import session_calls as calls
from clawdforge.client.blocking_connection import Connection, Follower
from clawdforge.client.errors import ConflictError
from clawdforge.client.following import Following
from clawdforge.client.results import Answer, TurnResult
from clawdforge.client.session_state import SessionState
from clawdforge.wire.forge_events import Event, PermissionRequest, TurnEnded

OnPermission: TypeAlias = Callable[[PermissionRequest], Answer | bool | None]
"""Answers what the agent asks; None: somebody else will, or nobody."""


class EventStream:
    """A session's events as they happen: iterate over it.

    A connection that breaks is made again where it broke off: no event is missed, none is told
    twice. `close`, or the end of a `with` block, hangs up.
    """

    def __init__(self, connection: Connection, following: Following) -> None:
        self._follower = Follower(connection, following)
        self._following = following
        self._is_closed = False

    @property
    def after(self) -> int:
        """The newest event so far: where `Session.events(after=…)` would go on."""
        return self._following.newest

    def close(self) -> None:
        """Hang up. Again: nothing happens."""
        self._is_closed = True
        self._follower.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        if self._is_closed:
            raise StopIteration
        try:
            event = self._next()
        except Exception:
            self.close()
            raise
        if event is None:
            self.close()
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _next(self) -> Event | None:
        return self._follower.next()


class TurnStream(EventStream):
    """A turn as it happens: iterate over its events, from `TurnStarted` to `TurnEnded`.

        with session.stream("Say hello.") as events:
            for event in events:
                if isinstance(event, Text):
                    print(event.text, end="", flush=True)

    The prompt is sent when the iteration begins. A turn that fails does not raise here: look at
    `ended`, or take the `result`. Leaving early hangs up and does not cancel the turn.
    """

    def __init__(
        self,
        connection: Connection,
        following: Following,
        state: SessionState,
        on_permission: OnPermission | None,
    ) -> None:
        super().__init__(connection, following)
        self._connection = connection
        self._state = state
        self._has_turn = False
        self._on_permission = on_permission
        self._asked: PermissionRequest | None = None

    @property
    def turn_index(self) -> int | None:
        """The turn's number; None before its first event."""
        return self._following.turn_index

    @property
    def ended(self) -> TurnEnded | None:
        """How the turn ended; None: it has not, as far as this stream knows."""
        return self._following.ended

    def result(self) -> TurnResult:
        """What came of the turn, as `Session.turn` gives it; waits for the turn's end.

        Raises:
            TurnFailure: the turn failed.
            ForgeError: anything else that can go wrong.
        """
        for _ in self:
            pass
        return self._connection.send(self._following.result_call())

    def close(self) -> None:
        """Hang up; the turn goes on. Again: nothing happens."""
        super().close()
        if self._has_turn:
            self._has_turn = False
            self._state.end_turn()

    def _next(self) -> Event | None:
        if not self._has_turn:
            self._state.begin_turn()
            self._has_turn = True
        asked = self._asked
        if asked is not None and self._on_permission is not None:
            answer = self._on_permission(asked)
            if answer is not None:
                # Somebody else may have been quicker, or the agent does not wait any more.
                with contextlib.suppress(ConflictError):
                    self._connection.send(calls.answered(asked.permission_id, answer=answer))
        self._asked = None
        event = self._follower.next()
        if isinstance(event, PermissionRequest):
            self._asked = event  # answered once the caller has seen it
        return event
