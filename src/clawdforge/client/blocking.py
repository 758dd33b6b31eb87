"""The blocking client."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import httpx

from clawdforge.client import calls
from clawdforge.client.calls import Call
from clawdforge.client.errors import ClosedError
from clawdforge.client.replies import Reply
from clawdforge.client.results import AppToken, FileToken, RunResult
from clawdforge.client.target import FAILURES, Body, aim, opening
from clawdforge.client.upload import Part, Source, opened
from clawdforge.core.names import Effort, SystemMode
from clawdforge.wire.forge import AgentInfo, Health, RunInfo, RunPage, TokenInfo

T = TypeVar("T")


class Client:
    """Talks to a clawdforge server. Threads may share one.

        with Client() as client:
            print(client.run("Say hello.").as_text())

    What is not given is taken from `CLAWDFORGE_URL`, `CLAWDFORGE_TOKEN` and
    `CLAWDFORGE_ADMIN_TOKEN`, else from what a server on this machine keeps for its own user;
    the URL is then `http://127.0.0.1:8800` at last.

    Every request is sent once: nothing is retried, and no redirect is followed.

    Args:
        url: Where the server is; http or https, perhaps with a path prefix.
        token: The app's bearer token.
        admin_token: The token for `create_token`, `list_tokens` and `revoke_token`.
        timeout_secs: How long the server may be silent, for all but runs and uploads.
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
        self._closed = False
        self._target = aim(
            url,
            token,
            admin_token=admin_token,
            timeout_secs=timeout_secs,
            upload_timeout_secs=upload_timeout_secs,
            environ=environ,
        )
        with opening():
            self._http = httpx.Client(transport=transport, **self._target.options())

    @property
    def url(self) -> str:
        """Where the server is, in normal form."""
        return self._target.place.url

    def healthz(self) -> Health:
        """Ask whether the server is up, and what it has found installed. Needs no token.

        Raises:
            ForgeError: `TransportError` when nobody answers.
        """
        return self._send(calls.healthz())

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
            timeout_secs: How long the run may take; None: 120. Pass it when the server's
                default is longer, for the client waits 30 s more than this.
            agent: The agent's name; None: the server's default.

        Raises:
            RequestError: an argument cannot be right; nothing was sent.
            RunFailure: the agent failed or ran out of time.
            ForgeError: anything else that can go wrong.
        """
        return self._send(
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
            return self._send(call, part)

    def runs(self, *, limit: int | None = None, before: str | None = None) -> RunPage:
        """The app's runs, newest first; `before` takes the `next` of the page before."""
        return self._send(calls.runs(limit, before))

    def get_run(self, run_id: str) -> RunInfo:
        """One run of the app.

        Raises:
            NotFoundError: there is none of that id, or it is another app's.
        """
        return self._send(calls.get_run(run_id))

    def agents(self) -> tuple[AgentInfo, ...]:
        """The configured agents, and whether each can be used."""
        return self._send(calls.agents())

    def create_token(
        self, name: str, ip_cidrs: Iterable[str] = (), scopes: Iterable[str] | None = None
    ) -> AppToken:
        """Make an app and its token, which is never told again. Needs the admin token.

        Args:
            name: 1 to 64 of a-z, 0-9, `_` and `-`.
            ip_cidrs: Networks the app may call from; none: wherever the server allows.
            scopes: What the app may do; None: the server's default.

        Raises:
            ConflictError: there is an app of that name.
        """
        return self._send(calls.create_token(name, ip_cidrs, scopes))

    def list_tokens(self) -> tuple[TokenInfo, ...]:
        """The apps, without their tokens. Needs the admin token."""
        return self._send(calls.list_tokens())

    def revoke_token(self, name: str) -> None:
        """Take an app's token away, at once. Needs the admin token.

        Raises:
            NotFoundError: there is no app of that name.
        """
        self._send(calls.revoke_token(name))

    def close(self) -> None:
        """Close the connections. Again: nothing happens."""
        self._closed = True
        self._http.close()

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
        return f"<{type(self).__name__} {self._target.describe()}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a client cannot be pickled or copied"
        raise TypeError(msg)

    def _send(self, call: Call[T], part: Part | None = None) -> T:
        if self._closed:
            msg = "this client is closed"
            raise ClosedError(msg, hint="make a new one")
        request = self._target.request(call, part)
        try:
            reply = self._exchange(request)
        except FAILURES as error:
            failure = self._target.failure(request, error)
        else:
            return call.decode(reply)
        raise failure

    def _exchange(self, request: httpx.Request) -> Reply:
        response = self._http.send(request, stream=True)
        try:
            body = Body(response)
            if body.problem is None:
                for piece in response.iter_bytes():
                    if not body.add(piece):
                        break
            return self._target.reply(body)
        finally:
            response.close()
