"""What a stream of events asks for next, and what it tells: each event once, in order. Pure.

A connection that breaks, a server that restarts, a reader that was too slow: in each case the
next request goes on after the newest event that was told. Only when the server has been silent
for `PATIENCE_SECS` does a stream give up.
"""

from collections import deque
from typing import Any

from clawdforge.client import session_calls
from clawdforge.client.calls import Call
from clawdforge.client.errors import (
    BusyError,
    ConflictError,
    ForgeError,
    ProtocolError,
    RequestError,
    TransportError,
)
from clawdforge.client.results import TurnResult
from clawdforge.wire.forge_events import Event, SessionClosed, TurnEnded, decode_event
from clawdforge.wire.forge_json import MalformedError
from clawdforge.wire.sse import Message, SseParser

PATIENCE_SECS = 30.0
"""How long to try again without any sign of life: a server needs less to start again."""
FIRST_PAUSE_SECS = 0.1
LONGEST_PAUSE_SECS = 2.0
_NOT_EVENTS = {"lagged", "stopping"}
"""The server takes its leave: this reader was too slow, or it stops."""


class Following:
    """A reader's place in a session's events.

    Args:
        session_id: Whose events.
        after: The newest event that is known already.
        turn: The call that starts a turn, when only its events are wanted. It carries an
            idempotency key, so that sending it again starts no second turn.
    """

    def __init__(
        self, session_id: str, *, after: int = 0, turn: Call[TurnResult] | None = None
    ) -> None:
        self.ready: deque[Event] = deque()
        """What has arrived and was not told yet."""
        self.newest = after
        self.turn_index: int | None = None
        self.ended: TurnEnded | None = None
        """How the turn ended; None: it has not, or there is none."""
        self.over = False
        """Nothing more will come."""
        self.pause_secs = 0.0
        """How long to wait before the next request."""
        self._session_id = session_id
        self._turn = turn
        self._parser = SseParser()
        self._failures = 0
        self._alive_at: float | None = None
        self._closed = False

    def call(self) -> Call[Any]:
        """The request to be made next."""
        self._parser = SseParser()
        if self._turn is not None and self.turn_index is None:
            return self._turn
        return session_calls.event_stream(self._session_id, self.newest)

    def result_call(self) -> Call[TurnResult]:
        """The request for the result of the turn that has ended.

        Raises:
            RequestError: the stream was closed before (`code` `stream_closed`).
        """
        if self.turn_index is None or not self.over:
            msg = "the stream was closed before its turn ended"
            hint = "Session.get_turn tells what came of it"
            raise RequestError(msg, code="stream_closed", hint=hint)
        return session_calls.ended_turn(self._session_id, self.turn_index)

    def opened(self, now: float, turn_index: int | None = None) -> None:
        """The stream begins; of which turn, where the server tells."""
        if self._turn is not None and self.turn_index is None:
            self.turn_index = turn_index
        if self._alive_at is None:
            self._alive_at = now

    def answered(self, result: TurnResult, now: float) -> None:
        """The turn had been carried out before: its events are told from the ledger."""
        self.turn_index = result.turn_index
        self._alive_at = now

    def feed(self, piece: bytes, now: float) -> None:
        """Take in what arrived.

        Raises:
            ProtocolError: it makes no sense.
        """
        self._alive_at = now
        try:
            for message in self._parser.feed(piece):
                self._take(message)
        except MalformedError as error:
            problem = error.message
        else:
            return
        msg = f"the stream of events makes no sense: {problem}"
        raise ProtocolError(msg, status=200)

    def lost(self, error: TransportError | None, now: float) -> None:
        """The stream ended, or broke with `error`.

        Raises:
            TransportError: there has been no sign of life for too long.
        """
        if self._turn is None and self._closed:
            self.over = True
        if not self.over:
            self._try_again(error or TransportError("the stream of events ended early"), now)

    def failed(self, error: ForgeError, now: float) -> None:
        """A request got no stream.

        Raises:
            ForgeError: `error`, when trying again is of no use.
        """
        if self._alive_at is None:
            raise error  # there is nothing yet to go on with
        match error:
            case BusyError(retry_after_secs=secs):
                self._try_again(error, now, at_least=min(secs, LONGEST_PAUSE_SECS))
            case ConflictError(code="idempotency_running"):
                # The turn was begun before the connection broke. It lives.
                self._alive_at = now
                self._try_again(error, now, at_least=FIRST_PAUSE_SECS)
            case TransportError():
                self._try_again(error, now)
            case _:
                raise error

    def _try_again(self, error: ForgeError, now: float, at_least: float = 0.0) -> None:
        if self._alive_at is not None and now - self._alive_at > PATIENCE_SECS:
            if error.hint is None or self._turn is not None:
                error.hint = f"to go on where it broke off: Session.events(after={self.newest})"
            raise error
        pause = FIRST_PAUSE_SECS * 2 ** (self._failures - 1) if self._failures else 0.0
        self.pause_secs = max(at_least, min(pause, LONGEST_PAUSE_SECS))
        self._failures = min(self._failures + 1, 16)

    def _take(self, message: Message) -> None:
        if message.event in _NOT_EVENTS:
            return
        event = decode_event(message.data)
        if event.seq <= self.newest:
            return
        self.newest = event.seq
        self._failures, self.pause_secs = 0, 0.0
        self._closed = isinstance(event, SessionClosed)
        if self._turn is not None:
            if self.turn_index is None:
                self.turn_index = event.turn
            if event.turn != self.turn_index:
                return
            if isinstance(event, TurnEnded):
                self.ended, self.over = event, True
        self.ready.append(event)
