"""The machines of one program: a private folder for their sockets, the `ssh` that reaches them."""

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from clawdforge.errors import ConfigError
from clawdforge.processes.containment import Containment
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Processes
from clawdforge.remote.host import Host
from clawdforge.remote.tunnel import Ssh, Tunnel

_SEEN = ("SSH_*", "GNUPGHOME", "KRB5*", "GSS*", "DBUS_SESSION_BUS_ADDRESS", "TERM")
_NOT_SEEN = ("ATM_SOCKET", "SSH_ASKPASS")
"""Ours would be taken for theirs, where `SendEnv` sends it; and nobody is to be asked."""
PREFIX = "clawdforge-ssh-"
MAX_BASE_BYTES = 48
"""A socket's path has at most 103 bytes (sun_path of BSD), of which ssh takes 17 for itself."""


@asynccontextmanager
async def open_machines(
    hosts: Sequence[Host],
    environ: Mapping[str, str],
    *,
    owner: str = "",
) -> AsyncIterator[tuple[Tunnel, ...]]:
    """Tunnels to these machines, in this order; all ends when it is closed.

    Args:
        hosts: Which.
        environ: The environment, of which `ssh` sees an allow-list.
        owner: Names who opens them across its restarts: what an earlier one left behind, after
            `kill -9`, is ended. Empty: nobody is.

    Raises:
        ConfigError: there is no `ssh`.
    """
    ssh = await asyncio.to_thread(_ssh, environ)
    folder = await asyncio.to_thread(_private_folder, environ)
    try:
        async with Processes(
            # Not a namespace: `ssh` wants to see its agent, its files and their owners as they are.
            Containment.SWEEP,
            folder_id=f"{owner or secrets.token_hex(8)}-remote",
            incarnation=secrets.token_hex(6),
        ) as processes:
            tunnels = []
            for number, host in enumerate(hosts):
                inner = folder / str(number)
                await asyncio.to_thread(inner.mkdir, 0o700)
                tunnels.append(Tunnel(host, ssh, processes, inner))
            try:
                yield tuple(tunnels)
            finally:
                async with asyncio.TaskGroup() as group:
                    for tunnel in tunnels:
                        group.create_task(tunnel.close(), name=f"close-{tunnel.host.name}")
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _ssh(environ: Mapping[str, str]) -> Ssh:
    program = shutil.which("ssh", path=environ.get("PATH"))
    if program is None:
        msg = "there is no `ssh` here"
        raise ConfigError(msg, hint="install OpenSSH's client (Debian: openssh-client)")
    seen = {name: value for name, value in select(environ, _SEEN).items() if name not in _NOT_SEEN}
    return Ssh(program=program, environ=seen | {"SSH_ASKPASS_REQUIRE": "never"})


def _private_folder(environ: Mapping[str, str]) -> Path:
    """A new folder, 0700, whose path is short enough for sockets."""
    for base in (environ.get("XDG_RUNTIME_DIR"), environ.get("TMPDIR"), "/tmp"):  # noqa: S108
        if base and len(os.fsencode(base)) <= MAX_BASE_BYTES and os.access(base, os.W_OK):
            _remove_left(Path(base))
            return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    msg = "no folder for sockets can be made"
    raise ConfigError(msg, hint="set XDG_RUNTIME_DIR to a folder with a short path")


def _remove_left(base: Path) -> None:
    """Remove the folders of programs that were killed. Of others' nothing is touched."""
    for folder in base.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            is_ours = folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()
            if is_ours and pid.isdecimal() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)
