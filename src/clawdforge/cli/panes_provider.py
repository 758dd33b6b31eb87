"""The dashboard's way to sessions in tmux panes: jump, look, say, interrupt, end, start."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from clawdforge.cli.targets import pane_of_view
from clawdforge.core.observed.views import IDLE, SessionView
from clawdforge.errors import InputError
from clawdforge.tmux.agents import TERMINAL_AGENTS, agent_command, terminal_agent
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.jumping import jump
from clawdforge.tmux.protocol import Pane
from clawdforge.tmux.server import TmuxServer
from clawdforge.tmux.servers import all_panes, server_of
from clawdforge.tmux.starting import own_pane, pane_to_split, program_path
from clawdforge.tmux.typing import say
from clawdforge.tui.providers import (
    Act,
    Interrupt,
    Jump,
    Kill,
    Neighbours,
    Offer,
    Provider,
    Send,
    Spawn,
)

KNOWN_SECS = 5.0
"""How long it is believed that a session is still in the pane where it was found."""
DEFAULT_AGENT = "claude"


@dataclass(frozen=True, slots=True)
class _Known:
    pane: Pane
    pid: int | None
    until: float


class PanesProvider(Provider):
    """Does with panes what can be done with them.

    Args:
        environ: Says where tmux servers are, and in which pane the dashboard is.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: dict[str, _Known] = {}

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        """See `Provider`."""
        found: list[Offer] = []
        if self._environ.get("TMUX") or (view is not None and view.tmux_pane):
            found.append("spawn")
        if view is not None and view.tmux_pane:
            found += ["jump", "send", "kill", "screen"]
            if view.status != IDLE:
                found.append("interrupt")
        return found

    async def do(self, act: Act, view: SessionView | None) -> str:
        """See `Provider`."""
        if isinstance(act, Spawn):
            return await self._spawn(act, view)
        if view is None:
            return await super().do(act, view)
        pane = await self._pane(view)
        server = server_of(pane, self._environ)
        match act:
            case Jump():
                return await self._jump(pane)
            case Send(text):
                await say(server, pane.id, text)
                return f"said in {pane.id}"
            case Interrupt():
                await server.send_keys(pane.id, *terminal_agent(view.agent).interrupt)
                return f"interrupted {pane.id}"
            case Kill():
                self._known.pop(view.id, None)
                await server.kill_pane(pane.id)
                return f"killed {pane.id}"
        return await super().do(act, view)

    async def screen(self, view: SessionView) -> str | None:
        """See `Provider`."""
        try:
            pane = await self._pane(view)
            return await TmuxServer(pane.socket, self._environ).picture(pane.id)
        except TmuxError as error:
            self._known.pop(view.id, None)
            if error.code in {"pane_gone", "tmux_gone"}:
                return None
            raise

    async def _jump(self, pane: Pane) -> str:
        done = await jump(pane, self._environ)
        if done.attach:
            msg = f"no terminal shows {pane.id}"
            raise TmuxError(msg, code="no_terminal", hint="`clawdforge jump` in a terminal does")
        where = "" if self._environ.get("TMUX") else f" in {done.terminal}"
        return f"jumped to {pane.id}{where}"

    async def _spawn(self, act: Spawn, view: SessionView | None) -> str:
        panes = await all_panes(self._environ)
        chosen = await pane_of_view(view, panes) if view is not None else None
        agent = view.agent if view is not None else DEFAULT_AGENT
        if agent not in TERMINAL_AGENTS:
            agent = DEFAULT_AGENT
        beside = pane_to_split(panes, own_pane(panes, self._environ), chosen)
        argv = await program_path(agent_command(agent), self._environ)
        path = self._environ.get("PATH")
        pane_id = await server_of(beside, self._environ).split(
            beside.id,
            argv,
            side=act.side,
            cwd=(view.cwd if view is not None else None) or beside.path,
            env={"PATH": path} if path else None,
        )
        return f"started {agent} in {pane_id}"

    async def _pane(self, view: SessionView) -> Pane:
        """Where a session runs.

        Raises:
            TmuxError: in no pane that we see (`pane_gone`).
        """
        now = asyncio.get_running_loop().time()
        known = self._known.get(view.id)
        if known is not None and known.pid == view.pid and now < known.until:
            return known.pane
        self._known = {name: one for name, one in self._known.items() if now < one.until}
        pane = await pane_of_view(view, await all_panes(self._environ))
        if pane is None:
            msg = f"its pane {view.tmux_pane or ''} is not there"
            raise TmuxError(msg, code="pane_gone")
        self._known[view.id] = _Known(pane, view.pid, now + KNOWN_SECS)
        return pane


class PaneNeighbours(Neighbours):
    """The sessions whose panes are in one tmux session.

    Args:
        session: Its name.
        environ: Says where tmux servers are.
    """

    def __init__(self, session: str, environ: Mapping[str, str]) -> None:
        self._session = session
        self._environ = environ

    async def inside(self, views: Sequence[SessionView]) -> Collection[str]:
        """See `Neighbours`."""
        panes = await all_panes(self._environ)
        if not any(pane.session == self._session for pane in panes):
            msg = f"there is no tmux session {self._session!r}"
            raise InputError(msg, code="not_found")
        found = set()
        for view in views:
            if view.tmux_pane is None or view.host is not None:
                continue
            pane = await pane_of_view(view, panes)
            if pane is not None and pane.session == self._session:
                found.add(view.id)
        return found
