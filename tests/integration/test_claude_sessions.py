"""The driver `claude` with the real program: what the contract of all drivers does not ask."""

import asyncio
import stat
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from clawdforge.agents.claude.driver import MCP_FILE, ClaudeDriver, child_environment
from clawdforge.agents.claude.transcripts import remove
from clawdforge.agents.driver import Decision, McpServer, SessionSpec
from clawdforge.agents.lines import Program
from clawdforge.core.events import (
    Ask,
    Background,
    Changed,
    Context,
    Exited,
    Ready,
    Retry,
    Stop,
    Text,
    TurnEnded,
    TurnStarted,
)
from clawdforge.errors import AgentError
from clawdforge.processes.launcher import Processes
from clawdforge.testing.driver_contract import Talk, obey
from clawdforge.testing.model_api import (
    Always,
    CallTool,
    Drop,
    Fail,
    ModelApi,
    Request,
    Say,
    Step,
)
from clawdforge.testing.model_api.script import ScriptItem

pytestmark = pytest.mark.real_agent

SECRET = "a-secret-of-the-configuration"
SERVER = """
import json, os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(os.environ["KEY"])
TOOL = {"name": "ping", "description": "Pings.", "inputSchema": {"type": "object"}}
for line in sys.stdin:
    request = json.loads(line)
    version = {"protocolVersion": "2025-06-18", "serverInfo": {"name": "x", "version": "1"}}
    results = {
        "initialize": {**version, "capabilities": {"tools": {}}},
        "tools/list": {"tools": [TOOL]},
        "tools/call": {"content": [{"type": "text", "text": "pong"}]},
    }
    if "id" in request:
        result = results.get(request["method"], {})
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
"""


@dataclass
class Place:
    """A home for `claude`, and conversations in it."""

    processes: Processes
    claude_bin: Path
    folder: Path
    api: ModelApi
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> SessionSpec:
        return SessionSpec(
            cwd=self.folder / "work", tmp=self.folder / "tmp", model="sonnet", kept=True
        )

    @property
    def transcripts(self) -> set[str]:
        return {path.stem for path in (self.folder / "home").rglob("projects/*/*.jsonl")}

    def driver(self) -> ClaudeDriver:
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "CLAUDE_CODE_MAX_RETRIES": "0",
            **self.api.environment(),
            **self.environ,
        }
        return ClaudeDriver(
            self.processes,
            Program(
                argv=(str(self.claude_bin),),
                env=child_environment(environ),
                max_output_bytes=64 * 1024 * 1024,
            ),
        )

    @asynccontextmanager
    async def talk(self, **changes: Any) -> AsyncIterator[Talk]:
        driver = self.driver()
        try:
            await driver.open(replace(self.spec, **changes))
            yield Talk(driver)
        finally:
            await driver.close()


@pytest.fixture
async def place(processes: Processes, claude_bin: Path, tmp_path: Path) -> AsyncIterator[Place]:
    async with scripted(processes, claude_bin, tmp_path, [Always(obey)]) as place:
        yield place


@asynccontextmanager
async def scripted(
    processes: Processes, claude_bin: Path, folder: Path, script: Sequence[ScriptItem]
) -> AsyncIterator[Place]:
    for name in ("home", "work", "tmp"):
        (folder / name).mkdir()
    async with ModelApi(script) as api:
        yield Place(processes, claude_bin, folder, api)


