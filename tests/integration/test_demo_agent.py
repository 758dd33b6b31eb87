"""The demo agent as a program: its commands, its manners, its bad manners."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from clawdforge.agents.acp.driver import AcpDriver
from clawdforge.agents.demo.agent import (
    PROGRAM,
    VERSION,
    child_environment,
    default_command,
    demo_driver,
)
from clawdforge.agents.demo.commands import COMMANDS, HELP, command_of
from clawdforge.agents.driver import Decision, SessionSpec
from clawdforge.agents.lines import Program
from clawdforge.core.events import Ask, Event, Exited, Stop, Text, TurnEnded
from clawdforge.errors import AgentError, AgentMissingError
from clawdforge.processes.launcher import Processes

SERVICE = {
    "PATH": "/usr/bin:/bin",
    "CLAWDFORGE_ADMIN_TOKEN": "s",
    "CLAWDFORGE_DEMO_HOME": "",
    "DATABASE_URL": "d",
    "HOME": "/nowhere",
}
Made = Callable[..., AcpDriver]


@pytest.fixture
def spec(tmp_path: Path) -> SessionSpec:
    for name in ("work", "tmp"):
        (tmp_path / name).mkdir()
    return SessionSpec(cwd=tmp_path / "work", tmp=tmp_path / "tmp")


@pytest.fixture
def demo(processes: Processes) -> Made:
    def make(*, argv: tuple[str, ...] | None = None, limit: int = 2**26, **env: str) -> AcpDriver:
        environ = child_environment({**SERVICE, **env})
        program = Program(argv=argv or default_command(), env=environ, max_output_bytes=limit)
        return demo_driver(processes, program)

    return make


@dataclass
class Done:
    """What came of one prompt."""

    events: list[Event] = field(default_factory=list)

    @property
    def end(self) -> TurnEnded:
        (end,) = [event for event in self.events if isinstance(event, TurnEnded)]
        return end

    @property
    def said(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Text))


async def done(driver: AcpDriver, spec: SessionSpec, prompt: str) -> Done:
    """A conversation of one turn, closed at its end."""
    await driver.open(spec)
    try:
        await driver.prompt(str(uuid.uuid4()), prompt)
        seen = Done()
        async with asyncio.timeout(30):
            while (event := await driver.next_event()) is not None:
                seen.events.append(event)
                if isinstance(event, TurnEnded):
                    await driver.close()
        return seen
    finally:
        await driver.close()


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("/echo a b", "a b"),
        ("first\n/echo one\n/echo two\nlast", "two"),
        ('/json {"a": 1}', '```json\n{"a": 1}\n```'),
        ("/slow 3 1", "word-1 word-2 word-3"),
        ("/stream 3 1", "1 2 3"),
        ("/flood 10", "xxxxxxxxxx"),
        ("/env HOME", "HOME=set"),
        ("/env CLAWDFORGE_ADMIN_TOKEN", "CLAWDFORGE_ADMIN_TOKEN=unset"),
        ("/env DATABASE_URL", "DATABASE_URL=unset"),
        ("/cwd", "a file"),
        ("/recall", "(nothing)"),
        ("/mcp", "(none)"),
        ("/system", "(none)"),
        ("/settings", "mode=default model=demo effort=medium"),
        ("/garbage still here", "still here"),
        ("/stderr 1000000", "after the flood"),
        ("/ask touch x", "refused"),
        ("/help", HELP),
    ],
)
async def test_commands(demo: Made, spec: SessionSpec, prompt: str, said: str) -> None:
    await asyncio.to_thread((spec.cwd / "a file").touch)
    came = await done(demo(), spec, prompt)
    assert (came.said, came.end.stop) == (said, Stop.DONE)
    assert came.events[-1] == Exited(code=0)


async def test_a_newcomer(demo: Made, spec: SessionSpec) -> None:
    await asyncio.to_thread((spec.cwd / "attachment-1.txt").write_text, "line one\nline two")
    came = await done(demo(), spec, "What is /etc/passwd?\n\nAttached files:\n- attachment-1.txt")
    assert "You sent me 3 words" in came.said
    assert "attachment-1.txt: 17 bytes, starts with 'line one'" in came.said
    assert came.end.usage.input_tokens == 7


@pytest.mark.parametrize("prompt", ["/fail too hard", "/slow many", "/background soon x"])
async def test_a_failure_is_in_the_exit_code(demo: Made, spec: SessionSpec, prompt: str) -> None:
    driver = demo()
    came = await done(driver, spec, prompt)
    assert came.end.stop is Stop.FAILED
    assert "too hard" in (came.end.text or "") or "/help" in (came.end.text or "")
    assert came.events[-1] == Exited(code=1)
    assert "demo agent" in driver.stderr


async def test_a_flood_of_stderr(demo: Made, spec: SessionSpec) -> None:
    driver = demo()
    await done(driver, spec, "/stderr 1000000")
    assert 60_000 < len(driver.stderr) < 70_000


@pytest.mark.parametrize("code", [0, 3, 127])
async def test_it_just_ends(demo: Made, spec: SessionSpec, code: int) -> None:
    came = await done(demo(), spec, f"/exit {code}")
    assert came.end.stop is Stop.LOST
    assert came.events[-1] == Exited(code=code)


async def test_a_grandchild_ends_with_the_conversation(demo: Made, spec: SessionSpec) -> None:
    came = await done(demo(), spec, "/grandchild")
    assert came.said.isdigit()
    assert isinstance(came.events[-1], Exited)  # the leak fixture looks for the grandchild


async def test_only_few_commands_are_carried_out(processes: Processes, spec: SessionSpec) -> None:
    program = Program(
        argv=default_command(), env=child_environment(SERVICE), max_output_bytes=10**6
    )
    for command, result in (
        ("echo $HOME; id", "$HOME; id"),
        ("touch ../outside", "unknown command"),
        ("rm -rf /", "unknown command"),
        ("sleep 0.01", "slept 0.01"),
    ):
        driver = demo_driver(processes, program)
        await driver.open(replace(spec, asks=True))
        try:
            await driver.prompt("t", f"/ask {command}")
            said = ""
            async with asyncio.timeout(30):
                while not isinstance(event := await driver.next_event(), TurnEnded):
                    if isinstance(event, Ask):
                        await driver.answer(event.ask_id, Decision(allow=True))
                    said += event.text if isinstance(event, Text) else ""
        finally:
            await driver.close()
        assert said == f"allowed: {result}"


async def test_conversations_are_kept_where_the_variable_says(
    demo: Made, spec: SessionSpec, tmp_path: Path
) -> None:
    kept = replace(spec, kept=True)
    folder = tmp_path / "demo-home"
    await done(demo(CLAWDFORGE_DEMO_HOME=str(folder)), kept, "/remember x")
    files = await asyncio.to_thread(lambda: [*folder.iterdir()])
    assert len(files) == 1
    mode = (await asyncio.to_thread(folder.stat)).st_mode
    assert mode & 0o777 == 0o700


async def test_without_a_home_nothing_is_kept(demo: Made, spec: SessionSpec) -> None:
    came = await done(demo(), replace(spec, kept=True), "/remember x")
    assert came.end.stop is Stop.DONE
    assert not await asyncio.to_thread(Path("/nowhere").exists)


async def test_a_program_that_is_missing(demo: Made, spec: SessionSpec) -> None:
    driver = demo(argv=("/no/such/program",))
    with pytest.raises(AgentMissingError):
        await driver.open(spec)
    await driver.close()


async def test_a_driver_that_was_not_opened(demo: Made) -> None:
    driver = demo()
    for call in (driver.next_event(), driver.prompt("t", "x"), driver.set("mode", "plan")):
        with pytest.raises(AgentError) as raised:
            await call
        assert raised.value.code == "not_open"


def test_every_command_is_in_the_help() -> None:
    told = {line.split()[0] for line in HELP.splitlines() if line.startswith("/")}
    assert told == set(COMMANDS)


def test_only_whole_words_are_commands() -> None:
    assert command_of("/tmp/x\n/echoes\necho x\n /echo x") == ("", "")
    assert command_of("/echo  spaced \r\n") == ("/echo", "spaced")


# --- the program by hand ----------------------------------------------------------------------


class Hand:
    """Speaks ACP with the program, without a driver."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            default_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        )
        self.number = 0

    def send(self, method: str, **params: Any) -> int:
        self.number += 1
        self.write({"id": self.number, "method": method, "params": params})
        return self.number

    def write(self, message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def read(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, method: str, **params: Any) -> Any:
        number = self.send(method, **params)
        while (message := self.read()).get("id") != number:
            pass
        return message

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=10)


