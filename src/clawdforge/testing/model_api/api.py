"""`ModelApi`: a script, the dialects it is spoken in, and a server, put together."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from clawdforge.testing.model_api.anthropic import Anthropic
from clawdforge.testing.model_api.exchange import Dialect, Exchange
from clawdforge.testing.model_api.gemini import Gemini
from clawdforge.testing.model_api.log import Log
from clawdforge.testing.model_api.openai_chat import OpenAiChat
from clawdforge.testing.model_api.openai_responses import OpenAiResponses
from clawdforge.testing.model_api.player import Player
from clawdforge.testing.model_api.request import HttpCall, Request
from clawdforge.testing.model_api.script import Fail, ScriptError, ScriptItem
from clawdforge.testing.model_api.server import HOST, Server
from clawdforge.testing.model_api.tools import for_agent

_NOT_FOUND = Exchange(status=404)
# Tells the clients that Stainless generates, Claude Code's among them, to give up at once.
_FINAL = {"x-should-retry": "false"}


class ModelApi:
    """A model API on loopback that does what a script says.

        with ModelApi([CallTool("Read", {"file_path": "a.txt"}), Say("It says 42.")]) as api:
            run_agent(env=api.environment())
        assert api.requests[1].tool_results[0].text == "42"

    Leaving the `with` block (or `async with`) stops the server and raises `ScriptError`
    when the agent asked for more than the script has. Requests of several agents at once
    share the script; give it an `Always(function)` to answer each by what it asks.
    """

    def __init__(
        self,
        script: Sequence[ScriptItem],
        *,
        port: int = 0,
        dialects: Sequence[Dialect] = (Anthropic(), OpenAiResponses(), OpenAiChat(), Gemini()),
    ) -> None:
        """Take the script; nothing listens before `start`. `port` 0: any that is free.

        Raises:
            ValueError: the script cannot be played, see `Player`.
        """
        self._player = Player(script)
        self._dialects = tuple(dialects)
        self._server = Server(self, port)
        self._port: int | None = None
        # Agents tell messages apart by id, also those of an earlier API in the same session.
        self._token = secrets.token_hex(6)
        self._count = 0
        self._requests: Log[Request] = Log()
        self._side_requests: Log[Request] = Log()
        self._hang_ups: Log[HttpCall] = Log()
        self._other_calls: Log[str] = Log()
        self._complaints: Log[str] = Log()

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end.

        Raises:
            RuntimeError: the server was not started.
        """
        if self._port is None:
            msg = "the model API is not started"
            raise RuntimeError(msg)
        return f"http://{HOST}:{self._port}"

    def environment(self) -> dict[str, str]:
        """The variables that make an agent ask this server and no other.

        The agent's own patience is left alone: set `CLAUDE_CODE_MAX_RETRIES` beside these
        when a script fails for ever.
        """
        variables = {"NO_PROXY": HOST, "no_proxy": HOST}
        for dialect in self._dialects:
            variables |= dialect.environment(self.url)
        return variables

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests that used up a step, in order of arrival."""
        return self._requests.items

    @property
    def side_requests(self) -> tuple[Request, ...]:
        """What the agent asked beside the conversation: titles, quota, token counts."""
        return self._side_requests.items

    @property
    def hang_ups(self) -> tuple[HttpCall, ...]:
        """Calls whose client left before the reply had ended."""
        return self._hang_ups.items

    @property
    def other_calls(self) -> tuple[str, ...]:
        """Whatever else came in, as `METHOD target`; answered with 404."""
        return self._other_calls.items

    @property
    def complaints(self) -> tuple[str, ...]:
        """What `verify` would raise."""
        return self._complaints.items

    @property
    def remaining(self) -> int:
        """How many steps of the script are unused; an `Always` counts as none."""
        return self._player.remaining

    def verify(self, *, finished: bool = False) -> None:
        """Check that agent and script agreed so far; with `finished`, that no step is left.

        Raises:
            ScriptError: they did not; the message lists every complaint.
        """
        complaints = list(self.complaints)
        if finished and self.remaining:
            complaints.append(f"{self.remaining} steps of the script were never asked for")
        if complaints:
            raise ScriptError("; ".join(complaints))

    def wait_for_requests(self, count: int, timeout_secs: float = 10.0) -> None:
        """Block until `count` requests used up a step; raises `TimeoutError`."""
        _wait(self._requests.reached(count), timeout_secs, self._state)

    def wait_for_hang_ups(self, count: int, timeout_secs: float = 10.0) -> None:
        """Block until `count` clients left before their reply; raises `TimeoutError`."""
        _wait(self._hang_ups.reached(count), timeout_secs, self._state)

    async def requests_reach(self, count: int, timeout_secs: float = 10.0) -> None:
        """Like `wait_for_requests`, for async tests."""
        await self._await(self._requests.reached(count), timeout_secs)

    async def hang_ups_reach(self, count: int, timeout_secs: float = 10.0) -> None:
        """Like `wait_for_hang_ups`, for async tests."""
        await self._await(self._hang_ups.reached(count), timeout_secs)

    def start(self) -> Self:
        """Listen; an API starts only once.

        Raises:
            OSError: the port is taken.
            RuntimeError: it was started before.
        """
        self._port = self._server.launch()
        return self

    def stop(self) -> None:
        """Cut every connection and end the thread. Idempotent."""
        if self._port is not None:
            self._server.halt().result()
            self._server.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._report(error)

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.wrap_future(self._server.halt())
        # The thread has a few instructions left, and waiting for it would block the loop.
        while not self._server.gone:  # noqa: ASYNC110
            await asyncio.sleep(0)
        self._report(error)

    def answer(self, call: HttpCall) -> Exchange:
        """Implements `connection.Handler`; runs on the server's thread."""
        for dialect in self._dialects:
            try:
                read = dialect.read(call)
            except ValueError as error:
                return self._refuse(dialect, Request(prompt="", path=call.path), str(error))
            if isinstance(read, Exchange):
                self._other_calls.add(f"{call.method} {call.target}")
                return read
            if read is not None:
                return self._play(dialect, read)
        self._other_calls.add(f"{call.method} {call.target}")
        return _NOT_FOUND

    def hung_up(self, call: HttpCall) -> None:
        """Implements `connection.Handler`; runs on the server's thread."""
        self._hang_ups.add(call)

    def _play(self, dialect: Dialect, request: Request) -> Exchange:
        if request.side is not None:
            reply = dialect.render_side(request, self._serial())
            self._side_requests.add(request)
            return reply
        try:
            step = for_agent(self._player.step_for(request), request)
            reply = dialect.render(request, step, self._serial())
        except ScriptError as error:
            reply = self._refuse(dialect, request, str(error))
        except TypeError as error:
            reply = self._refuse(dialect, request, f"the step cannot be said in JSON: {error}")
        self._requests.add(request)
        return reply

    def _refuse(self, dialect: Dialect, request: Request, complaint: str) -> Exchange:
        self._complaints.add(complaint)
        return dialect.render(
            request,
            Fail(status=500, message=f"Scripted model API: {complaint}", headers=_FINAL),
            self._serial(),
        )

    def _serial(self) -> str:
        self._count += 1
        return f"{self._token}_{self._count:04}"

    def _report(self, error: BaseException | None) -> None:
        if error is None:
            self.verify()
        elif self.complaints:
            error.add_note("The scripted model API complains: " + "; ".join(self.complaints))

    async def _await(self, reached: Future[None], secs: float) -> None:
        try:
            await asyncio.wait_for(asyncio.wrap_future(reached), secs)
        except TimeoutError:
            raise TimeoutError(self._state()) from None

    def _state(self) -> str:
        return (
            f"so far {len(self.requests)} requests, {len(self.hang_ups)} hang-ups, "
            f"complaints: {list(self.complaints)}"
        )


def _wait(reached: Future[None], secs: float, state: Callable[[], str]) -> None:
    try:
        reached.result(secs)
    except TimeoutError:
        reached.cancel()
        raise TimeoutError(state()) from None
