"""Serving: the listener, the signals, and the order in which everything ends."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from clawdforge import __version__
from clawdforge.config import Settings
from clawdforge.http.listener import HttpServer, listening, url_of
from clawdforge.server.gateway import Gateway, open_gateway
from clawdforge.tasks import TaskOwner

log = logging.getLogger(__name__)


async def serve(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    opened: Callable[[Gateway], None] | None = None,
    ready: Callable[[str], None] | None = None,
    until: asyncio.Event | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; a second one does not wait for anything. The exit code.

    Args:
        settings: See `clawdforge.config`.
        environ: The environment, of which agents see their allow-list.
        opened: Called with the gateway before anybody can reach it.
        ready: Called with the URL once requests are answered.
        until: Serve until this is set instead, and leave the signals alone.

    Raises:
        ConfigError: the address cannot be listened on, or a setting makes no sense.
        StorageError: the data folder or the ledger cannot be used.
    """
    with listening(settings.host, settings.port) as listener:
        async with open_gateway(settings, environ) as gateway:
            url = url_of(settings.host, listener)
            if opened is not None:
                opened(gateway)
            server = HttpServer(gateway.app, lambda: ready(url) if ready else None)
            with (
                gateway.folder.announced(url, __version__),
                _stopped_by(until, server, gateway, settings),
            ):
                await server.serve(sockets=[listener])
    log.info("stopped")
    return 0


@contextmanager
def _stopped_by(
    until: asyncio.Event | None, server: HttpServer, gateway: Gateway, settings: Settings
) -> Iterator[None]:
    """Being told to stop ends the runs, then the door; the second time at once."""
    owner = TaskOwner()
    told: list[str] = []

    async def stop() -> None:
        await gateway.stop(settings.stop_grace_secs)
        server.should_exit = True

    def tell(by: str) -> None:
        told.append(by)
        if len(told) == 1:
            log.info("stopping", extra={"by": by})
            owner.start(stop(), name="stop")
        else:
            gateway.cancel_all()
            server.should_exit = server.force_exit = True

    async def wait(event: asyncio.Event) -> None:
        await event.wait()
        tell("the program")

    if until is not None:
        owner.start(wait(until), name="until")
        yield
        return
    with _signals(tell):
        yield


@contextmanager
def _signals(tell: Callable[[str], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, tell, number.name)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
