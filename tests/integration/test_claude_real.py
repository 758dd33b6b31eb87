"""The real `claude` behind a real server, with a scripted model: what an app gets to see."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from clawdforge.client import Client, RunFailure
from clawdforge.testing.model_api import (
    Always,
    CallTool,
    CallTools,
    Drop,
    Fail,
    ModelApi,
    Request,
    Say,
    Stall,
    Step,
    Tokens,
)
from clawdforge.testing.model_api.script import ScriptItem
from clawdforge.testing.serving import RunningServer, running_server

pytestmark = pytest.mark.real_agent

RARE = "xylographer"
"""A word that is nowhere unless the prompt is."""
SLEEP = "exec setsid --wait python3 -c 'import time; time.sleep(300)'"


@dataclass(frozen=True)
class Place:
    api: ModelApi
    server: RunningServer
    client: Client
    home: Path

    def files(self) -> list[Path]:
        return [path for path in self.home.rglob("*") if path.is_file()]

    def run_folders(self) -> list[Path]:
        return list((self.server.data_dir / "runs").iterdir())

    def all_gone(self) -> bool:
        """No agent, and nothing of its folders."""
        return not self.run_folders() and not agents()


def agents() -> list[list[str]]:
    """The command line of every process below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.NoSuchProcess:
            continue
    return found


def is_sleeping() -> bool:
    """Whether the command of `SLEEP` runs: not the shell that was told to start it."""
    return any(line[-1:] == ["import time; time.sleep(300)"] for line in agents())


def eventually(condition: Callable[[], bool], what: str, secs: float = 20.0) -> None:
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextmanager
def at_work(tmp_path: Path, claude_bin: Path, script: Sequence[ScriptItem]) -> Iterator[Place]:
    """A server whose agent is the real `claude`, with a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    with ModelApi(script) as api:
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "CLAUDE_CODE_MAX_RETRIES": "0",
            **api.environment(),
        }
        with (
            running_server(
                tmp_path / "data",
                environ=environ,
                claude_bin=str(claude_bin),
                default_agent="claude",
            ) as server,
            Client(server.url, server.token, environ={}) as client,
        ):
            yield Place(api, server, client, home)


def allow(place: Place, *tools: str) -> None:
    """What an operator allows all runs, in the user's own settings."""
    folder = place.home / ".claude"
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({"permissions": {"allow": list(tools)}}))


def test_answers_and_what_is_kept_of_them(tmp_path: Path, claude_bin: Path) -> None:
    usage = Tokens(input=120, output=9, cache_read=7, cache_write=3)
    script = [Say("forty-two", usage=usage), Say('```json\n{"answer": [42]}\n```')]
    with at_work(tmp_path, claude_bin, script) as place:
        result = place.client.run(f"What is it, {RARE}?")
        assert (result.result, result.stop_reason) == ("forty-two", "end_turn")
        assert place.api.requests[0].prompt == f"What is it, {RARE}?"
        assert result.run_id is not None
        row = place.client.get_run(result.run_id)
        assert (row.state, row.agent, row.model) == ("done", "claude", "sonnet")
        assert (row.input_tokens, row.output_tokens) == (120, 9)
        assert (row.cache_read_tokens, row.cache_write_tokens) == (7, 3)
        assert row.cost_microusd
        assert row.cost_microusd > 0
        assert row.result_bytes == len("forty-two")

        assert place.client.run("And as JSON?").result == {"answer": [42]}
        eventually(place.all_gone, "the agent or its folder is still there")
        projects = place.home / ".claude" / "projects"
        assert not projects.exists() or not list(projects.iterdir())
        for path in (*place.files(), *tmp_path.glob("data/ledger*")):
            assert RARE.encode() not in path.read_bytes(), path


def test_attachments_are_read(tmp_path: Path, claude_bin: Path) -> None:
    script: list[ScriptItem] = [
        CallTool("Read", {"file_path": "attachment-1.txt"}),
        Say("It says 42."),
    ]
    with at_work(tmp_path, claude_bin, script) as place:
        file = place.client.upload_file(b"the answer is 42\n", filename="notes.TXT")
        assert place.client.run("What does it say?", files=[file]).result == "It says 42."
        asked, told = place.api.requests
        assert "- attachment-1.txt" in asked.prompt
        assert "the answer is 42" in told.tool_results[0].text


