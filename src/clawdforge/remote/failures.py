"""Why a machine is not reached, by what `ssh` says; there is nothing else to tell by. Pure."""

import re
from dataclasses import dataclass

from clawdforge.remote.command import by_hand
from clawdforge.remote.host import Host

MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a machine is not reached, and what to do."""

    reason: str
    hint: str


def why(stderr: str, host: Host) -> Failure:
    """Why `ssh` ended, by what it wrote to standard error."""
    text = " ".join(stderr.split())
    asking = by_hand(host, "true")
    for pattern, reason, hint in _REASONS:
        if (found := re.search(pattern, text)) is not None:
            named = {"detail": found[1] if found.groups() and found[1] else "", "asking": asking}
            return Failure(reason.format(**named), hint.format(**named))
    return Failure(last_line(stderr) or "ssh ended without a word", f"`{asking}` may tell more")


def last_line(stderr: str) -> str:
    """The last line that says anything, fit for a terminal."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return "".join(char for char in lines[-1] if char.isprintable())[:MAX_CHARS] if lines else ""


_REASONS = (
    (
        r"Could not resolve hostname",
        "there is no machine of that name",
        "mend the name, or give it a Host entry in ~/.ssh/config",
    ),
    (
        r"IDENTIFICATION HAS CHANGED|[Hh]ost key for \S+ has changed",
        "its host key has changed: it may be another machine",
        "find out why; if that is right, `{asking}` in a terminal says which old key to remove",
    ),
    (
        r"Host key verification failed|No \S+ host key is known|key is known for",
        "its host key is not known here",
        "say `{asking}` in a terminal once, and compare the key",
    ),
    (
        r"UNPROTECTED PRIVATE KEY",
        "others can read the private key",
        "chmod 600 the key, then `{asking}`",
    ),
    (
        r"Permission denied( \([^)]*\))?|Too many authentication failures",
        "it does not let us in without a question{detail}",
        "`{asking}` has to work without one: load your key into an agent (ssh-add)",
    ),
    (
        r"Connection refused",
        "no ssh server answers there",
        "mend the name or the port, or start sshd there",
    ),
    (
        r"timed out|Timeout, server|No route to host|(?:Network|Host) is (?:unreachable|down)",
        "it cannot be reached",
        "is it on, and is there a network? `{asking}` tells",
    ),
    (
        r"(Bad owner or permissions on \S+|Bad configuration option: \S+)",
        "ssh refuses its configuration: {detail}",
        "mend ~/.ssh/config",
    ),
    (
        r"Connection (?:to \S+ )?closed|[Cc]onnection reset|Broken pipe|client_loop",
        "the connection was cut",
        "`{asking}` tells whether it comes again",
    ),
)
