"""What a session object remembers between its calls: closed or not, a turn under way or not."""

import threading
import uuid

from clawdforge.client.errors import ClosedSession, RequestError


class SessionState:
    """Shared by both kinds of session. Threads may use it; nothing here waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._busy = False

    @property
    def closed(self) -> bool:
        """Whether this object was closed."""
        return self._closed

    def check_open(self) -> None:
        """Make sure that it was not closed.

        Raises:
            ClosedSession: it was.
        """
        if self._closed:
            msg = "this session is closed"
            raise ClosedSession(msg, hint="resume() opens it again, if its agent can do that")

    def begin_turn(self) -> None:
        """Take the place of the one turn.

        Raises:
            ClosedSession: the session was closed.
            RequestError: this object has a turn under way (`code` `turn_running`).
        """
        with self._lock:
            self.check_open()
            if self._busy:
                msg = "a turn of this session is under way"
                hint = "wait for its end, close its stream, or cancel() it"
                raise RequestError(msg, code="turn_running", hint=hint)
            self._busy = True

    def end_turn(self) -> None:
        """Give the place back."""
        self._busy = False

    def begin_close(self) -> bool:
        """Close it; False: somebody has done that already."""
        with self._lock:
            was, self._closed = self._closed, True
        return not was

    def reopen(self) -> None:
        """It is open after all: closing failed, or it was resumed."""
        self._closed = False


def new_key() -> str:
    """A new idempotency key, with which a stream may send its turn again after an accident."""
    return uuid.uuid4().hex
