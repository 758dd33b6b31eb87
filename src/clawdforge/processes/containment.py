"""How a child is kept from outliving us: the strongest way that this system offers.

Measured: after `kill -9` of the server only a PID namespace *plus* a parent-death
signal on its launcher leaves nothing behind, because agents start shell commands in sessions of
their own. Where namespaces are not to be had, children carry a mark in their environment, and
whatever still carries it is swept when its run ends and when the next server starts.

Inside a namespace the agent would see small pids, and two agents that share a HOME would meet in
files named by pid. So the namespace's first free pid is set to the launcher's pid outside,
which no other process on the machine has meanwhile.
"""

import enum
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from clawdforge.processes.open_files import of_children

MARK_VARIABLE = "CLAWDFORGE_CHILD_OF"
"""In the environment of every child: `FOLDER-ID:INCARNATION:NUMBER:`, the server's and its own."""


class Containment(enum.Enum):
    """What ends a child's descendants when the server dies."""

    NAMESPACE = "pid-namespace"
    USER_NAMESPACE = "user-namespace"
    SWEEP = "sweep"

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left even right after `kill -9` of the server."""
        return self is not Containment.SWEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resource limits of a child and its descendants; None leaves the system's own."""

    core_bytes: int = 0
    open_files: int | None = None
    file_bytes: int | None = None
    """Largest file it may write."""
    cpu_secs: int | None = None


# PID 1 of the namespace. $1: the launcher's pid outside. The agent is a child of it, not PID 1
# itself, so that signals have their usual effect on it and orphans are reaped. `exit $?` keeps
# the shell from replacing itself by the agent.
_INNER = (
    "{ echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; "
    "echo 500 >/proc/self/oom_score_adj; } 2>/dev/null; "
    'shift; "$@"; exit $?'
)
_NAMESPACE = "unshare --pid --fork --kill-child=KILL --mount-proc -- /bin/sh -c"
_DEATH_SIGNAL = "setpriv --pdeathsig KILL --"
_DROP = "setpriv --ambient-caps -all --inh-caps -all --"
_CHAINS = {
    Containment.NAMESPACE: f'exec {_DEATH_SIGNAL} {_NAMESPACE} "$inner" sh "$$" "$@"',
    Containment.USER_NAMESPACE: (
        f"exec unshare --user --map-current-user --keep-caps -- {_DEATH_SIGNAL} "
        f'{_NAMESPACE} "$inner" sh "$$" {_DROP} "$@"'
    ),
}


def wrap(argv: Sequence[str], how: Containment, limits: Limits) -> list[str]:
    """The command line that starts `argv` contained and limited."""
    limited = _ulimits(limits)
    chain = _CHAINS.get(how)
    if chain is None:
        signal = f"{_DEATH_SIGNAL} " if shutil.which("setpriv") else ""
        return ["/bin/sh", "-c", f'{limited}exec {signal}"$@"', "sh", *argv]
    script = f"inner={shlex.quote(_INNER)}; {limited}{chain}"
    return ["/bin/sh", "-c", script, "sh", *argv]


def _ulimits(limits: Limits) -> str:
    flags = {
        "-c": limits.core_bytes // 512,
        "-n": limits.open_files,
        "-S -n": of_children() if limits.open_files is None else None,
        "-f": None if limits.file_bytes is None else max(1, limits.file_bytes // 512),
        "-t": limits.cpu_secs,
    }
    return "".join(f"ulimit {flag} {value}; " for flag, value in flags.items() if value is not None)
