"""How `ssh` is called, and what it says: command lines and texts. Pure.

One connection a machine: it runs `GREETING` there and stays; what else is wanted (the monitor's
socket forwarded, a command) goes over it by its control socket, without another login.
Options are those of ssh(1) and ssh_config(5), OpenSSH 8.4 and later.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from clawdforge.remote.host import Host

CONNECT_SECS = 10
ALIVE_SECS = 5
"""How often the connection is tried when nothing comes; two that fail end it."""
MARK = "clawdforge-remote 1 "
GREETING = (
    "sh -c 'printf \""
    + MARK.strip()
    + ' %s\\n" "${ATM_SOCKET:-/tmp/atm.sock}"; exec cat >/dev/null\''
)
"""Says where the monitor of that machine listens, and lasts until its input ends, as it does when
we or the connection are gone. Quoted for any login shell."""


def connecting(ssh: str, host: Host, control: Path) -> list[str]:
    """The command line of the connection.

    The user's own configuration holds, but for what would ask, forward or run more than we want.

    Args:
        ssh: The program.
        host: Whereto.
        control: The path of its control socket, which it makes.
    """
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": CONNECT_SECS,
        "ServerAliveInterval": ALIVE_SECS,
        "ServerAliveCountMax": 2,
        "ControlMaster": "yes",
        "ControlPath": str(control).replace("%", "%%"),
        "ControlPersist": "no",
        "ClearAllForwardings": "yes",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "PermitLocalCommand": "no",
        "RemoteCommand": "none",
        "RequestTTY": "no",
        "EscapeChar": "none",
        "LogLevel": "INFO",
    }
    given = [f"-o{name}={value}" for name, value in options.items()]
    port = ["-p", str(host.port)] if host.port is not None else []
    return [ssh, *given, *port, "--", host.destination, GREETING]


def forwarding(ssh: str, host: Host, control: Path, local: Path, remote: str) -> list[str]:
    """Have the connection forward a socket, and nothing that a configuration names besides."""
    return [
        *_over(ssh, control),
        "-O",
        "forward",
        "-L",
        f"{local}:{remote}",
        "--",
        host.destination,
    ]


def running(ssh: str, host: Host, control: Path, argv: Sequence[str]) -> list[str]:
    """Run a command there. Its words must have neither line feeds nor exclamation marks: csh."""
    return [*_over(ssh, control), "-T", "--", host.destination, shlex.join(argv)]


def by_hand(host: Host, *words: str, terminal: bool = False) -> str:
    """The command line that a person would type. `terminal`: what runs there needs one."""
    flags = ["-t"] if terminal else []
    port = ["-p", str(host.port)] if host.port is not None else []
    return shlex.join(["ssh", *flags, *port, host.destination, *words])


def greeted(line: bytes) -> str | None:
    """Where the monitor there listens; None: this line is not the greeting."""
    text = line.decode("utf-8", "replace").strip()
    return text[len(MARK) :] if text.startswith(MARK) else None


def _over(ssh: str, control: Path) -> list[str]:
    # `-F none`: nothing of the configuration is to be done a second time.
    return [ssh, "-F", "none", "-oBatchMode=yes", "-oControlMaster=no", f"-oControlPath={control}"]