def test_it_answers_what_is_wrong(tmp_path: Path) -> None:
    with Hand(tmp_path) as hand:
        assert hand.ask("initialize")["result"]["agentInfo"]["version"] == VERSION
        hand.write(7)
        for method, params, code in (
            ("session/new", {"cwd": "relative"}, -32602),
            ("session/new", {}, -32602),
            ("session/set_model", {}, -32601),
            ("session/prompt", {"sessionId": "x", "prompt": []}, -32002),
            ("session/load", {"sessionId": "../../etc/passwd", "cwd": "/"}, -32002),
            ("session/resume", {"sessionId": str(uuid.uuid4()), "cwd": "/"}, -32002),
        ):
            assert hand.ask(method, **params)["error"]["code"] == code


def test_it_tells_again_what_was_said(tmp_path: Path) -> None:
    with Hand(tmp_path) as hand:
        known_as = hand.ask("session/new", cwd=str(tmp_path), mcpServers=[])["result"]["sessionId"]
        prompt = [{"type": "text", "text": "/echo before"}]
        hand.ask("session/prompt", sessionId=known_as, prompt=prompt)
    with Hand(tmp_path) as hand:
        number = hand.send("session/load", sessionId=known_as, cwd=str(tmp_path), mcpServers=[])
        updates = [hand.read()["params"]["update"] for _ in range(2)]
        assert [update["content"]["text"] for update in updates] == ["/echo before", "before"]
        assert hand.read()["id"] == number


def test_other_requests_are_answered_while_a_turn_runs(tmp_path: Path) -> None:
    with Hand(tmp_path) as hand:
        known_as = hand.ask("session/new", cwd=str(tmp_path), mcpServers=[])["result"]["sessionId"]
        prompt = [{"type": "text", "text": "/hang"}]
        number = hand.send("session/prompt", sessionId=known_as, prompt=prompt)
        assert hand.ask("session/set_mode", sessionId=known_as, modeId="plan")["result"] == {}
        hand.write({"method": "session/cancel", "params": {"sessionId": known_as}})
        ended = hand.read()
        assert (ended["id"], ended["result"]["stopReason"]) == (number, "cancelled")


def test_it_needs_nothing_but_python(tmp_path: Path) -> None:
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(PROGRAM)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path)},
    ).stderr
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in loaded.splitlines()}
    assert "demo" in names
    assert not names & {"clawdforge", "asyncio", "subprocess", "msgspec", "pathlib"}
