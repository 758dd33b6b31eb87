"""`clawdforge jump`: go to the pane that an agent runs in."""

import asyncio
import sys
from typing import TYPE_CHECKING

from clawdforge.cli.targets import TARGET

if TYPE_CHECKING:
    from clawdforge.tmux.jumping import Jumped


def jump(session: TARGET) -> None:
    """Go to the tmux pane that an agent runs in.

    Inside tmux your terminal shows it, also when it is in another tmux session, or on another
    tmux server: then the terminal leaves this one, which goes on. Outside tmux it attaches.

    For example:

      clawdforge jump 5b0e

      clawdforge jump %5

      tmux bind-key A run-shell 'clawdforge jump $(clawdforge ps is:needs --ids | head -1)'
    """
    from clawdforge.cli.screen import stderr
    from clawdforge.config import environment
    from clawdforge.processes.program import become
    from clawdforge.tmux.errors import TmuxError

    environ = environment()
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    done = asyncio.run(_jump(session, environ, elsewhere=not has_terminal))
    if not done.attach:
        where = f" in {done.terminal}" if not environ.get("TMUX") else ""
        stderr().print(f"Jumped to {done.pane.id} ({done.pane.place}){where}", markup=False)
    elif has_terminal:
        become(done.attach, env=outside(environ))
    else:
        import shlex

        msg = f"no terminal shows {done.pane.id}"
        hint = f"run this in one: {shlex.join(done.attach)}"
        raise TmuxError(msg, code="no_terminal", hint=hint)


def outside(environ: dict[str, str]) -> dict[str, str]:
    """The environment for a program that is to be in no tmux."""
    return {name: value for name, value in environ.items() if name not in {"TMUX", "TMUX_PANE"}}


async def _jump(given: str, environ: dict[str, str], *, elsewhere: bool) -> "Jumped":
    from clawdforge.cli.targets import find_target
    from clawdforge.tmux.jumping import jump as go

    target = await find_target(given, environ)
    return await go(target.need_pane(), environ, elsewhere=elsewhere)
