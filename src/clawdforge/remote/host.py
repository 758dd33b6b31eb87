"""Which machine is meant: `user@machine`, a Host of ~/.ssh/config, an `ssh://` address. Pure.

Whatever is not plainly a name is refused: `ssh` would read one that begins with a dash as an
option, and hands others to a shell (`ProxyCommand` with `%h`, CVE-2023-51385).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from clawdforge.errors import InputError

MAX_CHARS = 255
_URL = "ssh://"
_USER = r"(?:[A-Za-z0-9_][A-Za-z0-9_.+\\@-]*@)?"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_IPV6 = r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?"
_PLAIN = re.compile(rf"({_USER})(?:\[({_IPV6})\]|({_NAME}))(?::(/.*))?")
_BARE_IPV6 = re.compile(rf"({_USER})({_IPV6})")
_ADDRESS = re.compile(rf"({_USER})(?:\[({_IPV6})\]|({_NAME}))(?::([0-9]{{1,5}}))?(/.*)?")
_PATH = re.compile(r"(?=.{2,200}\Z)(?:/[A-Za-z0-9_.@+=,~-]+)+")
_HINT = "user@machine, a Host of ~/.ssh/config, or ssh://user@machine:port; then :/path of a socket"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that `ssh` can reach."""

    name: str
    """For people, and unlike that of any other machine: what was written, without the socket."""
    destination: str
    """For `ssh`."""
    port: int | None = None
    """None: what the user's ssh configuration says."""
    socket: str | None = None
    """Where its monitor listens; None: where that machine says."""


def parse_host(text: str) -> Host:
    """The machine that a person means.

    Args:
        text: `machine`, `user@machine`, `ssh://user@machine:2222`; behind them the path of its
            monitor's socket, as `machine:/run/atm.sock` and `ssh://machine/run/atm.sock`.

    Raises:
        InputError: it names none (`invalid_host`).
    """
    text = text.strip()
    port: int | None = None
    if len(text) > MAX_CHARS:
        raise _refused(text[:40] + "…")
    if text.startswith(_URL):
        found = _ADDRESS.fullmatch(text.removeprefix(_URL))
        if found is None:
            raise _refused(text)
        user, number, named, given, socket = found.groups()
        port = int(given) if given else None
        if port is not None and not 0 < port < 65536:
            raise _refused(text)
        socket = None if socket == "/" else socket
    elif (bare := _BARE_IPV6.fullmatch(text)) is not None:
        user, number, named, socket = bare[1], bare[2], None, None
    else:
        found = _PLAIN.fullmatch(text)
        if found is None:
            raise _refused(text)
        user, number, named, socket = found.groups()
    if socket is not None and not is_usable(socket):
        raise _refused(text)
    destination = f"{user}{number or named}"
    shown = f"{destination}:{port}" if port is not None else destination
    return Host(shown, destination, port, socket)


def is_usable(socket: str) -> bool:
    """Whether `ssh` can be told to forward it: a plain absolute path."""
    return _PATH.fullmatch(socket) is not None


def parse_hosts(texts: Iterable[str]) -> tuple[Host, ...]:
    """The machines that a person means, each once, in this order.

    Raises:
        InputError: a text names none, or one machine is named with two sockets.
    """
    hosts: dict[str, Host] = {}
    for text in texts:
        host = parse_host(text)
        if hosts.setdefault(host.name, host) != host:
            msg = f"{host.name} is named twice, with different sockets"
            raise InputError(msg, code="invalid_host")
    return tuple(hosts.values())


def _refused(text: str) -> InputError:
    return InputError(f"{text!r} names no machine", code="invalid_host", hint=_HINT)
