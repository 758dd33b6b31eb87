"""Doing things with the sessions that a clawdforge server drives, over its HTTP API."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence

from clawdforge.client import AsyncClient, PermissionInfo, TransportError, events
from clawdforge.client.errors import AuthError, ForgeError, SettingsError
from clawdforge.core.observed.views import IDLE, SessionView
from clawdforge.tui.providers import Act, Allow, Deny, Interrupt, Kill, Offer, Provider, Send

RECENT_EVENTS = 2000
"""How much of a long conversation is read."""


class GatewayProvider(Provider):
    """The server's way.

    Args:
        connect: Makes a client. Called again when the server was gone: it may have another
            address now. May read files.
    """

    def __init__(self, connect: Callable[[], AsyncClient]) -> None:
        self._connect = connect
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        """See `Provider`."""
        if view is None or view.session is None:
            return ()
        found: list[Offer] = ["send", "kill"]
        if view.status != IDLE:
            found.append("interrupt")
        return found

    async def do(self, act: Act, view: SessionView | None) -> str:
        """See `Provider`."""
        async with self._used() as client:
            match act:
                case Allow(question=question):
                    info = await client.answer_permission(
                        question.permission_id,
                        allow=True,
                        scope="always" if act.always else "once",
                        option_id=act.option_id,
                        args=act.args,
                    )
                    return f"{info.state}: {info.tool}" + (", always" if act.always else "")
                case Deny(question=question):
                    info = await client.answer_permission(
                        question.permission_id,
                        allow=False,
                        message=act.message,
                        option_id=act.option_id,
                    )
                    return f"{info.state}: {info.tool}"
                case Interrupt():
                    done = await client.session(_id(view)).cancel()
                    return f"turn {done.turn_index} is cancelled" if done.cancelled else "it rests"
                case Send(text):
                    await client.session(_id(view)).start_turn(text)
                    return "said"
                case Kill():
                    await client.session(_id(view)).close()
                    return "closed; what it said is kept"
        return await super().do(act, view)

    async def questions(self) -> Sequence[PermissionInfo]:
        """See `Provider`."""
        async with self._used() as client:
            return await client.permissions(limit=200)

    def follows(self, view: SessionView) -> str | None:
        """See `Provider`."""
        return view.session

    async def events(self, session_id: str, after: int) -> AsyncGenerator[events.Event]:
        """See `Provider`."""
        async with self._used() as client:
            session = client.session(session_id)
            if not after:
                newest = (await session.state()).last_seq or 0
                after = max(0, newest - RECENT_EVENTS)
            async with session.events(after) as stream:
                async for event in stream:
                    yield event

    async def close(self) -> None:
        """See `Provider`."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @contextlib.asynccontextmanager
    async def _used(self) -> AsyncIterator[AsyncClient]:
        """The client; a new one next time, when this one finds nobody or is not known."""
        async with self._connecting:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connect)
        client = self._client
        try:
            yield client
        except (TransportError, AuthError, SettingsError):
            if self._client is client:
                await self.close()
            raise


def _id(view: SessionView | None) -> str:
    if view is None or view.session is None:
        msg = "no server drives this session"
        raise ForgeError(msg)
    return view.session
