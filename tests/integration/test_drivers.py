"""What the contract does not cover: bad manners of the demo agent, and the catalog."""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from clawdforge.agents.catalog import Catalog
from clawdforge.agents.claude.driver import child_environment as claude_environment
from clawdforge.agents.demo.driver import DemoDriver, child_environment, default_command
from clawdforge.agents.driver import SessionSpec
from clawdforge.agents.lines import Program
from clawdforge.config import AgentSettings, Settings, load_settings
from clawdforge.core.events import Event, Exited, Stop, Text, TurnEnded, Unknown
from clawdforge.errors import AgentError, AgentMissingError, ConfigError
from clawdforge.processes.launcher import Processes

SERVICE = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nowhere",
    "CLAWDFORGE_ADMIN_TOKEN": "s",
    "ADMIN_BOOTSTRAP_TOKEN": "s",
    "ANTHROPIC_API_KEY": "k",
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "DATABASE_URL": "d",
}
Made = Callable[..., DemoDriver]


@pytest.fixture
def spec(tmp_path: Path) -> SessionSpec:
    for name in ("work", "tmp"):
        (tmp_path / name).mkdir()
    return SessionSpec(cwd=tmp_path / "work", tmp=tmp_path / "tmp")


@pytest.fixture
def demo(processes: Processes) -> Made:
    def make(*, argv: tuple[str, ...] | None = None, limit: int = 2**26) -> DemoDriver:
        env = child_environment(SERVICE)
        program = Program(argv=argv or default_command(), env=env, max_output_bytes=limit)
        return DemoDriver(processes, program)

    return make


async def conversation(driver: DemoDriver, spec: SessionSpec, prompt: str) -> list[Event]:
    """One turn, closed at its end; all events."""
    await driver.open(spec)
    try:
        await driver.prompt(str(uuid.uuid4()), prompt)
        events: list[Event] = []
        async with asyncio.timeout(30):
            while (event := await driver.next_event()) is not None:
                events.append(event)
                if isinstance(event, TurnEnded):
                    await driver.close()
        return events
    finally:
        await driver.close()


def end_of(events: list[Event]) -> TurnEnded:
    (end,) = [event for event in events if isinstance(event, TurnEnded)]
    return end


async def test_a_flood_of_stderr(demo: Made, spec: SessionSpec) -> None:
    driver = demo()
    end = end_of(await conversation(driver, spec, "/stderr 1000000"))
    assert (end.stop, end.text) == (Stop.DONE, "after the flood")
    assert 60_000 < len(driver.stderr) < 70_000


async def test_garbage_is_survived(demo: Made, spec: SessionSpec) -> None:
    events = await conversation(demo(), spec, "/garbage still here")
    assert end_of(events).text == "still here"
    assert sum(isinstance(event, Unknown) for event in events) == 3


@pytest.mark.parametrize("code", [0, 3, 127])
async def test_an_agent_that_just_ends(demo: Made, spec: SessionSpec, code: int) -> None:
    events = await conversation(demo(), spec, f"/exit {code}")
    assert end_of(events).stop is Stop.LOST
    assert events[-1] == Exited(code=code)


async def test_a_grandchild_ends_with_the_conversation(demo: Made, spec: SessionSpec) -> None:
    events = await conversation(demo(), spec, "/grandchild")
    assert end_of(events).stop is Stop.DONE
    assert isinstance(events[-1], Exited)  # the leak fixture looks for the grandchild


async def test_an_agent_that_does_not_listen(demo: Made, spec: SessionSpec) -> None:
    driver = demo()
    await driver.open(spec)
    await driver.prompt(str(uuid.uuid4()), "/deaf")
    async with asyncio.timeout(30):
        while not isinstance(await driver.next_event(), Text):
            pass
        await driver.close()
        assert isinstance(await driver.next_event(), TurnEnded)
        exited = await driver.next_event()
    assert isinstance(exited, Exited)
    assert exited.signal == 9 or exited.code


@pytest.mark.parametrize(
    ("name", "told"),
    [("HOME", "set"), ("CLAWDFORGE_ADMIN_TOKEN", "unset"), ("DATABASE_URL", "unset")],
)
async def test_what_the_agent_sees(demo: Made, spec: SessionSpec, name: str, told: str) -> None:
    assert end_of(await conversation(demo(), spec, f"/env {name}")).text == f"{name}={told}"


