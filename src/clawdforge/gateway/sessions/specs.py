"""How a session's agent is started: its row and the configuration, put together."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from clawdforge.agents.driver import Agents, McpServer, SessionSpec
from clawdforge.core.options import Adopted, SessionOptions
from clawdforge.core.session_effects import StartAgent
from clawdforge.core.session_records import Session
from clawdforge.errors import AgentError, ClawdforgeError, ConfigError, InputError
from clawdforge.gateway.files import Attachment
from clawdforge.gateway.session_folders import SessionFolders

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured(Generic[T]):
    """Something of the configuration that sessions may ask for by name."""

    make: Callable[[], T]
    """Called when an agent is started with it.

    Raises:
        ConfigError: a variable that it needs is not set.
    """
    apps: tuple[str, ...] | None = None
    """Names of the apps that may; None: all."""

    def may(self, app_name: str) -> bool:
        """Whether an app may ask for it."""
        return self.apps is None or app_name in self.apps


class Specs:
    """Folders, MCP servers and secrets of sessions.

    Args:
        mcp_servers: What is configured, by name; made when an agent is started with it.
        secrets: What is configured, by name.
        agents: For the default model, and for forgetting conversations.
    """

    def __init__(
        self,
        *,
        folders: SessionFolders,
        mcp_servers: Mapping[str, Configured[McpServer]],
        secrets: Mapping[str, Configured[tuple[str, str]]],
        agents: Agents,
    ) -> None:
        self._folders = folders
        self._mcp_servers = mcp_servers
        self._secrets = secrets
        self._agents = agents

    def check(self, options: SessionOptions, *, app_name: str) -> None:
        """Refuse what the configuration does not have.

        Raises:
            InputError: an MCP server, a secret or a workspace that may not be asked for.
        """
        _check_names("mcp_servers", options.mcp_servers, self._mcp_servers, app_name)
        _check_names("secrets", options.secrets, self._secrets, app_name)
        self._folders.check(options.workspace)

    async def make(self, session: Session) -> None:
        """Make the session's folders.

        Raises:
            InputError: the workspace cannot be made (`workspace_failed`).
            StorageError: the disk does not take it.
        """
        workspace = SessionOptions.of(session.options).workspace
        await self._folders.make(session.session_id, workspace, folder=_folder(session))

    async def copy(self, source: Session, target: Session) -> None:
        """Make a session's folders as a copy of another's."""
        await self._folders.copy(
            source.session_id,
            target.session_id,
            SessionOptions.of(source.options).workspace,
            folder=_folder(source),
        )

    async def remove(self, session: Session) -> None:
        """Remove the session's folders. Never fails."""
        await self._folders.remove(session.session_id)

    async def remove_strays(self, known_ids: Collection[str]) -> int:
        """At start, before anything else: remove folders of no session; how many those were."""
        return await self._folders.sweep(known_ids)

    async def forget(self, session: Session, agent_session_id: str) -> None:
        """Have the agent forget the conversation. Never fails."""
        with contextlib.suppress(KeyError, ClawdforgeError):
            driver = self._agents.driver(session.agent)
            cwd = self._folders.cwd(session.session_id)
            tmp = cwd.with_name("tmp")
            await driver.forget(SessionSpec(cwd=cwd, tmp=tmp, resume_id=agent_session_id))

    async def stage(
        self, session: Session, attachments: Sequence[Attachment], *, turn: int
    ) -> Sequence[str]:
        """Put files into the workspace; their names there."""
        return await self._folders.stage(
            session.session_id, attachments, turn=turn, folder=_folder(session)
        )

    def cwd(self, session: Session) -> str:
        """The workspace's path."""
        return str(_folder(session) or self._folders.cwd(session.session_id))

    async def spec(self, session: Session, start: StartAgent) -> SessionSpec:
        """What the agent is started with, its folders made ready.

        Raises:
            AgentError: the workspace is gone, or a secret is not set any more.
        """
        options = SessionOptions.of(session.options)
        try:
            folders = await self._folders.prepare(
                session.session_id,
                options.workspace,
                turns=start.turns,
                folder=_folder(session),
            )
        except InputError as error:
            raise AgentError(error.message, code=error.code, hint=error.hint) from error
        return SessionSpec(
            cwd=folders.cwd,
            tmp=folders.tmp,
            model=session.model or self._agents.default_model(session.agent),
            system=options.system,
            system_mode=options.system_mode,
            effort=options.effort,
            mode=options.mode,
            kept=True,
            new_id=session.session_id if start.turns == 0 else None,
            resume_id=start.resume_id,
            fork=start.fork,
            spent_microusd=start.spent_microusd,
            asks=True,
            streams=True,
            mcp_servers=tuple(
                _made("MCP server", name, self._mcp_servers) for name in options.mcp_servers
            ),
            env=dict(_made("secret", name, self._secrets) for name in options.secrets),
        )


def _folder(session: Session) -> Path | None:
    """The person's own folder in which an adopted session works."""
    folder = Adopted.of(SessionOptions.of(session.options).adopted).folder
    return None if folder is None else Path(folder)


def _check_names(
    key: str, names: Sequence[str], configured: Mapping[str, Configured[T]], app_name: str
) -> None:
    for name in names:
        if name not in configured or not configured[name].may(app_name):
            yours = ", ".join(n for n, c in sorted(configured.items()) if c.may(app_name))
            msg = f"{key}: there is none of that name; configured: {yours or 'none'}"
            raise InputError(msg, code=f"unknown_{key.removesuffix('s')}")


def _made(what: str, name: str, configured: Mapping[str, Configured[T]]) -> T:
    if name not in configured:
        msg = f"the {what} {name!r} is not configured any more"
        raise AgentError(msg, code="not_configured")
    try:
        return configured[name].make()
    except ConfigError as error:
        raise AgentError(error.message, code="not_configured") from error
