"""`clawdforge interrupt`: stop what an agent does; it stays."""

import asyncio
from typing import TYPE_CHECKING

from clawdforge.cli.connection import DATA_DIR, URL, connected
from clawdforge.cli.targets import TARGET

if TYPE_CHECKING:
    from clawdforge.cli.targets import Target


def interrupt(session: TARGET, url: URL = None, data_dir: DATA_DIR = None) -> None:
    """Stop what an agent does. It stays, and waits for the next prompt.

    In a pane by the key that does so in that agent and never ends it: Escape in Claude Code, which
    also refuses what it asks. Of a session that a server drives the turn is cancelled.
    """
    from clawdforge.cli.screen import stderr
    from clawdforge.cli.targets import find_target
    from clawdforge.config import environment

    target = asyncio.run(find_target(session, environment()))
    if target.driven is not None and target.pane is None:
        with connected(url, data_dir) as client:
            done = client.session(target.driven).cancel()
        said = f"Cancelled turn {done.turn_index}" if done.cancelled else "No turn runs in"
        stderr().print(f"{said} {target.name}".replace("  ", " "), markup=False)
        return
    asyncio.run(_press(target))
    stderr().print(f"Interrupted {target.need_pane().id}", markup=False)


async def _press(target: "Target") -> None:
    from clawdforge.tmux.agents import terminal_agent

    keys = terminal_agent(target.agent).interrupt
    await target.server().send_keys(target.need_pane().id, *keys)