async def test_it_works_in_its_folder(demo: Made, spec: SessionSpec) -> None:
    await asyncio.to_thread((spec.cwd / "a file").touch)
    assert end_of(await conversation(demo(), spec, "/cwd")).text == "a file"


async def test_a_program_that_is_missing(demo: Made, spec: SessionSpec) -> None:
    driver = demo(argv=("/no/such/program",))
    with pytest.raises(AgentMissingError):
        await driver.open(spec)
    await driver.close()


async def test_a_driver_that_was_not_opened(demo: Made) -> None:
    driver = demo()
    for call in (driver.next_event(), driver.prompt("t", "x")):
        with pytest.raises(AgentError) as raised:
            await call
        assert raised.value.code == "not_open"


def test_what_claude_may_see() -> None:
    seen = claude_environment(SERVICE, ("DATABASE_*", "CLAWDFORGE_*"))
    assert seen["ANTHROPIC_API_KEY"] == "k"
    assert seen["CLAUDE_CODE_MAX_RETRIES"] == "1"
    assert claude_environment({})["CLAUDE_CODE_MAX_RETRIES"] == "3"
    assert seen["DATABASE_URL"] == "d", "the operator named it"
    hidden = {"CLAWDFORGE_ADMIN_TOKEN", "ADMIN_BOOTSTRAP_TOKEN", "CLAUDECODE"}
    assert not (hidden | {"CLAUDE_CODE_ENTRYPOINT"}) & set(seen)


def settings(**flags: object) -> Settings:
    chosen = {"claude_bin": "/no/claude", "acpx_bin": "/no/acpx", **flags}
    return load_settings(flags=chosen, environ={}).settings


async def test_the_catalog(processes: Processes, tmp_path: Path) -> None:
    def write(name: str, script: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        return str(path)

    good = await asyncio.to_thread(write, "good", "echo '9.9.9 (Claude Code)'")
    bad = await asyncio.to_thread(write, "bad", "echo no login >&2; exit 4")
    agents = {
        "good": AgentSettings(driver="claude", command=(good,)),
        "bad": AgentSettings(driver="claude", command=(bad,)),
    }
    now = 0.0
    catalog = Catalog(settings(agents=agents), SERVICE, processes, clock=lambda: now)
    assert set(catalog.names()) == {"claude", "demo", "good", "bad"}
    assert catalog.default() == "demo", "there is no claude"
    assert (catalog.default_model("good"), catalog.default_model("demo")) == ("sonnet", None)

    status = await catalog.status("good")
    assert (status.available, status.version) == (True, "9.9.9 (Claude Code)")
    failed = await catalog.status("bad")
    assert not failed.available
    assert "exit 4 no login" in (failed.problem or "")
    missing = await catalog.status("claude")
    assert "/no/claude was not found" in (missing.problem or "")
    assert (await catalog.status("demo")).available
    assert [status.available for status in await catalog.programs()] == [False, False]

    await asyncio.to_thread(write, "good", "echo 10.0.0")
    assert (await catalog.status("good")).version == "9.9.9 (Claude Code)"
    now += 31
    assert (await catalog.status("good")).version == "10.0.0"

    with pytest.raises(AgentMissingError) as raised:
        catalog.driver("claude")
    assert "npm install" in (raised.value.hint or "")
    with pytest.raises(KeyError):
        catalog.driver("nobody")


@pytest.mark.parametrize(
    "flags",
    [
        {"agents": {"-x": AgentSettings(driver="demo")}},
        {"agents": {"x": AgentSettings(driver="perl")}},
        {"agents": {"x": AgentSettings(driver="claude", default_model="--help")}},
        {"default_model": "--dangerously-skip-permissions"},
    ],
    ids=["name", "driver", "model", "default"],
)
async def test_a_catalog_that_makes_no_sense(
    processes: Processes, flags: dict[str, object]
) -> None:
    with pytest.raises(ConfigError):
        Catalog(settings(**flags), SERVICE, processes)
