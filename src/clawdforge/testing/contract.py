"""What the contract tests of clawdforge 0.2 need of a server: their fixture `client`.

Those tests look behind the door of 0.2: into its store, its sweeper, its runner, the manager of its
agents. Here a real server (real sockets, the real engine, real agents in processes of their own)
is looked at through thin adapters with the old names:

    @pytest.fixture
    def client(tmp_path):
        with contract_client(tmp_path) as pair:
            yield pair

Every agent that 0.2 could name is the demo agent here.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx

from clawdforge.agents.demo.agent import default_command
from clawdforge.config import Settings, load_settings
from clawdforge.config.tables import AgentSettings
from clawdforge.core.records import RunState
from clawdforge.core.run import RunOutcome, RunRequest
from clawdforge.core.session_records import TurnState
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.runs import Runs
from clawdforge.gateway.sessions.turns import TurnAnswer, TurnHandle, Turns
from clawdforge.runner import RunResult
from clawdforge.server import Gateway, serve
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.contract_store import ContractStore
from clawdforge.testing.loop_thread import LoopThread
from clawdforge.testing.serving import quiet_environment

APP, OTHER_APP = "contract", "contract-other"
AGENTS = ("claude", "codex", "gemini", "opencode", "qwen", "goose", "demo")
_TIMEOUT_SECS = 30.0


@contextmanager
def contract_client(data_dir: Path) -> Iterator[tuple[httpx.Client, dict[str, Any]]]:
    """A server of its own, as `(tc, ctx)`; the keys of `ctx` as the tests of 0.2 know them.

    `tc` is an HTTP client without credentials whose peer is 127.0.0.1. `ctx` has `app_token`,
    `app_name`, `other_token` (another app's) and

    * `cfg`: `session_ttl_secs` and `session_hard_ttl_secs`, to be read and to be set;
    * `store`: see `ContractStore`;
    * `server`: `_sweep_once()`, a coroutine for any event loop, and `runner`, whose `run` may be
      replaced by a function `(**kw) -> RunResult` that `/run` then uses;
    * `fake_acpx`: `max_live_sessions`, how many sessions may be open, read at each create, and
      `next_turn_events`, what the next turn gives as its events, unchanged.

    While the block runs, the calling thread has a current event loop, for
    `asyncio.get_event_loop().run_until_complete(…)`.
    """
    environ = quiet_environment()
    settings = _settings(data_dir, environ)
    thread, opened = LoopThread(), list[_Opened]()

    async def serving(ready: Callable[[str], None], until: asyncio.Event) -> None:
        def adapt(gateway: Gateway) -> None:
            opened.append(_Opened(gateway, thread))

        await serve(settings, environ, opened=adapt, ready=ready, until=until)

    url = thread.start(serving)
    try:
        with _current_loop(), httpx.Client(base_url=url, timeout=_TIMEOUT_SECS) as client:
            yield client, opened[0].context(client)
    finally:
        thread.stop()


class _Opened:
    """A gateway with the adapters in place of what the routes would use."""

    def __init__(self, gateway: Gateway, thread: LoopThread) -> None:
        self._gateway = gateway
        self._thread = thread
        self._server = _Server(gateway, thread)
        self._manager = _Manager(gateway)
        its = gateway.services
        gateway.app.state.services = dataclasses.replace(
            its,
            runs=cast("Runs", _RunsByRunner(its.runs, self._server.runner, gateway)),
            turns=cast("Turns", _TurnsByManager(its.turns, self._manager)),
        )

    def context(self, client: httpx.Client) -> dict[str, Any]:
        ledger = self._gateway.services.ledger
        assert isinstance(ledger, SqliteLedger)
        return {
            "app_name": APP,
            "app_token": self._token(client, APP),
            "other_token": self._token(client, OTHER_APP),
            "cfg": _Config(self._gateway),
            "store": ContractStore(ledger, self._thread),
            "server": self._server,
            "fake_acpx": self._manager,
        }

    def _token(self, client: httpx.Client, name: str) -> str:
        admin = {"Authorization": f"Bearer {self._gateway.admin_token}"}
        made = client.post("/admin/tokens", json={"name": name}, headers=admin)
        made.raise_for_status()
        token: str = made.json()["token"]
        return token


class _Config:
    """`ctx["cfg"]`."""

    def __init__(self, gateway: Gateway) -> None:
        self._sweeper = gateway.conversations.sweeper

    @property
    def session_ttl_secs(self) -> int:
        return self._sweeper.ttl_secs

    @session_ttl_secs.setter
    def session_ttl_secs(self, secs: int) -> None:
        self._sweeper.ttl_secs = secs

    @property
    def session_hard_ttl_secs(self) -> int:
        return self._sweeper.hard_ttl_secs

    @session_hard_ttl_secs.setter
    def session_hard_ttl_secs(self, secs: int) -> None:
        self._sweeper.hard_ttl_secs = secs


class _Runner:
    """`ctx["server"].runner`."""

    def __init__(self) -> None:
        self.run: Callable[..., RunResult] = _not_replaced


def _not_replaced(**_: Any) -> RunResult:
    """Stands for the server's own way of running."""
    msg = "call POST /run instead"
    raise NotImplementedError(msg)


class _Server:
    """`ctx["server"]`."""

    def __init__(self, gateway: Gateway, thread: LoopThread) -> None:
        self.runner = _Runner()
        self._gateway = gateway
        self._thread = thread

    async def _sweep_once(self) -> Mapping[str, int]:
        """One pass of the server's sweeper, on the server's own loop."""
        return await asyncio.wrap_future(self._thread.submit(self._gateway.sweep()))


class _Manager:
    """`ctx["fake_acpx"]`."""

    def __init__(self, gateway: Gateway) -> None:
        self._sessions = gateway.conversations.sessions
        self.next_turn_events: list[dict[str, Any]] | None = None

    @property
    def max_live_sessions(self) -> int:
        return self._sessions.max_open

    @max_live_sessions.setter
    def max_live_sessions(self, number: int) -> None:
        self._sessions.max_open = number


class _TurnsByManager:
    """The server's turns; only what a turn tells may be another's."""

    def __init__(self, turns: Turns, manager: _Manager) -> None:
        self._turns = turns
        self._manager = manager

    def __getattr__(self, name: str) -> Any:
        return getattr(self._turns, name)

    async def answer(self, handle: TurnHandle) -> TurnAnswer:
        answer = await self._turns.answer(handle)
        events, self._manager.next_turn_events = self._manager.next_turn_events, None
        if not events or answer.outcome.state is not TurnState.DONE:
            return answer
        return dataclasses.replace(answer, events=list(events))


class _RunsByRunner:
    """The server's runs, until somebody replaces the runner's `run`."""

    def __init__(self, runs: Runs, runner: _Runner, gateway: Gateway) -> None:
        self._runs = runs
        self._runner = runner
        self._files = gateway.services.files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    async def run(self, request: RunRequest, *, who: Caller) -> RunOutcome:
        if self._runner.run is _not_replaced:
            return await self._runs.run(request, who=who)
        files = await self._files.find(request.files, who=who)
        paths = [file.path for file in files]
        return _outcome(await asyncio.to_thread(self._call, request, paths))

    def _call(self, request: RunRequest, paths: Sequence[Path]) -> RunResult:
        return self._runner.run(
            prompt=request.prompt,
            model=request.model,
            system=request.system,
            system_mode=request.system_mode,
            effort=request.effort,
            files=list(paths) or None,
            timeout_secs=request.timeout_secs,
        )


def _outcome(result: RunResult) -> RunOutcome:
    return RunOutcome(
        run_id="run_of_a_replaced_runner",
        state=RunState.DONE if result.ok else RunState.FAILED,
        duration_ms=result.duration_ms,
        result=result.result,
        stop_reason=result.stop_reason,
        error=result.error,
        stderr=result.raw_stderr,
    )


def _settings(data_dir: Path, environ: Mapping[str, str]) -> Settings:
    demo = AgentSettings(driver="demo", command=default_command())
    flags: dict[str, Any] = {
        "default_agent": "claude",
        "port": 0,
        "data_dir": str(data_dir),
        "stop_grace_secs": 0,
        "log_level": "error",
        "monitor": "off",
        "agents": {name: demo for name in AGENTS if name != "demo"},
    }
    return load_settings(flags=flags, environ=environ).settings


@contextmanager
def _current_loop() -> Iterator[None]:
    """Give this thread an event loop, as it had one by itself when 0.2 was written."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()
