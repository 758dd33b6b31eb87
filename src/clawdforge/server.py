"""The one place that knows everybody: builds the object graph, owns start and stop order.

Everything that is opened is registered on one `AsyncExitStack`, so it closes in reverse: first
no new requests, then the running runs, then the processes, then the ledger, then the lock.
"""

import asyncio
import logging
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from clawdforge import __version__
from clawdforge.agents.catalog import Catalog
from clawdforge.config import Settings
from clawdforge.config.datafolder import DataFolder
from clawdforge.config.settings import MIN_TIMEOUT_SECS
from clawdforge.core.tokens import APP_TOKEN_PREFIX
from clawdforge.errors import ConfigError
from clawdforge.gateway.apps import Apps
from clawdforge.gateway.files import Files
from clawdforge.gateway.runs import RunLimits, Runs
from clawdforge.gateway.slots import Slots
from clawdforge.gateway.sweeper import sweep_for_ever, sweep_once
from clawdforge.http.app import build_app
from clawdforge.http.guards import Guards
from clawdforge.http.listener import HttpServer, listening, url_of
from clawdforge.http.metrics import Metrics
from clawdforge.http.services import Services
from clawdforge.processes.detect import detect
from clawdforge.processes.launcher import Processes
from clawdforge.store.ledger import Ledger
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.tasks import TaskOwner

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that is open: what a door needs."""

    app: FastAPI
    services: Services
    catalog: Catalog
    folder: DataFolder
    admin_token: str = field(repr=False)
    local_token: str = field(repr=False)


@asynccontextmanager
async def open_gateway(
    settings: Settings, environ: Mapping[str, str], *, ledger: Ledger | None = None
) -> AsyncIterator[Gateway]:
    """Open everything behind the HTTP door, and close it in the reverse order.

    Args:
        settings: See `clawdforge.config`.
        environ: The environment, of which agents see their allow-list.
        ledger: Another ledger than SQLite's in the data folder.

    Raises:
        StorageError: the data folder or the ledger cannot be used, or another server uses it.
        ConfigError: a setting makes no sense.
    """
    async with AsyncExitStack() as stack:
        folder = await asyncio.to_thread(DataFolder, settings)
        stack.enter_context(folder.held())
        admin_token, local_token, identity = await asyncio.to_thread(_secrets, folder)
        ledger = await stack.enter_async_context(ledger or SqliteLedger(folder.ledger))
        processes = await stack.enter_async_context(
            Processes(await detect(), folder_id=identity, incarnation=uuid.uuid4().hex[:12])
        )
        catalog = Catalog(settings, environ, processes)
        apps = Apps(ledger, admin_token=admin_token, clock=time.time)
        await apps.load()
        await apps.ensure_local(local_token)
        files = Files(ledger, folder.files, clock=time.time)
        metrics = Metrics()
        runs = _runs(settings, folder.runs, ledger, catalog, files, metrics)
        await runs.recover()
        await files.remove_strays()
        await sweep_once(apps, files)
        owner = TaskOwner()
        stack.push_async_callback(apps.save_last_used)
        owner.start(sweep_for_ever(apps, files), name="sweeper")
        stack.push_async_callback(owner.cancel)
        stack.push_async_callback(_close_runs, runs, settings.stop_grace_secs)
        services = Services(
            apps=apps,
            runs=runs,
            files=files,
            agents=catalog,
            ledger=ledger,
            metrics=metrics,
            programs=catalog.programs,
            max_upload_bytes=settings.max_upload_bytes,
        )
        guards = _guards(settings)
        app = build_app(services, guards, max_body_bytes=settings.max_body_bytes)
        yield Gateway(
            app=app,
            services=services,
            catalog=catalog,
            folder=folder,
            admin_token=admin_token,
            local_token=local_token,
        )


async def serve(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    ready: Callable[[str], None] | None = None,
    until: asyncio.Event | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; a second one does not wait for anything. The exit code.

    Args:
        settings: See `clawdforge.config`.
        environ: The environment, of which agents see their allow-list.
        ready: Called with the URL once requests are answered.
        until: Serve until this is set instead, and leave the signals alone.

    Raises:
        ConfigError: the address cannot be listened on, or a setting makes no sense.
        StorageError: the data folder or the ledger cannot be used.
    """
    with listening(settings.host, settings.port) as listener:
        async with open_gateway(settings, environ) as gateway:
            url = url_of(settings.host, listener)
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
        await gateway.services.runs.close(grace_secs=settings.stop_grace_secs)
        server.should_exit = True

    def tell(by: str) -> None:
        told.append(by)
        if len(told) == 1:
            log.info("stopping", extra={"by": by})
            owner.start(stop(), name="stop")
        else:
            gateway.services.runs.cancel_all()
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


def _secrets(folder: DataFolder) -> tuple[str, str, str]:
    return folder.admin_token(), folder.local_token(APP_TOKEN_PREFIX), folder.identity()


def _runs(
    settings: Settings,
    folder: Path,
    ledger: Ledger,
    catalog: Catalog,
    files: Files,
    metrics: Metrics,
) -> Runs:
    slots = Slots(
        places=settings.max_active_agents,
        max_waiting=settings.max_waiting_runs,
        max_wait_secs=settings.max_line_wait_secs,
        clock=time.monotonic,
    )
    metrics.watch("clawdforge_active_agents", "Agents at work.", lambda: slots.active)
    metrics.watch("clawdforge_waiting_runs", "Runs in line.", lambda: slots.waiting)
    return Runs(
        ledger=ledger,
        agents=catalog,
        files=files,
        slots=slots,
        limits=RunLimits(
            default_timeout_secs=settings.default_timeout_secs,
            min_timeout_secs=MIN_TIMEOUT_SECS,
            max_timeout_secs=settings.max_timeout_secs,
            store_prompts=settings.store_prompts,
        ),
        folder=folder,
        clock=time.time,
        monotonic=time.monotonic,
        observe=metrics.run,
    )


def _guards(settings: Settings) -> Guards:
    try:
        return Guards(
            allow_cidrs=settings.allow_cidrs,
            allowed_hosts=settings.allowed_hosts,
            allowed_origins=settings.allowed_origins,
        )
    except ValueError as error:
        msg = f"allow_cidrs: {error}"
        raise ConfigError(msg) from None


async def _close_runs(runs: Runs, grace_secs: float) -> None:
    await runs.close(grace_secs=0 if runs.stopping else grace_secs)
