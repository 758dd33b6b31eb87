"""The tmux panes of sessions that were started by hand: seen and steered for HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from clawdforge.core.observed.views import SessionView
from clawdforge.errors import (
    AgentMissingError,
    BusyError,
    ClawdforgeError,
    ConflictError,
    InputError,
    NotFoundError,
    TooLargeError,
)
from clawdforge.http.services import Screen, Spawned
from clawdforge.monitor.feed import Feed
from clawdforge.tmux.agents import agent_command, terminal_agent
from clawdforge.tmux.ancestry import ancestry
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import Pane
from clawdforge.tmux.server import Side, TmuxServer
from clawdforge.tmux.servers import all_panes, pane_of, server_of
from clawdforge.tmux.starting import pane_to_split, program_path
from clawdforge.tmux.typing import press, say

KNOWN_SECS = 5.0
"""A screen is asked for every second: so long it is not looked up anew whose pane is whose."""
OWN = "CLAWDFORGE_"
"""Variables of ours, among them tokens: a tmux server that we start does not get them."""
SESSION = "agents"


class Panes:
    """Finds the pane of each session, and does there what is asked for.

    Args:
        feed: Tells of the sessions.
        environ: Says where the tmux servers of this user are.
    """

    def __init__(self, feed: Feed, environ: Mapping[str, str]) -> None:
        self._feed = feed
        self._environ = {name: value for name, value in environ.items() if not name.startswith(OWN)}
        self._known: dict[str, tuple[float, Pane]] = {}

    async def screen(self, session_id: str) -> Screen:
        """What a person would see in the pane now.

        Raises:
            NotFoundError: there is no such session.
            ConflictError: it has no pane (`no_pane`), or tmux cannot do it; `code` says why.
            BusyError: tmux does not answer.
        """
        async with _told_as_ours():
            try:
                pane = await self._pane(session_id, for_secs=KNOWN_SECS)
                picture = await server_of(pane, self._environ).picture(pane.id)
            except TmuxError:
                self._known.pop(session_id, None)
                raise
        return Screen(
            pane=pane.id, place=pane.place, width=pane.width, height=pane.height, text=picture
        )

    async def type(self, session_id: str, text: str, *, enter: bool, force: bool) -> str:
        """Type a text, as it is; the pane's id.

        Raises:
            ClawdforgeError: as `screen`; the agent asks something (`question_open`) and it is not
                forced: the text would be taken for the answer.
        """
        async with _told_as_ours():
            pane = await self._pane(session_id)
            await say(server_of(pane, self._environ), pane.id, text, enter=enter, force=force)
        return pane.id

    async def press(self, session_id: str, keys: Sequence[str]) -> str:
        """Press keys by tmux's names; the pane's id.

        Raises:
            ClawdforgeError: as `screen`; one is no key.
        """
        async with _told_as_ours():
            pane = await self._pane(session_id)
            await press(server_of(pane, self._environ), pane.id, keys)
        return pane.id

    async def interrupt(self, session_id: str) -> str:
        """End what the agent does, as a person would with its keys; the pane's id.

        Raises:
            ClawdforgeError: as `screen`.
        """
        return await self.press(session_id, terminal_agent(self._view(session_id).agent).interrupt)

    async def kill(self, session_id: str) -> str:
        """Close the pane, and by that end what runs in it; the pane's id.

        Raises:
            ClawdforgeError: as `screen`.
        """
        async with _told_as_ours():
            pane = await self._pane(session_id)
            self._known.pop(session_id, None)
            await server_of(pane, self._environ).kill_pane(pane.id)
        return pane.id

    async def spawn(
        self, agent: str, *, beside: str | None, cwd: str | None, side: Side, model: str | None
    ) -> Spawned:
        """Start an agent in a pane of its own.

        Args:
            agent: Which, of those that are known to run in a terminal.
            beside: A session, whose pane is split; None: the pane that is in use. Where no tmux
                runs at all, one is started.
            cwd: Where it works; None: where the pane that is split does.
            side: Where the new pane is.
            model: The model it is to use.

        Raises:
            ClawdforgeError: as `screen`; the agent or folder is not there.
        """
        async with _told_as_ours():
            argv = await program_path(agent_command(agent, model=model), self._environ)
            if cwd is not None and not await asyncio.to_thread(_is_folder, cwd):
                msg = "cwd: there is no such folder"
                raise InputError(msg, code="no_folder")
            panes = await all_panes(self._environ)
            split = await self._pane(beside) if beside is not None else _in_use(panes)
            folder = cwd or (split.path if split else self._environ.get("HOME", "/"))
            path = {"PATH": self._environ["PATH"]} if "PATH" in self._environ else None
            if split is None:
                server = TmuxServer("default", self._environ)
                made = await server.new_session(
                    SESSION, argv, cwd=folder, env=path, keep_failed=True
                )
            else:
                server = server_of(split, self._environ)
                made = await server.split(split.id, argv, side=side, cwd=folder, env=path)
        return Spawned(pane=made, agent=agent, folder=folder)

    def _view(self, session_id: str) -> SessionView:
        found = self._feed.view(session_id)
        if found is None:
            msg = "there is no such session"
            raise NotFoundError(msg)
        return msgspec.json.decode(found, type=SessionView)

    async def _pane(self, session_id: str, *, for_secs: float = 0.0) -> Pane:
        """Its pane; so long as looked up once for all."""
        view = self._view(session_id)
        now = asyncio.get_running_loop().time()
        at, pane = self._known.get(session_id, (0.0, None))
        if pane is not None and now - at < for_secs:
            return pane
        if view.host is not None:
            msg = f"it runs on {view.host}: use clawdforge there"
            raise ConflictError(msg, code="elsewhere")
        parents = await ancestry(view.pid) if view.pid is not None else []
        pane = pane_of(await all_panes(self._environ), pane_id=view.tmux_pane, ancestry=parents)
        if pane is None:
            msg = "it does not run in tmux, so nothing can be typed there from here"
            raise ConflictError(msg, code="no_pane")
        self._known = {key: one for key, one in self._known.items() if now - one[0] < KNOWN_SECS}
        self._known[session_id] = (now, pane)
        return pane


@asynccontextmanager
async def _told_as_ours() -> AsyncIterator[None]:
    """What tmux cannot do, by what the caller can do about it."""
    try:
        yield
    except TmuxError as error:
        raise _as_ours(error) from None
    except AgentMissingError as error:
        raise InputError(error.message, code=error.code) from None


def _as_ours(error: TmuxError) -> ClawdforgeError:
    if error.code == "tmux_timeout":
        return BusyError(error.message, retry_after_secs=2, code=error.code)
    kind = TooLargeError if error.code == "text_too_large" else ConflictError
    return kind(error.message, code=error.code)


def _in_use(panes: Sequence[Pane]) -> Pane | None:
    return pane_to_split(panes, None) if any(not pane.dead for pane in panes) else None


def _is_folder(path: str) -> bool:
    return path.startswith("/") and "\0" not in path and Path(path).is_dir()
