"""What the tests of bad input share: a server in a process of its own, agents that misbehave."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from sessions_http import App, Mortal, Server, agents_of, eventually, text_of, well

AGENTS = Path(__file__).parent / "bad_agents"
MB = 1_000_000
AT_ONCE_SECS = 2.0
"""How long an answer may take while something bad goes on: one is 5 ms, a busy machine takes 50
times as long, and a message of 60 MB keeps a core busy for half a second."""
KEPT = "what the bystander knows"


def agent_tables(names: Mapping[str, Sequence[str]], driver: str, program: str) -> str:
    """The configuration of agents: what each is started with."""
    tables = []
    for name, arguments in names.items():
        command = json.dumps([sys.executable, str(AGENTS / program), *arguments])
        tables.append(f'[agents.{name}]\ndriver = "{driver}"\ncommand = {command}\n')
    return "\n".join(tables)


@dataclass
class Bystander:
    """A session of another app, which must not notice anything."""

    app: App
    session: str
    agents: list[int]

    def assert_untouched(self, server: Server) -> None:
        """It remembers, and its agent is still the same."""
        app = self.app.at(server)  # a connection that lives on would look like a leak
        with app.http:
            assert app.said(self.session, "/recall") == KEPT
        assert agents_of(server, self.session) == self.agents


@dataclass
class Victim:
    """A server process that something bad is done to."""

    stage: Mortal
    server: Server

    @property
    def process(self) -> psutil.Process:
        assert self.stage.process is not None
        return psutil.Process(self.stage.process.pid)

    @property
    def memory(self) -> int:
        """Bytes of memory that it has now."""
        return int(self.process.memory_info().rss)

    def bystander(self) -> Bystander:
        """A session beside; it is open until the server ends."""
        app = self.server.new_app()
        with app.http:
            session = app.create(agent="demo")
            assert app.said(session, f"/remember {KEPT}")
        return Bystander(app, session, agents_of(self.server, session))

    @contextmanager
    def bad_times(self) -> Iterator["BadTimes"]:
        """Agents misbehave here: in the end none of them is left, and nobody noticed."""
        bystander = self.bystander()
        app = self.server.new_app()
        with app.http, self.watched() as watch:
            yield BadTimes(self.server, app, watch)
        eventually(lambda: set(self.stage.left()) == set(bystander.agents))
        bystander.assert_untouched(self.server)

    @contextmanager
    def watched(self) -> Iterator["Watch"]:
        """Look at its memory and at how fast it answers, all the time."""
        watch = Watch(self)
        thread = threading.Thread(target=watch.look)
        thread.start()
        try:
            assert watch.looks.wait(20)
            yield watch
        finally:
            watch.over.set()
            thread.join()


@dataclass
class Watch:
    """What was seen of a server in a while."""

    victim: Victim
    most: int = 0
    """Bytes of memory."""
    slowest: float = 0
    """Seconds that an answer took."""
    looks: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        url = self.victim.server.url
        with httpx.Client(base_url=url, verify=False, trust_env=False, timeout=30) as client:
            while not self.over.wait(0.01):
                began = time.monotonic()
                assert client.get("/healthz").status_code == 200
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.most = max(self.most, self.victim.memory)
                self.looks.set()


@dataclass
class BadTimes:
    """What the tests of a module have in common."""

    server: Server
    app: App
    watch: Watch

    @contextmanager
    def guest(self) -> Iterator[App]:
        """The app for one test: meanwhile the server must answer at once."""
        self.watch.slowest = 0
        app = self.app.at(self.server)
        with app.http:
            yield app
            app.close_all()
        assert self.watch.slowest < AT_ONCE_SECS


@contextmanager
def victim(
    folder: Path, config: str, *, faults: Sequence[str] = (), **settings: object
) -> Iterator[Victim]:
    """A server with that configuration. In the end no agent is left, and its log is clean.

    Args:
        faults: What may stand in log lines of level error.
    """
    file = folder / "clawdforge.toml"
    file.write_text(config)
    named = {"config": str(file), "log_level": "warning", "permissions": "ask", **settings}
    stage = Mortal(folder, {name: str(value) for name, value in named.items()})
    try:
        yield Victim(stage, stage.start())
    finally:
        stage.stop()
        assert not stage.left()
    errors = [line for line in stage.log().splitlines() if '"ERROR"' in line or "Traceback" in line]
    assert not [line for line in errors if not any(fault in line for fault in faults)]


def assert_usable(app: App, session: str) -> None:
    """The next turn goes well."""
    reply = well(app.turn(session, "hello", timeout_secs=20))
    assert text_of(reply) == "hello"
    assert app.row(session)["state"] == "idle"


def failure(app: App, session: str, prompt: str, **body: object) -> tuple[str, str, str]:
    """A turn that fails: its reason, what is told about it, and its standard error.

    The same must be told to whoever looks at the turn later.
    """
    reply = app.turn(session, prompt, **body)
    assert reply.status_code == 502, reply.text[:1000]
    told = reply.json()
    assert told["ok"] is False
    turn = well(app.get(f"/sessions/{session}/turns"))["turns"][0]
    assert turn["state"] == ("timeout" if told["stop_reason"] == "timeout" else "failed")
    assert [turn[key] for key in ("stop_reason", "error", "stderr")] == [
        told[key] for key in ("stop_reason", "error", "stderr")
    ]
    return told["stop_reason"], told["error"], told["stderr"]
