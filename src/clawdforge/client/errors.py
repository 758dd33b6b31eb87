"""What can go wrong with a client. Catch `ForgeError` for all of it, or a branch.

    ForgeError
    ├── SettingsError       the URL, a token or a credential file is wrong or missing
    ├── RequestError        refused here, before anything was sent
    ├── ClosedError         the client was closed
    │   └── ClosedSession   …or the session
    ├── TransportError      no answer: unreachable, cut off, too slow
    ├── ProtocolError       an answer that makes no sense
    └── ApiError            the server said no: status, code, body
        ├── AuthError       …401, 403: another token is needed
        ├── NotFoundError   …404: no such thing, or it is another app's
        ├── ConflictError   …409: the name is taken, or it is not possible now
        ├── GoneError       …410: the session was closed; also a ClosedSession
        ├── BusyError       …503, 429: later
        └── RunFailure      …502: the agent failed or ran out of time
            └── TurnFailure …in a session

Those with a namesake in `clawdforge.errors` derive from it too, so code that catches
`clawdforge.errors.NotFoundError` need not know whether a server was in between.
No message and no attribute ever holds one of the client's own tokens.
"""

from typing import Any

from clawdforge import errors


class ForgeError(errors.ClawdforgeError):
    """The root of everything a client raises. `hint`, when set, says what to do next."""

    code = "client_error"

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class SettingsError(ForgeError, errors.ConfigError):
    """The URL, a token or a credential file is wrong or missing."""

    code = "config_invalid"


class RequestError(ForgeError, errors.InputError):
    """An argument cannot be right. Nothing was sent."""

    code = "invalid_request"


class ClosedError(ForgeError):
    """The client was used after it was closed. Nothing was sent."""

    code = "client_closed"


class ClosedSession(ClosedError):  # noqa: N818 - the name in all of clawdforge's SDKs
    """The session was used after it was closed. Nothing was sent, unless it is a `GoneError`."""

    code = "session_closed"


class TransportError(ForgeError):
    """There was no answer. Whether the server did what was asked is not known.

    Nothing is sent twice: a run is not repeatable, so trying again is the caller's choice. A turn
    with an idempotency key may be sent again: it is carried out once.
    """

    code = "unreachable"

    def __init__(
        self, message: str, *, url: str = "", timed_out: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.url = url
        self.timed_out = timed_out


class ProtocolError(ForgeError):
    """The server's answer is not what the API promises: not JSON, or of another shape.

    `run_id` and `request_id` (None when the server did not send them) find it in its records.
    """

    code = "malformed_reply"

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        run_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.run_id = run_id
        self.request_id = request_id


class ApiError(ForgeError):
    """The server answered, and the answer is no.

    Attributes:
        status: The HTTP status.
        code: The server's stable code, when it sent one.
        body: The decoded JSON body; None when it was not JSON.
        run_id: The run's id, where there is one.
        request_id: The id under which the server logged the request.
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str | None = None,
        hint: str | None = None,
        body: Any = None,
        run_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        errors.ClawdforgeError.__init__(self, message, code=code, hint=hint)
        self.status = status
        self.body = body
        self.run_id = run_id
        self.request_id = request_id


class AuthError(ApiError, errors.AccessError):
    """401 or 403: the token is not valid, or may not do this, or not from this address."""

    code = "access_denied"


class NotFoundError(ApiError, errors.NotFoundError):
    """404: there is no such thing, or it belongs to another app."""

    code = "not_found"


class ConflictError(ApiError, errors.ConflictError):
    """409: the name is in use, or what was asked is not possible now; `code` says which."""

    code = "already_exists"


class GoneError(ApiError, ClosedSession):
    """410: the session is closed on the server. `Session.resume` may open it again."""

    code = "session_closed"


class BusyError(ApiError, errors.BusyError):
    """503 or 429: not now. `retry_after_secs` is 1 when the server did not say."""

    code = "busy"
    retry_after_secs: int = 1


class RunFailure(ApiError, errors.AgentError):  # noqa: N818 - the name in all of clawdforge's SDKs
    """502 of a run: the agent failed, was stopped or ran out of time.

    Attributes:
        error: One sentence about what happened.
        stderr: The end of what the agent wrote to stderr; may be empty.
        stop_reason: `timeout`, `error`, … or None.
        duration_ms: How long the run took.
    """

    code = "agent_failed"
    error: str = ""
    stderr: str = ""
    stop_reason: str | None = None
    duration_ms: int = 0

    @property
    def timed_out(self) -> bool:
        """Whether the agent was stopped because its time was up."""
        return self.stop_reason == "timeout"


class TurnFailure(RunFailure):
    """502 of a turn: the agent failed, ran out of time or was interrupted.

    The session stays open: the next turn goes on with the same conversation.

    Attributes:
        session_id: The session.
        turn_index: The turn's number; None when the server did not say.
    """

    code = "turn_failed"
    session_id: str | None = None
    turn_index: int | None = None
