"""The sessions' half of the object graph."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from clawdforge.agents.catalog import Catalog
from clawdforge.agents.driver import McpServer, SessionSpec
from clawdforge.config import Settings
from clawdforge.config.datafolder import DataFolder
from clawdforge.config.tables import McpServerSettings, SecretSettings
from clawdforge.core.permission import Policy
from clawdforge.core.session_effects import StartAgent
from clawdforge.core.session_inputs import Limits
from clawdforge.core.session_records import Node, Session
from clawdforge.gateway.apps import LOCAL_APP, Apps
from clawdforge.gateway.files import Files
from clawdforge.gateway.runs import RunLimits
from clawdforge.gateway.session_folders import SessionFolders
from clawdforge.gateway.sessions.adoption import Adoptions
from clawdforge.gateway.sessions.changes import Changes
from clawdforge.gateway.sessions.handover import Hands
from clawdforge.gateway.sessions.holding import Holding
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.gateway.sessions.lease import Lease
from clawdforge.gateway.sessions.permissions import Permissions
from clawdforge.gateway.sessions.policies import Policies
from clawdforge.gateway.sessions.service import Sessions
from clawdforge.gateway.sessions.specs import Configured, Specs
from clawdforge.gateway.sessions.supervisor import Recipe, Supervisor
from clawdforge.gateway.sessions.sweep import SessionSweeper
from clawdforge.gateway.sessions.turns import Turns
from clawdforge.gateway.slots import Slots
from clawdforge.http.metrics import Metrics
from clawdforge.monitor.sources.procfs import started
from clawdforge.processes.environment import select
from clawdforge.processes.git import GitProgram
from clawdforge.processes.launcher import Processes
from clawdforge.store.ledger import Ledger
from clawdforge.tasks import TaskOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What is there before."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    folder: DataFolder
    ledger: Ledger
    processes: Processes
    catalog: Catalog
    apps: Apps
    files: Files
    slots: Slots
    gate: asyncio.Semaphore
    """A place for each core: starting agents use nothing else."""
    metrics: Metrics
    limits: RunLimits
    identity: str
    incarnation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """What there is of sessions."""

    sessions: Sessions
    changes: Changes
    hands: Hands
    adoptions: Adoptions
    turns: Turns
    permissions: Permissions
    hub: Hub
    supervisor: Supervisor
    sweeper: SessionSweeper


@asynccontextmanager
async def open_conversations(basis: Basis) -> AsyncIterator[Conversations]:
    """Take over what an earlier server left, and end everything of ours in the end."""
    settings, ledger = basis.settings, basis.ledger
    hub = Hub(max_readers=settings.max_event_readers)
    specs = _specs(basis)
    supervisors: list[Supervisor] = []
    lease = Lease(
        ledger,
        Node(node_id=basis.identity, incarnation=basis.incarnation),
        secs=settings.node_lease_secs,
        mono=time.monotonic,
        lost=lambda: supervisors[0].fence(),
    )

    policies = Policies(
        default=Policy(mode=settings.permissions, timeout_secs=settings.permission_timeout_secs),
        ceiling=Policy(mode=settings.max_permissions),
        of_app=basis.apps.policy_of,
    )

    def recipe(session: Session) -> Recipe:
        return Recipe(policy=policies.of(session), cwd=specs.cwd(session), spec=spec)

    holding = Holding(basis.catalog.terminal, started)

    async def spec(session: Session, start: StartAgent) -> SessionSpec:
        await holding.require_free(session, start)
        return await specs.spec(session, start)

    supervisor = Supervisor(
        ledger=ledger,
        hub=hub,
        lease=lease,
        slots=basis.slots,
        recipe=recipe,
        driver=basis.catalog.driver,
        limits=Limits(
            start_secs=settings.agent_start_secs,
            cancel_grace_secs=settings.cancel_grace_secs,
            hibernate_after_secs=settings.hibernate_after_secs,
            agent_turn_secs=settings.max_timeout_secs,
        ),
        gate=basis.gate,
        max_warm=settings.warm_agents,
        utc=time.time,
        mono=time.monotonic,
    )
    supervisors.append(supervisor)
    sessions = Sessions(
        ledger=ledger,
        agents=basis.catalog,
        supervisor=supervisor,
        specs=specs,
        policies=policies,
        max_open=settings.max_live_sessions,
        utc=time.time,
    )
    changes = Changes(
        ledger=ledger,
        sessions=sessions,
        supervisor=supervisor,
        specs=specs,
        policies=policies,
        hub=hub,
        utc=time.time,
    )
    hands = Hands(
        ledger=ledger,
        sessions=sessions,
        supervisor=supervisor,
        specs=specs,
        holding=holding,
        keep_prompts=settings.store_prompts,
        utc=time.time,
    )
    adoptions = Adoptions(
        ledger=ledger,
        sessions=sessions,
        hands=hands,
        specs=specs,
        policies=policies,
        agents=basis.catalog,
        holding=holding,
        app=basis.apps.named,
        default_app=LOCAL_APP,
        roots=settings.workspace_roots,
        utc=time.time,
    )
    turns = Turns(
        ledger=ledger,
        sessions=sessions,
        supervisor=supervisor,
        specs=specs,
        files=basis.files,
        limits=basis.limits,
        inbox=settings.turn_inbox,
        observe=basis.metrics.turn,
        regain=hands.regain,
    )
    sweeper = SessionSweeper(
        ledger=ledger,
        sessions=sessions,
        supervisor=supervisor,
        specs=specs,
        ttl_secs=settings.session_ttl_secs,
        hard_ttl_secs=settings.session_hard_ttl_secs,
        utc=time.time,
    )
    basis.metrics.watch(
        "clawdforge_live_sessions", "Sessions with an agent process.", lambda: supervisor.live
    )
    basis.metrics.watch("clawdforge_event_readers", "Who follow events.", lambda: hub.readers)
    await specs.remove_strays(await ledger.session_ids())
    await lease.begin()
    owner = TaskOwner()
    owner.start(lease.keep(), name="lease")
    try:
        await supervisor.recover()
        await hands.recover()
        owner.start(hands.watch(), name="hand-over")
        yield Conversations(
            sessions=sessions,
            changes=changes,
            hands=hands,
            adoptions=adoptions,
            turns=turns,
            permissions=Permissions(ledger=ledger, supervisor=supervisor),
            hub=hub,
            supervisor=supervisor,
            sweeper=sweeper,
        )
    finally:
        grace_secs = 0 if supervisor.stopping else settings.stop_grace_secs
        await supervisor.stop(grace_secs=grace_secs)
        await adoptions.close()
        await hands.close()
        hub.close()
        await owner.cancel()
        await lease.end()


def _specs(basis: Basis) -> Specs:
    settings, environ = basis.settings, basis.environ
    folders = SessionFolders(
        basis.folder.sessions,
        git=GitProgram(basis.processes, environ, timeout_secs=settings.git_timeout_secs),
        roots=settings.workspace_roots,
    )
    return Specs(
        folders=folders,
        mcp_servers={
            name: Configured(make=_mcp_server(name, server, environ), apps=server.apps)
            for name, server in settings.mcp_servers.items()
        },
        secrets={
            name: Configured(make=_secret(name, secret, environ), apps=secret.apps)
            for name, secret in settings.secrets.items()
        },
        agents=basis.catalog,
    )


def _mcp_server(
    name: str, server: McpServerSettings, environ: Mapping[str, str]
) -> Callable[[], McpServer]:
    def make() -> McpServer:
        env = server.variables(name, environ) if server.command else {}
        return McpServer(
            name=name,
            command=server.command,
            args=server.args,
            env={**select(environ, ()), **env} if server.command else {},
            url=server.url,
            headers=server.filled_headers(name, environ),
        )

    return make


def _secret(
    name: str, secret: SecretSettings, environ: Mapping[str, str]
) -> Callable[[], tuple[str, str]]:
    return lambda: (secret.target, secret.value(name, environ))
