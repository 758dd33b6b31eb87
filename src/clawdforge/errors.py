"""Every error of clawdforge: one tree, branched by what the caller can do about it.

    ClawdforgeError
    ├── ConfigError            the operator mends the configuration
    ├── InputError             the caller mends the request
    │   ├── NotFoundError      …there is no such thing (or it is another app's)
    │   ├── GoneError          …it was there, and is closed for good
    │   ├── ConflictError      …the name is taken, or something else is under way
    │   └── TooLargeError      …it is over a limit
    ├── AccessError            the caller needs another credential or address
    │   ├── UnauthorizedError  …no valid token
    │   └── ForbiddenError     …a valid caller that may not do this
    ├── BusyError              the caller tries again later
    ├── StorageError           the operator mends the disk or the ledger
    │   └── LedgerCorruptError
    └── AgentError             the agent could not do it
        ├── AgentMissingError  …it is not installed
        └── AgentProtocolError …it does not speak as it should

`code` is part of the API: stable, lower_snake_case. Nobody matches on messages.
`hint` says what to do next, for people.
"""


class ClawdforgeError(Exception):
    """The root: catch it to catch everything that clawdforge raises on purpose."""

    code = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class ConfigError(ClawdforgeError):
    """A setting is wrong, or the machine is not as the settings need it."""

    code = "config_invalid"


class InputError(ClawdforgeError):
    """The request cannot be carried out as it is; the caller can mend it."""

    code = "invalid_request"


class NotFoundError(InputError):
    """There is no such thing, or it belongs to another app: the two look alike."""

    code = "not_found"


class GoneError(InputError):
    """It was there and is closed."""

    code = "gone"


class ConflictError(InputError):
    """The name is in use."""

    code = "already_exists"


class TooLargeError(InputError):
    """A size limit was passed."""

    code = "too_large"


class AccessError(ClawdforgeError):
    """The caller may not do this."""

    code = "access_denied"


class UnauthorizedError(AccessError):
    """There is no token, or it is not valid."""

    code = "unauthorized"


class ForbiddenError(AccessError):
    """The caller is known, or nameless, and may not do this from here."""

    code = "forbidden"


class BusyError(ClawdforgeError):
    """Not now. `retry_after_secs` says when it is worth trying again."""

    code = "busy"

    def __init__(self, message: str, *, retry_after_secs: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_secs = retry_after_secs


class StorageError(ClawdforgeError):
    """The data folder or the ledger cannot be used."""

    code = "storage_unavailable"


class LedgerCorruptError(StorageError):
    """The ledger's file is damaged or is not a ledger."""

    code = "ledger_corrupt"


class AgentError(ClawdforgeError):
    """An agent could not do what was asked of it."""

    code = "agent_failed"


class AgentMissingError(AgentError):
    """The agent's program is not installed, or not where the configuration says."""

    code = "agent_missing"


class AgentProtocolError(AgentError):
    """The agent's output cannot be understood, or is over a limit."""

    code = "agent_protocol"
