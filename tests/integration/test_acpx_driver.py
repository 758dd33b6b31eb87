"""The driver `acpx` with the real acpx and claude-agent-acp: what the contract does not ask."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from clawdforge.agents.acpx.driver import AcpxDriver, child_environment
from clawdforge.agents.acpx.files import socket_folder
from clawdforge.agents.driver import McpServer, SessionSpec
from clawdforge.agents.lines import Program
from clawdforge.core.events import Exited, Stop, Text, TurnEnded
from clawdforge.errors import AgentError, AgentMissingError
from clawdforge.processes.launcher import Processes
from clawdforge.testing.driver_contract import Talk, Turn, obey
from clawdforge.testing.driver_contract.bench import all_gone, descendants
from clawdforge.testing.model_api import Always, ModelApi

pytestmark = pytest.mark.real_agent

SECRET = "a-secret-of-the-service"


@dataclass(frozen=True)
class Place:
    """A home for acpx and Claude, and conversations in it."""

    processes: Processes
    folder: Path
    api: ModelApi
    acpx: str
    environ: dict[str, str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def spec(self) -> SessionSpec:
        folder = self.folder
        return SessionSpec(cwd=folder / "work", tmp=folder / "tmp", model="sonnet", kept=True)

    def files(self, pattern: str) -> list[Path]:
        return sorted(self.home.glob(pattern))

    def driver(self, *flags: str) -> AcpxDriver:
        environ = {**self.environ, **self.api.environment(), "CLAWDFORGE_ADMIN_TOKEN": SECRET}
        program = Program(
            argv=(self.acpx,),
            extra_args=flags,
            env=child_environment(environ),
            max_output_bytes=64 * 1024 * 1024,
        )
        return AcpxDriver(self.processes, program)

    @asynccontextmanager
    async def talk(self, *flags: str, **changes: Any) -> AsyncIterator[Talk]:
        """A conversation; afterwards nothing of it runs any more."""
        before = await asyncio.to_thread(descendants)
        driver = self.driver(*flags)
        try:
            await driver.open(replace(self.spec, **changes))
            yield Talk(driver)
        finally:
            await driver.close()
        await all_gone(before)

    async def resumed(self, session_id: str) -> Turn:
        """What a new driver recalls of a conversation."""
        async with self.talk(resume_id=session_id) as talk:
            return await talk.take("/recall")


def visible() -> str:
    """What others can see of the processes below this one."""
    found = []
    for process in descendants():
        with contextlib.suppress(psutil.Error):
            found.append(f"{process.cmdline()} {process.environ()}")
    return "\n".join(found)


def kill(word: str) -> None:
    """Kill the processes below this one in whose command line that is, but for the script's."""
    for process in descendants():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if word in line and "acpx-turns" not in line:
                process.kill()


@pytest.fixture
async def place(
    processes: Processes,
    tmp_path: Path,
    claude_bin: Path,
    agent_bin: Callable[[str], str],
    node_path: str,
) -> AsyncIterator[Place]:
    for name in ("home", "work", "tmp"):
        (tmp_path / name).mkdir()
    environ = {
        "PATH": node_path,
        "HOME": str(tmp_path / "home"),
        "CLAUDE_CODE_EXECUTABLE": str(claude_bin),
        "CLAUDE_CODE_MAX_RETRIES": "0",
    }
    async with ModelApi([Always(obey)]) as api:
        yield Place(processes, tmp_path, api, agent_bin("acpx"), environ)
    with contextlib.suppress(OSError):
        socket_folder(tmp_path / "home").rmdir()


async def test_turns_share_a_memory_also_with_another_driver(place: Place) -> None:
    name = str(uuid.uuid4())
    async with place.talk(new_id=name) as talk:
        ready = await talk.ready()
        assert (await talk.take("/remember walnut")).end.stop is Stop.DONE
        turn = await talk.take("/recall")
        assert (turn.end.stop, turn.answer) == (Stop.DONE, "walnut")
        assert turn.end.usage.output_tokens
        assert turn.end.total_cost_microusd
    assert ready.agent_session_id is not None
    assert ready.agent_session_id.startswith(f"{name}:")
    assert ready.version
    assert "sonnet" in place.api.requests[0].model
    assert place.files(".acpx/queues/*") == []
    assert (await place.resumed(ready.agent_session_id)).answer == "walnut"
    assert len(place.api.requests) == 3  # no suggestions of what may be said next


async def test_a_tool_is_refused_unless_the_operator_allows_it(place: Place) -> None:
    async with place.talk(asks=True) as talk:
        turn = await talk.take("/ask touch refused.txt")
        assert turn.end.stop is Stop.DONE
        assert [call.status for call in turn.calls().values()] == ["failed"]
        assert (await talk.take("/echo and on")).answer == "and on"
    async with place.talk("--approve-all") as talk:
        turn = await talk.take("/ask touch allowed.txt")
        assert [call.status for call in turn.calls().values()] == ["completed"]
    assert [path.name for path in (place.folder / "work").glob("*.txt")] == ["allowed.txt"]


