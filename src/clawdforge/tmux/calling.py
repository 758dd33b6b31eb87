"""Has a tmux server do commands: bounded in time, with its errors as ours."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from clawdforge.processes.program import run_program
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import command_line

TIMEOUT_SECS = 5.0
_OURS = ("TMUX", "TMUX_PANE")
"""Where we run ourselves: it must not matter to what we ask."""


class TmuxCalls:
    """A tmux server, running or not, that can be told commands.

    Args:
        socket: Its path, or a name as `tmux -L` takes it.
        environ: The environment of the person whose it is. A server that is started gets it.
        timeout_secs: For one call.
    """

    def __init__(
        self,
        socket: Path | str,
        environ: Mapping[str, str],
        *,
        timeout_secs: float = TIMEOUT_SECS,
    ) -> None:
        self.socket = str(socket) if "/" in str(socket) else str(folder(environ) / str(socket))
        """The path of its socket."""
        self._env = {name: value for name, value in environ.items() if name not in _OURS}
        self._timeout_secs = timeout_secs

    def __repr__(self) -> str:
        return f"TmuxServer({self.socket!r})"

    @property
    def name(self) -> str:
        """The last part of its path, as `default`."""
        return Path(self.socket).name

    @property
    def argv(self) -> tuple[str, ...]:
        """How a command for this server begins."""
        return ("tmux", "-u", "-S", self.socket)

    async def run(
        self, *commands: Sequence[str], stdin: bytes = b"", config: str | None = None
    ) -> bytes:
        """Have it do commands, one after the other, with nothing in between; what they print.

        Args:
            commands: Each a name and its arguments, as they are: nothing needs quotes.
            stdin: For `load-buffer -`.
            config: A file in place of the person's, for a server that is started.

        Raises:
            TmuxError: it could not do one of them.
        """
        options = ("-f", config) if config is not None else ()
        argv = (*self.argv, *options, *command_line(commands))
        try:
            done = await run_program(
                argv, env=self._env, stdin=stdin, timeout_secs=self._timeout_secs
            )
        except FileNotFoundError:
            msg = "tmux is not installed"
            raise TmuxError(msg, code="tmux_missing", hint="install it: apt install tmux") from None
        except TimeoutError:
            msg = f"the tmux server {self.name} does not answer"
            raise TmuxError(msg, code="tmux_timeout") from None
        except OSError as error:
            msg = f"tmux cannot be asked: {error.strerror or error}"
            raise TmuxError(msg, code="tmux_failed") from None
        if done.code != 0:
            raise self._failed(done.err)
        return done.out

    def _failed(self, err: bytes) -> TmuxError:
        said = err.decode("utf-8", "replace").strip()
        if said.startswith(("no server running", "error connecting to", "server exited")):
            msg = f"no tmux server runs at {self.socket}"
            return TmuxError(msg, code="tmux_gone")
        if said.startswith("can't find pane"):
            return no_pane(said.rpartition(": ")[2])
        if "no space for new pane" in said:
            msg = "there is no room for another pane"
            return TmuxError(msg, hint="take another pane (--target-pane), or a smaller --size")
        return TmuxError(f"tmux: {said.splitlines()[-1] if said else 'it failed'}")


def folder(environ: Mapping[str, str]) -> Path:
    """Where the sockets of this user's servers are."""
    return Path(environ.get("TMUX_TMPDIR") or "/tmp") / f"tmux-{os.getuid()}"  # noqa: S108


def no_pane(pane_id: str) -> TmuxError:
    """There is no such pane (`pane_gone`)."""
    return TmuxError(f"there is no pane {pane_id} any more", code="pane_gone")