def command_lines() -> list[str]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found.append(" ".join(process.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return found


async def test_options_reach_the_model_and_no_command_line(place: Place) -> None:
    async with place.talk(
        system="Speak in rhymes, xylographer.", effort="high", model="opus", mode="plan"
    ) as talk:
        ready = await talk.ready()
        assert ready.version
        assert {"default", "opus", "sonnet"} <= set(ready.models)
        lines = command_lines()
        assert any("--permission-mode plan" in line for line in lines)
        assert not any("xylographer" in line for line in lines)
        await talk.take("/echo x")
    (request,) = place.api.requests
    assert "Speak in rhymes, xylographer." in request.system
    assert ("opus" in request.model, request.effort) == (True, "high")


async def test_settings_change_what_the_model_is_asked(place: Place) -> None:
    async with place.talk() as talk:
        assert isinstance(talk.driver, ClaudeDriver)
        await talk.driver.set("model", "haiku")
        await talk.driver.set("effort", "low")
        await talk.driver.set("mode", "acceptEdits")
        await talk.take("/write note.txt words")
        assert not [event for event in talk.heard if isinstance(event, Changed)]
        with pytest.raises(AgentError, match="must be one of"):
            await talk.driver.set("mode", "reckless")
    request = place.api.requests[0]
    assert ("haiku" in request.model, request.effort) == (True, "low")
    assert (place.folder / "work" / "note.txt").read_text() == "words"


async def test_a_setting_waits_beside_who_reads(place: Place) -> None:
    async with place.talk() as talk, asyncio.TaskGroup() as group:
        turn = group.create_task(talk.take("/stream 5 100"))
        await asyncio.sleep(0)
        setting = group.create_task(talk.driver.set("effort", "low"))
        assert (await turn).end.stop is Stop.DONE
        await setting


async def test_a_setting_for_an_agent_that_ends(place: Place) -> None:
    async with place.talk(resume_id=str(uuid.uuid4())) as talk:
        with pytest.raises(AgentError) as raised:
            await talk.driver.set("model", "opus")
        assert raised.value.code == "agent_gone"


async def test_mcp_servers_get_their_secrets_over_a_private_file(place: Place) -> None:
    script = place.folder / "server.py"
    script.write_text(SERVER)
    told = place.folder / "told"
    server = McpServer(
        name="pinger",
        command=sys.executable,
        args=(str(script), str(told)),
        env={"KEY": SECRET},
    )
    async with place.talk(mcp_servers=(server,), asks=True) as talk:
        await talk.take("/echo x")
        lines = command_lines()
        assert any(MCP_FILE in line for line in lines)
        assert not any(SECRET in line for line in lines)
        config = place.folder / "tmp" / MCP_FILE
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert told.read_text() == SECRET
    assert SECRET not in repr(server)


async def test_secrets_of_the_conversation_are_in_its_environment(place: Place) -> None:
    async with place.talk(env={"ANTHROPIC_API_KEY": "sk-other"}) as talk:
        await talk.take("/echo x")
    assert place.api.requests[0].headers["x-api-key"] == "sk-other"


async def test_what_is_done_instead_of_what_was_asked(place: Place) -> None:
    async with place.talk(asks=True) as talk:
        turn_id = await talk.prompt("/ask touch asked.txt")
        ask = await talk.until(Ask)
        instead = {**ask.args, "command": "touch instead.txt"}
        await talk.driver.answer(ask.ask_id, Decision(allow=True, args=instead))
        assert (await talk.end_of(turn_id)).stop is Stop.DONE
    made = {path.name for path in (place.folder / "work").iterdir()}
    assert made == {"instead.txt"}


async def test_conversations_are_kept_where_they_can_be_forgotten(place: Place) -> None:
    new_id = str(uuid.uuid4())
    async with place.talk(new_id=new_id) as talk:
        assert (await talk.ready()).agent_session_id == new_id
        await talk.take("/remember walnut")
    async with place.talk(kept=False) as talk:
        await talk.take("/echo a single turn")
        assert (await talk.ready()).agent_session_id is None
    assert place.transcripts == {new_id}
    await place.driver().forget(replace(place.spec, resume_id=new_id))
    assert place.transcripts == set()


async def test_an_id_in_use_is_not_used_again(place: Place) -> None:
    new_id = str(uuid.uuid4())
    async with place.talk(new_id=new_id) as talk:
        await talk.take("/remember walnut")
    async with place.talk(new_id=new_id) as talk:
        with pytest.raises(AssertionError, match="no TurnEnded"):
            await talk.until(TurnEnded)
        assert talk.heard == [Exited(code=1)]
        assert "already in use" in talk.driver.stderr


async def test_costs_are_those_of_the_process(place: Place) -> None:
    async with place.talk() as talk:
        session_id = (await talk.ready()).agent_session_id
        ends = [(await talk.take("/echo x")).end for _ in range(2)]
    async with place.talk(resume_id=session_id) as talk:
        resumed = await talk.take("/echo x")
    one, two = (end.total_cost_microusd for end in ends)
    assert one
    assert two == 2 * one
    assert resumed.end.total_cost_microusd == one
    (context,) = resumed.of(Context)
    assert context.used
    assert context.size
    assert context.cost_microusd == one


async def test_a_single_turn_is_as_it_was(place: Place) -> None:
    async with place.talk(kept=False) as talk:
        turn = await talk.take("/stream 20 5")
    kinds = [type(event) for event in turn.events]
    assert kinds == [Ready, TurnStarted, Text, TurnEnded]
    assert turn.end.usage.cost_microusd
    assert not list((place.folder / "home").rglob("*.jsonl"))


async def test_a_slash_command_that_clears_begins_another_conversation(place: Place) -> None:
    async with place.talk() as talk:
        first = await talk.ready()
        await talk.take("/remember walnut")
        turn_id = str(uuid.uuid4())
        await talk.driver.prompt(turn_id, "/clear")
        second = await talk.until(Ready)
        assert (await talk.end_of(turn_id)).stop is Stop.DONE
        assert second.agent_session_id not in {None, first.agent_session_id}
        assert "walnut" not in (await talk.take("/recall")).answer
    async with place.talk(resume_id=second.agent_session_id) as talk:
        assert (await talk.take("/echo and on")).answer == "and on"


async def test_a_broken_stream_is_retried_and_the_answer_whole(
    processes: Processes, claude_bin: Path, tmp_path: Path
) -> None:
    answer = Say("0123456789abcdefghij", chunks=4)
    script: list[ScriptItem] = [Drop(after_chars=9, of=answer), Fail(status=529), answer]
    async with scripted(processes, claude_bin, tmp_path, script) as place:
        place.environ["CLAUDE_CODE_MAX_RETRIES"] = "3"
        async with place.talk(streams=True) as talk:
            turn = await talk.take("x")
    assert turn.end.text == answer.text
    assert "".join(turn.pieces) == f"012345678{answer.text}"
    first, second = turn.of(Retry)
    assert (first.attempt, first.max_attempts) == (1, 3)
    assert second.status == 529


def in_background(secs: float) -> CallTool:
    command = f"python3 -c 'import time; time.sleep({secs})'"
    wanted = {"command": command, "description": "wait", "run_in_background": True}
    return CallTool("Bash", wanted)


async def begin_background(talk: Talk) -> None:
    turn_id = await talk.prompt("go")
    ask = await talk.until(Ask)
    await talk.driver.answer(ask.ask_id, Decision(allow=True))
    assert (await talk.until(Background)).tasks == ("wait",)
    assert (await talk.end_of(turn_id)).stop is Stop.DONE


async def test_a_turn_that_the_agent_begins_by_itself(
    processes: Processes, claude_bin: Path, tmp_path: Path
) -> None:
    script: list[ScriptItem] = [in_background(0.5), Say("It runs."), Say("It is done.")]
    async with (
        scripted(processes, claude_bin, tmp_path, script) as place,
        place.talk(asks=True) as talk,
    ):
        await begin_background(talk)
        assert (await talk.until(Background)).tasks == ()
        assert (await talk.until(TurnStarted)).turn_id is None
        own = await talk.until(TurnEnded)
        assert (own.turn_id, own.stop, own.text) == (None, Stop.DONE, "It is done.")


async def test_a_prompt_in_the_middle_of_such_a_turn_has_its_end(
    processes: Processes, claude_bin: Path, tmp_path: Path
) -> None:
    look = CallTool("Bash", {"command": "touch looked.txt", "description": "look"})

    def last(request: Request) -> Step:
        return Say(f"Both: {'STEERED' in str(request.raw['messages'])}")

    script: list[ScriptItem] = [in_background(0.5), Say("It runs."), look, Always(last)]
    async with (
        scripted(processes, claude_bin, tmp_path, script) as place,
        place.talk(asks=True) as talk,
    ):
        await begin_background(talk)
        ask = await talk.until(Ask)
        turn_id = await talk.prompt("STEERED")
        await talk.driver.answer(ask.ask_id, Decision(allow=True))
        end = await talk.end_of(turn_id)
        assert (end.stop, end.text) == (Stop.DONE, "Both: True")
        after = await talk.take("and now?")
        assert after.end.stop is Stop.DONE


async def test_work_in_the_background_does_not_hold_up_a_close(
    processes: Processes, claude_bin: Path, tmp_path: Path
) -> None:
    script: list[ScriptItem] = [in_background(300), Say("It runs.")]
    async with scripted(processes, claude_bin, tmp_path, script) as place:
        async with place.talk(asks=True) as talk:
            await begin_background(talk)
            session_id = (await talk.ready()).agent_session_id
            async with asyncio.timeout(20):
                await talk.driver.close()
            assert not command_lines()
        assert place.transcripts == {session_id}


def test_only_that_conversation_is_forgotten(tmp_path: Path) -> None:
    this, other = "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"
    folder = tmp_path / "projects" / "-home-dev"
    for name in (this, other):
        (folder / name / "subagents").mkdir(parents=True)
        (folder / f"{name}.jsonl").touch()
    for name in ("..", "*", "", other[:8]):
        remove(name, {"CLAUDE_CONFIG_DIR": str(tmp_path)})
    assert len(list(folder.iterdir())) == 4
    remove(this, {"CLAUDE_CONFIG_DIR": str(tmp_path)})
    remove(this, {"HOME": str(tmp_path / "nowhere")})
    remove(this, {})
    assert {path.name for path in folder.iterdir()} == {other, f"{other}.jsonl"}