async def test_a_cancel_in_the_middle_of_a_stream(place: Place) -> None:
    async with place.talk() as talk:
        turn_id = await talk.prompt("/stream 400 50")
        await talk.until(Text)
        await talk.driver.cancel(turn_id)
        turn = await talk.ended(turn_id)
        assert turn.end.stop is Stop.CANCELLED
        assert (turn.end.text or "").startswith("1 ")
        assert (await talk.take("/echo and on")).answer == "and on"


async def test_a_hard_close_leaves_no_lock_that_counts(place: Place) -> None:
    async with place.talk() as talk:
        ready = await talk.ready()
        await talk.take("/remember walnut")
        await talk.prompt("/stream 400 50")
        await talk.until(Text)
        await talk.driver.close()
        ends = [event for event in await talk.rest() if isinstance(event, TurnEnded)]
        assert [end.stop for end in ends] == [Stop.LOST]
    assert place.files(".acpx/queues/*.lock")  # acpx had no time
    assert ready.agent_session_id is not None
    assert "walnut" in (await place.resumed(ready.agent_session_id)).answer


@pytest.mark.parametrize("victim", ["claude-agent-acp", "__queue-owner"])
async def test_a_turn_is_lost_with_the_agent_or_its_owner(place: Place, victim: str) -> None:
    async with place.talk() as talk:
        ready = await talk.ready()
        await talk.take("/remember walnut")
        await talk.prompt("/stream 400 50")
        await talk.until(Text)
        await asyncio.to_thread(kill, victim)
        assert (await talk.until(TurnEnded)).stop is Stop.LOST
        assert isinstance((await talk.rest())[-1], Exited)
    assert ready.agent_session_id is not None
    assert "walnut" in (await place.resumed(ready.agent_session_id)).answer


async def test_a_lost_transcript_is_told_and_not_replaced(place: Place) -> None:
    async with place.talk() as talk:
        ready = await talk.ready()
        await talk.take("/remember walnut")
    (transcript,) = place.files(".claude/projects/*/*.jsonl")
    transcript.unlink()
    assert ready.agent_session_id is not None
    turn = await place.resumed(ready.agent_session_id)
    assert (turn.end.stop, turn.end.reason) == (Stop.FAILED, "cannot_resume")


async def test_what_is_forgotten_is_gone_from_the_disk(place: Place) -> None:
    async with place.talk() as talk:
        session_id = (await talk.ready()).agent_session_id
        await talk.take("/echo x")
    kept = (".claude/projects/*/*.jsonl", ".acpx/sessions/*.json")
    assert [len(place.files(pattern)) for pattern in kept] == [1, 1]
    await place.driver().forget(replace(place.spec, resume_id=session_id))
    assert [len(place.files(pattern)) for pattern in (*kept, ".acpx/*/*")] == [0, 0, 0]


async def test_neither_prompts_nor_secrets_are_seen_by_others(place: Place) -> None:
    async with place.talk() as talk:
        await talk.ready()
        await talk.driver.prompt(str(uuid.uuid4()), "Not for others, xylographer.\n/hang")
        await place.api.requests_reach(1)
        (kept,) = (place.folder / "tmp").glob("prompt-*")
        assert kept.stat().st_mode & 0o777 == 0o600
        seen = await asyncio.to_thread(visible)
        assert "--file" in seen
        assert "xylographer" not in seen
        assert SECRET not in seen
    assert place.api.requests[0].prompt.startswith("Not for others")


async def test_an_agent_that_cannot_start_says_why(place: Place) -> None:
    environ = {**place.environ, "CLAUDE_CODE_EXECUTABLE": "/nowhere/claude"}
    async with replace(place, environ=environ).talk() as talk:
        turn_id = await talk.prompt("/echo x")
        end = await talk.end_of(turn_id)
        assert end.stop is Stop.FAILED
        assert "/nowhere/claude" in (end.text or "")
        assert isinstance((await talk.rest())[-1], Exited)


async def test_a_missing_acpx_is_missing(place: Place) -> None:
    driver = replace(place, acpx="/nowhere/acpx").driver()
    with pytest.raises(AgentMissingError):
        await driver.open(place.spec)


@pytest.mark.parametrize(
    "changes",
    [
        {"system": "Speak in rhymes."},
        {"effort": "high"},
        {"mode": "plan"},
        {"mcp_servers": (McpServer(name="x", command="x"),)},
    ],
)
async def test_what_acpx_has_no_safe_way_for_is_refused(
    place: Place, changes: dict[str, Any]
) -> None:
    with pytest.raises(AgentError) as raised:
        await place.driver().open(replace(place.spec, **changes))
    assert raised.value.code == "unsupported"
    with pytest.raises(AgentError) as raised:
        await place.driver().set("model", "opus")
    assert raised.value.code == "cannot_set"
