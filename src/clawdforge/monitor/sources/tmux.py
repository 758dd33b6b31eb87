"""Which terminal pane belongs to which process, by asking each tmux server once."""

from collections.abc import Mapping

from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import Pane
from clawdforge.tmux.servers import all_panes

_SEEN = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMUX", "TMUX_TMPDIR", "TERM")


async def panes(environ: Mapping[str, str]) -> dict[int, Pane]:
    """The panes of all our tmux servers, by the pid of the process that each was made for."""
    try:
        found = await all_panes({name: environ[name] for name in _SEEN if name in environ})
    except TmuxError:  # it is not installed
        return {}
    return {pane.pid: pane for pane in found}
