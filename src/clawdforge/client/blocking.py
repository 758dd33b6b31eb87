"""The blocking client."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, NoReturn, Self

import httpx

from clawdforge.client import arguments, calls, session_calls
from clawdforge.client.blocking_admin import AdminCalls
from clawdforge.client.blocking_connection import Connection
from clawdforge.client.blocking_session import Session
from clawdforge.client.results import FileToken, RunResult
from clawdforge.client.target import aim
from clawdforge.client.upload import Source, opened
from clawdforge.core.names import Effort, SystemMode
from clawdforge.wire.forge import AgentInfo, Health, Ready, RunInfo, RunPage
from clawdforge.wire.forge_sessions import (
    PermissionInfo,
    Policy,
    PolicyMode,
    SessionInfo,
    SessionPage,
    Workspace,
)


class Client(AdminCalls):
    """Talks to a clawdforge server. Threads may share one.

        with Client() as client:
            print(client.run("Say hello.").as_text())

    What is not given is taken from `CLAWDFORGE_URL`, `CLAWDFORGE_TOKEN` and
    `CLAWDFORGE_ADMIN_TOKEN`, else from what a server on this machine keeps for its own user;
    the URL is then `http://127.0.0.1:8800` at last.

    Every request is sent once: nothing is retried, and no redirect is followed. Only streams of
    events are asked for again when they break off, where they broke off.

    Args:
        url: Where the server is; http or https, perhaps with a path prefix.
        token: The app's bearer token.
        admin_token: The token for `create_token`, `list_tokens` and `revoke_token`.
        timeout_secs: How long the server may be silent, for all but runs, turns and uploads.
        upload_timeout_secs: The same for uploads.
        environ: The environment to read; this process's by default.
        transport: Sends the requests instead of the network (for tests).

    Raises:
        SettingsError: the URL or a token is wrong, or a credential file is not safe to use.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        admin_token: str | None = None,
        timeout_secs: float = 30.0,
        upload_timeout_secs: float = 300.0,
        environ: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        target = aim(
            url,
            token,
            admin_token=admin_token,
            timeout_secs=timeout_secs,
            upload_timeout_secs=upload_timeout_secs,
            environ=environ,
        )
        self._connection = Connection(target, transport)

    @property
    def url(self) -> str:
        """Where the server is, in normal form."""
        return self._connection.target.place.url

    def healthz(self) -> Health:
        """Ask whether the server is up, and what it has found installed. Needs no token.

        Raises:
            ForgeError: `TransportError` when nobody answers.
        """
        return self._connection.send(calls.healthz())

    def readyz(self) -> Ready:
        """Ask whether the server takes work now; `problem` says why not. Needs no token."""
        return self._connection.send(calls.readyz())

    def run(
        self,
        prompt: str,
        *,
        model: str | None = None,
        system: str | None = None,
        system_mode: SystemMode | None = None,
        effort: Effort | None = None,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        agent: str | None = None,
    ) -> RunResult:
        """Have an agent answer one prompt, and wait for it.

            answer = client.run("Summarise the file.", files=[client.upload_file("a.pdf")])

        Args:
            prompt: What the agent is asked; not blank.
            model: The model; None or empty: the server's default.
            system: A system prompt.
            system_mode: `append` to the agent's own (the default) or `replace` it.
            effort: `low`, `medium`, `high`, `xhigh` or `max`.
            files: What `upload_file` gave, or `ff_…` tokens.
            timeout_secs: How long the run may take; None: the server's default. The client
                waits longer than that for the answer.
            agent: The agent's name; None: the server's default.

        Raises:
            RequestError: an argument cannot be right; nothing was sent.
            RunFailure: the agent failed or ran out of time.
            ForgeError: anything else that can go wrong.
        """
        return self._connection.send(
            calls.run(
                prompt,
                model=model,
                system=system,
                system_mode=system_mode,
                effort=effort,
                files=files,
                timeout_secs=timeout_secs,
                agent=agent,
            )
        )

    def upload_file(
        self, source: Source, *, filename: str | None = None, ttl_secs: int | None = None
    ) -> FileToken:
        """Upload a file for runs of this app. It is streamed, never held in memory whole.

        Args:
            source: A path, bytes, or a binary file object, which is sent from where it stands
                and left open.
            filename: The name the server gets to know; the source's own by default.
            ttl_secs: How long the server keeps it; None: 3600. The server sets the bounds.

        Raises:
            RequestError: the source cannot be read.
            ForgeError: anything else that can go wrong.
        """
        call = calls.upload(ttl_secs)
        with opened(source, filename) as part:
            return self._connection.send(call, part)

    def runs(self, *, limit: int | None = None, before: str | None = None) -> RunPage:
        """The app's runs, newest first; `before` takes the `next` of the page before."""
        return self._connection.send(calls.runs(limit, before))

    def get_run(self, run_id: str) -> RunInfo:
        """One run of the app.

        Raises:
            NotFoundError: there is none of that id, or it is another app's.
        """
        return self._connection.send(calls.get_run(run_id))

    def agents(self) -> tuple[AgentInfo, ...]:
        """The configured agents, and whether each can be used."""
        return self._connection.send(calls.agents())

    def create_session(
        self,
        *,
        agent: str | None = None,
        meta: dict[str, Any] | None = None,
        model: str | None = None,
        system: str | None = None,
        system_mode: SystemMode | None = None,
        effort: Effort | None = None,
        mode: str | None = None,
        permissions: PolicyMode | Policy | dict[str, Any] | None = None,
        workspace: Workspace | dict[str, Any] | None = None,
        mcp_servers: Iterable[str] | None = None,
        secrets: Iterable[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Session:
        """Open a conversation with an agent.

            with client.create_session(permissions="ask") as session:
                print(session.turn("Say hello.").text())

        Args:
            agent: The agent's name; None: the server's default.
            meta: The app's own notes, any JSON object; told again with the session's state.
            model: The model; None: the agent's default.
            system: A system prompt.
            system_mode: `append` to the agent's own (the default) or `replace` it.
            effort: `low`, `medium`, `high`, `xhigh` or `max`.
            mode: The agent's own word for how it works, such as `plan`.
            permissions: What the agent may do: `deny`, `ask`, `allow-reads` (the default),
                `allow-all`, or a policy with rules.
            workspace: The git repository to work in; None: an empty folder.
            mcp_servers: Names of configured servers that the agent is to use.
            secrets: Names of configured secrets that it is to see.
            idempotency_key: The session is made once, however often it is asked for with
                this key.

        Raises:
            RequestError: an argument cannot be right; nothing was sent.
            BusyError: the server has as many sessions as it takes (`code` `sessions_full`).
            ForgeError: anything else that can go wrong.
        """
        reply = self._connection.send(
            session_calls.create(
                idempotency_key,
                agent=agent,
                meta=meta,
                model=model,
                system=system,
                system_mode=system_mode if system else None,
                effort=effort,
                mode=mode,
                permissions=permissions,
                workspace=workspace,
                mcp_servers=mcp_servers,
                secrets=secrets,
            )
        )
        return Session(self._connection, reply.session_id, reply)

    def session(self, session_id: str) -> Session:
        """A session by its id, to go on with. Asks nothing of the server.

        Raises:
            RequestError: it cannot be an id.
        """
        return Session(self._connection, arguments.identifier(session_id, "session"))

    def list_sessions(
        self, *, include_closed: bool = True, limit: int | None = None, before: str | None = None
    ) -> SessionPage:
        """The app's sessions, newest first; all of them without a `limit`.

        `before` takes the `next` of the page before.
        """
        call = session_calls.listed(include_closed=include_closed, limit=limit, before=before)
        return self._connection.send(call)

    def get_session(self, session_id: str) -> SessionInfo:
        """One session of the app, open or closed.

        Raises:
            NotFoundError: there is none of that id, or it is another app's.
        """
        return self._connection.send(session_calls.get(session_id))

    def permissions(
        self, *, state: Literal["pending", "all"] = "pending", limit: int | None = None
    ) -> tuple[PermissionInfo, ...]:
        """What the agents of the app's sessions ask, and wait for, newest first."""
        return self._connection.send(session_calls.permissions(state, limit))

    def get_permission(self, permission_id: str) -> PermissionInfo:
        """One question of an agent, and its answer."""
        return self._connection.send(session_calls.get_permission(permission_id))

    def answer_permission(
        self,
        permission_id: str,
        *,
        allow: bool,
        scope: Literal["once", "always"] = "once",
        message: str | None = None,
        option_id: str | None = None,
        args: dict[str, Any] | None = None,
    ) -> PermissionInfo:
        """Tell an agent whether it may do what it asked for.

        Args:
            permission_id: Of the `PermissionRequest` event, or from `permissions`.
            allow: Whether it may.
            scope: `once`, or `always` for such things in this session.
            message: Told to the agent, when it may not.
            option_id: One of the answers that the agent offered.
            args: What is to be done instead: the tool's whole input.

        Raises:
            ConflictError: it was answered already (`code` `already_answered`).
        """
        return self._connection.send(
            session_calls.answer_call(
                permission_id,
                allow=allow,
                scope=scope,
                message=message,
                option_id=option_id,
                args=args,
            )
        )

    def close(self) -> None:
        """Close the connections; sessions stay open on the server. Again: nothing happens."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._connection.target.describe()}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a client cannot be pickled or copied"
        raise TypeError(msg)
