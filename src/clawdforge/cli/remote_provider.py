"""What the dashboard can do with sessions of other machines, over their connections."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from clawdforge.client import PermissionInfo, events
from clawdforge.core.observed.machines import id_on
from clawdforge.core.observed.views import IDLE, SessionView
from clawdforge.errors import InputError
from clawdforge.processes.program import run_program
from clawdforge.remote import panes
from clawdforge.remote.command import by_hand
from clawdforge.remote.tunnel import Tunnel
from clawdforge.tmux.agents import terminal_agent
from clawdforge.tui.approvals import ApprovalsProvider
from clawdforge.tui.providers import (
    Act,
    Allow,
    Deny,
    Interrupt,
    Jump,
    Kill,
    Offer,
    Provider,
    Send,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

JUMP_SECS = 5.0


class OnlyHere(Provider):
    """A provider for the sessions of this machine: ids and panes of another are none of its.

    Args:
        inner: Which.
    """

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        """See `Provider`."""
        return () if view is not None and view.host is not None else self._inner.offers(view)

    async def do(self, act: Act, view: SessionView | None) -> str:
        """See `Provider`."""
        if view is not None and view.host is not None:
            return await super().do(act, view)
        return await self._inner.do(act, view)

    async def questions(self) -> Sequence[PermissionInfo]:
        """See `Provider`."""
        return await self._inner.questions()

    def follows(self, view: SessionView) -> str | None:
        """See `Provider`."""
        return None if view.host is not None else self._inner.follows(view)

    def events(self, session_id: str, after: int) -> "AsyncGenerator[events.Event]":
        """See `Provider`."""
        return self._inner.events(session_id, after)

    async def screen(self, view: SessionView) -> str | None:
        """See `Provider`."""
        return None if view.host is not None else await self._inner.screen(view)

    async def close(self) -> None:
        """See `Provider`."""
        await self._inner.close()


class RemoteProvider(Provider):
    """What can be done with the sessions of one other machine.

    Its questions are answered over its monitor's socket; keys and texts go to its panes. What
    its own `clawdforge serve` drives can be watched, and is steered there.

    Args:
        tunnel: The machine.
        environ: The environment; in tmux, a jump opens a window.
    """

    def __init__(self, tunnel: Tunnel, environ: Mapping[str, str]) -> None:
        self._tunnel = tunnel
        self._environ = environ
        self._approvals = ApprovalsProvider(tunnel.socket)

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        """See `Provider`."""
        if view is None or not self._is_its(view) or view.stale or not view.tmux_pane:
            return ()
        found: list[Offer] = ["screen", "kill"]
        if view.source != "gateway":
            found.append("send")
            if view.status != IDLE:
                found.append("interrupt")
        if self._environ.get("TMUX"):
            found.append("jump")
        return found

    async def do(self, act: Act, view: SessionView | None) -> str:
        """See `Provider`."""
        if isinstance(act, Allow | Deny):
            return await self._approvals.do(act, view)
        if view is None or not self._is_its(view):
            return await super().do(act, view)
        pane, pid, host = view.tmux_pane or "", view.pid, self._tunnel.host.name
        match act:
            case Send(text):
                data = text.encode("utf-8", "surrogateescape")
                if len(data) > panes.MAX_TEXT_BYTES:
                    msg = f"a text of {len(data):,} bytes is too long to be typed"
                    raise InputError(msg)
                await self._tunnel.run(panes.sending(pane, pid), stdin=data)
                return f"said on {host}"
            case Interrupt():
                keys = terminal_agent(view.agent).interrupt
                await self._tunnel.run(panes.pressing(pane, pid, keys))
                return f"interrupted on {host}"
            case Kill():
                await self._tunnel.run(panes.killing(pane, pid))
                return f"its pane on {host} is closed"
            case Jump():
                return await self._jump(panes.showing(pane, pid), pane)
        return await super().do(act, view)

    async def questions(self) -> Sequence[PermissionInfo]:
        """See `Provider`. A machine that is away asks nothing."""
        if not self._tunnel.is_open:
            return ()
        name = self._tunnel.host.name
        return [
            msgspec.structs.replace(one, session_id=id_on(name, one.session_id))
            for one in await self._approvals.questions()
        ]

    async def screen(self, view: SessionView) -> str | None:
        """See `Provider`."""
        if not self._is_its(view) or view.stale or not view.tmux_pane:
            return None
        return await self._tunnel.run(panes.looking(view.tmux_pane, view.pid))

    def _is_its(self, view: SessionView) -> bool:
        return view.host == self._tunnel.host.name

    async def _jump(self, argv: Sequence[str], pane: str) -> str:
        """A window of the tmux that we run in, with that machine's in it."""
        host = self._tunnel.host
        there = by_hand(host, shlex.join(argv), terminal=True)
        window = ("tmux", "new-window", "-n", host.name.replace("#", "##"), there)
        try:
            done = await run_program(window, env=self._environ, timeout_secs=JUMP_SECS)
        except (OSError, TimeoutError):
            done = None
        if done is None or done.code != 0:
            msg = "tmux here opens no window"
            raise InputError(msg, hint=f"`{by_hand(host, 'tmux attach', terminal=True)}`")
        return f"{pane} of {host.name} is in a new window"
