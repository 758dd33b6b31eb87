"""Where the monitor's socket and files are: as atmd 0.2.2 has them, for its clients to find."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clawdforge.wire import atm

DEFAULT_SOCKET = Path(atm.DEFAULT_SOCKET)
_UNKNOWN_HOME = Path("/tmp")  # noqa: S108 - the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The files of one monitor."""

    socket: Path
    state: Path
    """The folder of all else."""

    @property
    def pid_file(self) -> Path:
        """Holds the pid of the running daemon."""
        return self.state / "atmd.pid"

    @property
    def log_file(self) -> Path:
        """What a daemon in the background writes."""
        return self.state / "atm.log"

    @property
    def snapshot(self) -> Path:
        """The sessions, for the next start."""
        return self.state / "sessions.json"

    @property
    def approvals(self) -> Path:
        """Who answered what."""
        return self.state / "approvals.jsonl"


def paths_of(environ: Mapping[str, str]) -> Paths:
    """The files by the environment: `ATM_SOCKET`, `XDG_STATE_HOME`, `HOME`."""
    state = environ.get("XDG_STATE_HOME", "")
    home = environ.get("HOME", "")
    if state.startswith("/"):
        base = Path(state)
    else:
        base = Path(home) / ".local" / "state" if home else _UNKNOWN_HOME
    return Paths(
        socket=Path(environ.get("ATM_SOCKET") or DEFAULT_SOCKET),
        state=base / "atm",
    )


def claude_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Claude Code's configuration folders that this user may have."""
    named = environ.get("CLAUDE_CONFIG_DIR")
    home = environ.get("HOME")
    found = [Path(named)] if named else []
    if home:
        found.append(Path(home) / ".claude")
    return tuple(dict.fromkeys(found))
