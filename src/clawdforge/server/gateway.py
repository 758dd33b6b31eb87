"""Everything behind the HTTP door, opened and closed in order.

Everything that is opened is registered on one `AsyncExitStack`, so it closes in reverse: first
no new work, then what runs, then the processes, then the ledger, then the lock.
"""

import asyncio
import functools
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

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
from clawdforge.http.metrics import Metrics
from clawdforge.http.services import Services
from clawdforge.monitor.paths import paths_of
from clawdforge.processes.detect import detect
from clawdforge.processes.launcher import Processes
from clawdforge.server.conversations import Basis, Conversations, open_conversations
from clawdforge.server.driven import DrivenSessions
from clawdforge.server.driven_questions import DrivenQuestions
from clawdforge.server.limits import Limits
from clawdforge.server.logins import open_logins
from clawdforge.server.monitoring import Picture
from clawdforge.server.panes import Panes
from clawdforge.store.ledger import Ledger
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.tasks import TaskOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that is open: what a door needs."""

    app: FastAPI
    services: Services
    catalog: Catalog
    folder: DataFolder
    conversations: Conversations
    picture: Picture
    admin_token: str = field(repr=False)
    local_token: str = field(repr=False)

    async def stop(self, grace_secs: float) -> None:
        """Take no new work, let what runs go on for a while, then end it, and wait."""
        runs, supervisor = self.services.runs, self.conversations.supervisor
        owner = TaskOwner()
        owner.start(runs.close(grace_secs=grace_secs), name="stop-runs")
        owner.start(supervisor.stop(grace_secs=grace_secs), name="stop-sessions")
        await owner.wait()
        self.services.hub.close()
        self.picture.feed.close()

    def cancel_all(self) -> None:
        """End everything now."""
        self.services.runs.cancel_all()
        self.conversations.supervisor.stop_all()
        self.services.hub.close()
        self.picture.feed.close()

    async def sweep(self) -> Mapping[str, int]:
        """One pass of what is done every minute; how much of what was removed."""
        its = self.services
        return await sweep_once(its.apps, its.files, self.conversations.sweeper)


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
        incarnation = uuid.uuid4().hex[:12]
        opened: Ledger = SqliteLedger(folder.ledger) if ledger is None else ledger
        ledger = await stack.enter_async_context(opened)
        processes = await stack.enter_async_context(
            Processes(await detect(), folder_id=identity, incarnation=incarnation)
        )
        catalog = Catalog(settings, environ, processes)
        apps = Apps(ledger, admin_token=admin_token, clock=time.time)
        await apps.load()
        await apps.ensure_local(local_token)
        files = Files(ledger, folder.files, clock=time.time)
        metrics = Metrics()
        slots = _slots(settings, metrics)
        gate = asyncio.Semaphore(os.cpu_count() or 1)
        runs = _runs(settings, folder.runs, ledger, catalog, files, metrics, slots, gate)
        await runs.recover()
        await files.remove_strays()
        basis = Basis(
            settings=settings,
            environ=environ,
            folder=folder,
            ledger=ledger,
            processes=processes,
            catalog=catalog,
            apps=apps,
            files=files,
            slots=slots,
            gate=gate,
            metrics=metrics,
            limits=_limits(settings),
            identity=identity,
            incarnation=incarnation,
        )
        conversations = await stack.enter_async_context(open_conversations(basis))
        picture = await stack.enter_async_context(
            _picture(settings, environ, conversations, identity)
        )
        metrics.watch(
            "clawdforge_observed_sessions",
            "Agent sessions on this machine, of whatever kind.",
            lambda: picture.feed.count,
        )
        sweep = functools.partial(sweep_once, apps, files, conversations.sweeper)
        await sweep()
        owner = TaskOwner()
        stack.push_async_callback(apps.save_last_used)
        owner.start(sweep_for_ever(sweep), name="sweeper")
        stack.push_async_callback(owner.cancel)
        stack.push_async_callback(_close_runs, runs, settings.stop_grace_secs)
        services = Services(
            apps=apps,
            logins=await open_logins(apps, folder, identity),
            limits=Limits(settings, slots=slots, ledger=ledger, hub=conversations.hub),
            runs=runs,
            files=files,
            agents=catalog,
            ledger=ledger,
            metrics=metrics,
            sessions=conversations.sessions,
            changes=conversations.changes,
            hands=conversations.hands,
            adoptions=conversations.adoptions,
            turns=conversations.turns,
            permissions=conversations.permissions,
            hub=conversations.hub,
            monitor=picture,
            panes=Panes(picture.feed, environ),
            heartbeat_secs=settings.sse_heartbeat_secs,
            caps=conversations.supervisor.caps.get,
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
            conversations=conversations,
            picture=picture,
            admin_token=admin_token,
            local_token=local_token,
        )


@asynccontextmanager
async def _picture(
    settings: Settings, environ: Mapping[str, str], conversations: Conversations, identity: str
) -> AsyncIterator[Picture]:
    driven = DrivenSessions(conversations.sessions, conversations.supervisor)
    questions = DrivenQuestions(conversations.supervisor, conversations.permissions)
    # With the folder, notices find the page's address there, also when a flag has named it.
    seen = {**environ, "CLAWDFORGE_DATA_DIR": settings.data_dir}
    picture = Picture(paths_of(environ), seen, driven, questions=questions)
    if settings.monitor == "off":
        yield picture
        return
    conversations.hub.tap = driven.happened
    conversations.hands.changed = driven.handed
    for session in conversations.hands.lent:
        driven.handed(session)
    await picture.open()
    try:
        if settings.hosts:
            await _show_machines(picture, settings, environ, identity)
        yield picture
    finally:
        driven.close()
        await picture.close()


async def _show_machines(
    picture: Picture, settings: Settings, environ: Mapping[str, str], identity: str
) -> None:
    from clawdforge.server.machines import Machines, hosts_of

    hosts = hosts_of(settings.hosts)
    await picture.show(Machines(hosts, environ, picture.feed, owner=identity))


def _secrets(folder: DataFolder) -> tuple[str, str, str]:
    return folder.admin_token(), folder.local_token(APP_TOKEN_PREFIX), folder.identity()


def _slots(settings: Settings, metrics: Metrics) -> Slots:
    slots = Slots(
        places=settings.max_active_agents,
        max_waiting=settings.max_waiting_runs,
        max_wait_secs=settings.max_line_wait_secs,
        clock=time.monotonic,
    )
    metrics.watch("clawdforge_active_agents", "Agent processes.", lambda: slots.active)
    metrics.watch("clawdforge_waiting_runs", "Runs and turns in line.", lambda: slots.waiting)
    return slots


def _limits(settings: Settings) -> RunLimits:
    return RunLimits(
        default_timeout_secs=settings.default_timeout_secs,
        min_timeout_secs=MIN_TIMEOUT_SECS,
        max_timeout_secs=settings.max_timeout_secs,
        store_prompts=settings.store_prompts,
    )


def _runs(
    settings: Settings,
    folder: Path,
    ledger: Ledger,
    catalog: Catalog,
    files: Files,
    metrics: Metrics,
    slots: Slots,
    gate: asyncio.Semaphore,
) -> Runs:
    return Runs(
        ledger=ledger,
        agents=catalog,
        files=files,
        slots=slots,
        gate=gate,
        limits=_limits(settings),
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
