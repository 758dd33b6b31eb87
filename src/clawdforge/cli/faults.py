"""How errors are told: `error:` and `hint:` on stderr, and the exit code."""

import sys

from clawdforge.errors import ClawdforgeError, ConfigError, InputError

OK = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
CLIENT_ERROR = 4
SERVER_ERROR = 5
INTERRUPTED = 130

EXIT_CODES = {
    OK: "it worked",
    FAILED: "it failed: the run, or a check",
    USAGE: "wrong usage or configuration",
    UNREACHABLE: "no server answers, or there is no credential for it",
    CLIENT_ERROR: "the server refused: HTTP 4xx",
    SERVER_ERROR: "the server cannot do it: HTTP 5xx",
    INTERRUPTED: "interrupted with Ctrl-C",
}
"""What each exit code means; part of the command's interface."""


def exit_code(error: ClawdforgeError) -> int:
    """The exit code for an error: what a script can do about it."""
    from clawdforge.client.errors import ApiError, ProtocolError, RunFailure, TransportError

    match error:
        case RunFailure():
            return FAILED
        case ApiError(status=status):
            return SERVER_ERROR if status >= 500 else CLIENT_ERROR
        case TransportError():
            return UNREACHABLE
        case ProtocolError():
            return FAILED
        case ClawdforgeError(code="token_missing" | "remote_failed"):
            return UNREACHABLE
        case ConfigError() | InputError():
            return USAGE
        case _:
            return FAILED


def report(error: ClawdforgeError) -> None:
    """Tell people what went wrong and what to do about it."""
    from clawdforge.cli.screen import harmless, stderr

    screen = stderr()
    screen.print("[bold red]error:[/]", end=" ")
    screen.print(harmless(error.message), markup=False)
    hint = error.hint or _hint(error)
    if hint:
        screen.print("[bold cyan]hint:[/]", end=" ")
        screen.print(harmless(hint), markup=False)
    sys.stderr.flush()


def _hint(error: ClawdforgeError) -> str | None:
    """What to do about an error that does not say so itself."""
    from clawdforge.client.errors import AuthError, BusyError

    match error:
        case AuthError(status=401):
            return "is the token of this server, and not revoked? see `clawdforge token list`"
        case AuthError():
            return "the token may not do this, or not from this address"
        case BusyError(retry_after_secs=secs):
            return f"try again in {secs} s"
        case _:
            return None
