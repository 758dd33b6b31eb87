"""Asking a monitor that runs, from a command: connect, one question, one answer."""

import socket
from pathlib import Path
from typing import Any

import msgspec

from clawdforge.wire import atm

TIMEOUT_SECS = 2.0
MAX_REPLY_BYTES = 256 * 1024 * 1024


def facts_of(path: Path) -> dict[str, Any] | None:
    """What the monitor at that socket says about itself; None: it says nothing."""
    reply = ask(path, atm.encode_request("status"))
    return reply.get("facts") if reply is not None else None


def ask(path: Path, line: bytes, *, timeout_secs: float = TIMEOUT_SECS) -> dict[str, Any] | None:
    """The reply to a request; None when there is no monitor, or it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(timeout_secs)
            link.connect(str(path))
            link.sendall(atm.encode_request("connect") + line)
            with link.makefile("rb") as stream:
                stream.readline(atm.MAX_LINE)
                reply = msgspec.json.decode(stream.readline(MAX_REPLY_BYTES))
    except (OSError, msgspec.DecodeError):
        return None
    return reply if isinstance(reply, dict) else None