def test_options_reach_the_model(tmp_path: Path, claude_bin: Path) -> None:
    long = "word " * 120_000 + "and " + RARE
    with at_work(tmp_path, claude_bin, [Always(Say("yes"))]) as place:
        place.client.run("a", system="Speak in rhymes.", effort="high", model="opus")
        place.client.run("b", system="Speak in rhymes.", system_mode="replace")
        place.client.run(long)
        appended, replaced, lengthy = place.api.requests
    assert "Speak in rhymes." in appended.system
    assert "Speak in rhymes." in replaced.system
    assert len(appended.system) > len(replaced.system) + 500, "its own prompt is still there"
    assert "opus" in appended.model
    assert "sonnet" in replaced.model
    assert appended.effort == "high"
    assert lengthy.prompt == long


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Fail(status=529), "529"),
        (Fail(status=400, message="scripted refusal"), "scripted refusal"),
        (Drop(after_chars=20), "Connection"),
    ],
    ids=["529", "400", "dropped"],
)
def test_failures_of_the_model(tmp_path: Path, claude_bin: Path, step: Step, said: str) -> None:
    with at_work(tmp_path, claude_bin, [Always(step)]) as place:
        with pytest.raises(RunFailure) as raised:
            place.client.run("x")
        failure = raised.value
        assert (failure.status, failure.stop_reason) == (502, "error")
        assert failure.error.startswith("claude exit 1")
        assert said in failure.error
        assert failure.run_id is not None
        assert place.client.get_run(failure.run_id).state == "failed"


def test_a_time_out_ends_the_grandchildren(tmp_path: Path, claude_bin: Path) -> None:
    script: list[ScriptItem] = [
        CallTool("Bash", {"command": SLEEP, "description": "sleep"}),
        Always(Say("late")),
    ]
    with at_work(tmp_path, claude_bin, script) as place, ThreadPoolExecutor() as pool:
        allow(place, "Bash")
        secret = f"Do not tell {RARE}."
        run = pool.submit(place.client.run, secret, system=secret, timeout_secs=5)
        eventually(is_sleeping, "the command does not start")
        lines = list(map(" ".join, agents()))
        assert any(str(claude_bin) in line for line in lines)
        assert not any(RARE in line for line in lines), "a prompt is in a command line"
        with pytest.raises(RunFailure) as raised:
            run.result(30)
        assert (raised.value.status, raised.value.stop_reason) == (502, "timeout")
        eventually(place.all_gone, "something survives the time-out")
        assert raised.value.run_id is not None
        assert place.client.get_run(raised.value.run_id).state == "timeout"


def test_tools_that_need_permission_are_denied(tmp_path: Path, claude_bin: Path) -> None:
    outside = tmp_path / "made.txt"
    script: list[ScriptItem] = [
        CallTools(
            [
                CallTool("Write", {"file_path": str(outside), "content": "x"}),
                CallTool("Bash", {"command": f"touch {outside}", "description": "touch"}),
                CallTool("Read", {"file_path": "/etc/passwd"}),
            ]
        ),
        Say("I may not."),
    ]
    with at_work(tmp_path, claude_bin, script) as place:
        assert place.client.run("Try.").result == "I may not."
        results = place.api.requests[1].tool_results
    assert [result.is_error for result in results] == [True, True, True]
    assert not outside.exists()


def test_a_client_that_leaves_ends_its_agent(tmp_path: Path, claude_bin: Path) -> None:
    with at_work(tmp_path, claude_bin, [Stall()]) as place:
        impatient = httpx.Timeout(10, read=2)
        headers = {"Authorization": f"Bearer {place.server.token}"}
        with (
            httpx.Client(timeout=impatient, trust_env=False) as http,
            pytest.raises(httpx.ReadTimeout),
        ):
            http.post(f"{place.server.url}/run", json={"prompt": "x"}, headers=headers)
        place.api.wait_for_requests(1)
        place.api.wait_for_hang_ups(1)
        eventually(place.all_gone, "the agent goes on without its client")
        (row,) = place.client.runs().runs
        assert row.state == "cancelled"


def test_half_a_character_is_replaced(tmp_path: Path, claude_bin: Path) -> None:
    script: list[ScriptItem] = [Say("half \ud83d here"), Always(Fail(status=400, message="\ud800"))]
    with at_work(tmp_path, claude_bin, script) as place:
        assert place.client.run("x").result in {
            "half ? here",
            "half \N{REPLACEMENT CHARACTER} here",
        }
        with pytest.raises(RunFailure):
            place.client.run("x")


def test_two_runs_at_once(tmp_path: Path, claude_bin: Path) -> None:
    together = threading.Barrier(2, timeout=30)

    def answer(request: Request) -> Step:
        return Say(request.prompt.upper())

    with (
        at_work(tmp_path, claude_bin, [Always(answer)]) as place,
        ThreadPoolExecutor() as pool,
    ):

        def ask(prompt: str) -> object:
            together.wait()
            return place.client.run(prompt).result

        assert list(pool.map(ask, ["one", "two"])) == ["ONE", "TWO"]
        eventually(place.all_gone, "something is left")
