"""The driver `acp` with the agent that ships with us: conversations, from start to end."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from clawdforge.agents.acp.driver import AcpDriver
from clawdforge.agents.demo.agent import child_environment, default_command, demo_driver
from clawdforge.agents.driver import Decision, McpServer, SessionSpec
from clawdforge.agents.lines import Program
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Changed,
    Context,
    Event,
    Exited,
    Plan,
    Ready,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
    TurnStarted,
    Unknown,
)
from clawdforge.errors import AgentError, AgentProtocolError
from clawdforge.processes.launcher import Processes

YES, NO = Decision(allow=True), Decision(allow=False)


class Talk:
    """A conversation under test."""

    def __init__(self, driver: AcpDriver) -> None:
        self.driver = driver
        self.turn_id = ""
        self.session_id = ""

    async def prompt(self, text: str) -> str:
        self.turn_id = str(uuid.uuid4())
        await self.driver.prompt(self.turn_id, text)
        return self.turn_id

    async def events(self) -> AsyncIterator[Event]:
        """What comes, to the end of the turn that was prompted."""
        async with asyncio.timeout(30):
            while (event := await self.driver.next_event()) is not None:
                if isinstance(event, Ready):
                    self.session_id = event.agent_session_id or ""
                yield event
                if isinstance(event, TurnEnded) and event.turn_id == self.turn_id:
                    return

    async def turn(self, text: str, *, answer: Decision | None = None) -> list[Event]:
        await self.prompt(text)
        events = []
        async for event in self.events():
            events.append(event)
            if isinstance(event, Ask) and answer is not None:
                await self.driver.answer(event.ask_id, answer)
        return events

    async def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        seen = []
        async with contextlib.aclosing(self.events()) as events:  # type: ignore[type-var]
            async for event in events:
                seen.append(event)
                if wanted(event):
                    return seen
        raise AssertionError(seen)

    async def rest(self) -> list[Event]:
        """All that is left."""
        events = []
        async with asyncio.timeout(30):
            while (event := await self.driver.next_event()) is not None:
                events.append(event)
        return events


@pytest.fixture
def spec(tmp_path: Path) -> SessionSpec:
    for name in ("work", "tmp", "home"):
        (tmp_path / name).mkdir()
    return SessionSpec(cwd=tmp_path / "work", tmp=tmp_path / "tmp", asks=True, kept=True)


Opened = Callable[..., contextlib.AbstractAsyncContextManager[Talk]]


@pytest.fixture
def opened(processes: Processes, spec: SessionSpec, tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def opened(*, limit: int = 2**26, **more: object) -> AsyncIterator[Talk]:
        env = child_environment({"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")})
        program = Program(argv=default_command(), env=env, max_output_bytes=limit)
        driver = demo_driver(processes, program)
        try:
            await driver.open(replace(spec, **more))  # type: ignore[arg-type]
            yield Talk(driver)
        finally:
            await driver.close()

    return opened


def said(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def end_of(events: list[Event]) -> TurnEnded:
    (end,) = [event for event in events if isinstance(event, TurnEnded)]
    return end


def of(events: list[Event], kind: type) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


async def test_two_turns_share_their_memory(opened: Opened) -> None:
    async with opened() as talk:
        first = await talk.turn("/remember xylograph")
        assert isinstance(first[0], Ready)
        assert first[1] == TurnStarted(turn_id=end_of(first).turn_id)
        second = await talk.turn("/recall")
    assert said(second) == "xylograph"
    end = end_of(second)
    assert (end.stop, end.reason, end.text) == (Stop.DONE, "end_turn", None)
    assert (end.usage.input_tokens, end.usage.output_tokens) == (1, 1)


async def test_what_it_can_do_is_known_when_it_is_ready(opened: Opened) -> None:
    async with opened() as talk:
        assert not talk.driver.caps.resume
        await talk.turn("/echo x")
        caps = talk.driver.caps
    assert (caps.resume, caps.fork, caps.asks, caps.cancel) == (True, True, True, True)
    assert caps.sets == {"model", "mode", "effort"}
    assert not caps.exact_text


async def test_pieces_thoughts_plans_tools_and_context(opened: Opened) -> None:
    async with opened() as talk:
        pieces = of(await talk.turn("/stream 5 1"), Text)
        assert [piece.text for piece in pieces if isinstance(piece, Text)] == [
            *("1", " 2", " 3", " 4", " 5")
        ]
        thought = await talk.turn("/think so it is")
        assert (of(thought, Thought), said(thought)) == (
            [Thought(text="so it is", message_id="msg-2")],
            "so it is",
        )
        plans = of(await talk.turn("/plan"), Plan)
        last = plans[-1]
        assert isinstance(last, Plan)
        assert [entry.status for entry in last.entries] == ["completed"] * 3
        calls = [event for event in await talk.turn("/tool hammer") if isinstance(event, ToolCall)]
        assert [call.status for call in calls] == ["pending", "in_progress", "completed"]
        assert calls[-1].result == "hammer"
        context = of(await talk.turn("/usage"), Context)
        assert context == [Context(used=1200, size=200_000, cost_microusd=250_000)]


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("answer", [YES, NO])
async def test_a_question(opened: Opened, spec: SessionSpec, answer: Decision, asks: bool) -> None:
    async with opened(asks=asks) as talk:
        events = await talk.turn("/ask touch made", answer=answer)
    allowed = asks and answer.allow
    assert said(events) == ("allowed: touched made" if allowed else "refused")
    assert await asyncio.to_thread((spec.cwd / "made").exists) == allowed
    assert len(of(events, Ask)) == asks
    if asks:
        ask = of(events, Ask)[0]
        assert isinstance(ask, Ask)
        assert (ask.tool, ask.kind, ask.args) == ("Bash", "execute", {"command": "touch made"})


async def test_a_question_about_a_file(opened: Opened, spec: SessionSpec) -> None:
    async with opened() as talk:
        events = await talk.turn("/write notes.txt hello there", answer=YES)
        outside = await talk.turn("/write ../escaped hello", answer=YES)
    path = spec.cwd / "notes.txt"
    assert await asyncio.to_thread(path.read_text) == "hello there"
    ask = of(events, Ask)[0]
    assert isinstance(ask, Ask)
    assert ask.paths == (str(path),)
    call = of(events, ToolCall)[0]
    assert isinstance(call, ToolCall)
    assert call.diffs is not None
    assert (call.diffs[0].old_text, call.diffs[0].new_text) == (None, "hello there")
    assert said(outside) == "allowed: outside of my folder"
    assert not await asyncio.to_thread((spec.cwd.parent / "escaped").exists)


async def test_a_question_that_the_agent_takes_back(opened: Opened) -> None:
    async with opened() as talk:
        events = await talk.turn("/withdraw")
        ask, withdrawn = of(events, Ask)[0], of(events, AskWithdrawn)[0]
        assert isinstance(ask, Ask)
        assert withdrawn == AskWithdrawn(ask_id=ask.ask_id)
        await talk.driver.answer(ask.ask_id, YES)
        assert said(events) == "withdrawn"
        assert said(await talk.turn("/echo still here")) == "still here"


@pytest.mark.parametrize(
    ("prompt", "when"),
    [
        ("/stream 10000 1", Text),
        ("/ask sleep 600", ToolCall),
        ("/ask sleep 600", Ask),
        ("/hang", TurnStarted),
    ],
    ids=["stream", "tool", "ask", "hang"],
)
async def test_a_turn_that_is_cancelled(opened: Opened, prompt: str, when: type) -> None:
    async with opened() as talk:
        turn_id = await talk.prompt(prompt)
        if when is ToolCall:
            (*_, ask) = await talk.until(lambda event: isinstance(event, Ask))
            assert isinstance(ask, Ask)
            await talk.driver.answer(ask.ask_id, YES)
            await talk.until(lambda e: isinstance(e, ToolCall) and e.status == "in_progress")
        else:
            await talk.until(lambda event: isinstance(event, when))
        await talk.driver.cancel("another")
        await talk.driver.cancel(turn_id)
        await talk.driver.cancel(turn_id)
        events = await talk.until(lambda event: isinstance(event, TurnEnded))
        assert end_of(events).stop is Stop.CANCELLED
        assert len(of(events, AskWithdrawn)) == (when is Ask)
        await talk.driver.cancel(turn_id)
        assert said(await talk.turn("/echo still here")) == "still here"


@pytest.mark.parametrize("prompt", ["/echo x", "/hang"])
async def test_a_turn_that_is_cancelled_at_once(opened: Opened, prompt: str) -> None:
    async with opened() as talk:
        await talk.driver.cancel(await talk.prompt(prompt))
        events = await talk.until(lambda event: isinstance(event, TurnEnded))
        assert end_of(events).stop is Stop.CANCELLED
        await talk.driver.cancel(await talk.prompt(prompt))
        events = await talk.until(lambda event: isinstance(event, TurnEnded))
        assert end_of(events).stop is Stop.CANCELLED
        assert said(await talk.turn("/echo still here")) == "still here"


async def test_a_conversation_goes_on_in_another_process(opened: Opened) -> None:
    async with opened() as talk:
        await talk.turn("/remember xylograph")
        known_as = talk.session_id
    async with opened(resume_id=known_as, mode="plan", effort="high", model="demo-slow") as talk:
        events = await talk.turn("/recall")
        assert said(events) == "xylograph", "and nothing of what was said before"
        assert talk.session_id == known_as
        settings = said(await talk.turn("/settings"))
    assert settings == "mode=plan model=demo-slow effort=high"


async def test_a_copy_of_a_conversation(opened: Opened) -> None:
    async with opened() as talk:
        await talk.turn("/remember one")
        known_as = talk.session_id
    async with opened(resume_id=known_as, fork=True) as copy:
        await copy.turn("/remember two")
        assert said(await copy.turn("/recall")) == "one two"
        assert copy.session_id != known_as
    async with opened(resume_id=known_as) as talk:
        assert said(await talk.turn("/recall")) == "one"


@pytest.mark.parametrize("fork", [False, True])
async def test_a_conversation_that_is_not_known(opened: Opened, fork: bool) -> None:
    async with opened(resume_id=str(uuid.uuid4()), fork=fork) as talk:
        for _ in range(2):
            events = await talk.turn("/echo x")
            end = end_of(events)
            assert (end.stop, end.reason) == (Stop.FAILED, "cannot_resume")
            assert not of(events, Ready)
        with pytest.raises(AgentError) as raised:
            await talk.driver.set("mode", "plan")
    assert raised.value.code == "cannot_set"


async def test_a_conversation_without_a_turn_was_not_written_down(opened: Opened) -> None:
    async with opened() as talk:
        await talk.until(lambda event: isinstance(event, Ready))
        known_as = talk.session_id
    async with opened(resume_id=known_as) as talk:
        assert end_of(await talk.turn("/echo x")).reason == "cannot_resume"


async def test_what_is_not_kept_is_removed(opened: Opened, tmp_path: Path) -> None:
    async with opened(kept=False) as talk:
        await talk.turn("/remember xylograph")
        files = await asyncio.to_thread(lambda: [*(tmp_path / "home").rglob("*.json")])
        assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600"]
    assert await asyncio.to_thread(lambda: [*(tmp_path / "home").iterdir()]) == []


async def test_what_was_given_up_is_forgotten(
    opened: Opened, spec: SessionSpec, tmp_path: Path
) -> None:
    async with opened() as talk:
        await talk.turn("/remember xylograph")
    assert await asyncio.to_thread(lambda: [*(tmp_path / "home").iterdir()])
    gone = replace(spec, cwd=tmp_path / "gone", tmp=tmp_path / "gone", resume_id=talk.session_id)
    await talk.driver.forget(gone)
    assert await asyncio.to_thread(lambda: [*(tmp_path / "home").iterdir()]) == []
    await talk.driver.forget(gone)
    await talk.driver.forget(spec)


@pytest.mark.parametrize("argv", [("/no/such/program",), ("/bin/true",), ("/bin/cat",)])
async def test_forgetting_never_fails(
    processes: Processes, spec: SessionSpec, argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawdforge.agents.acp.driver.FORGET_SECS", 0.2)
    driver = AcpDriver(processes, Program(argv=argv, env={}, max_output_bytes=10**6))
    await driver.forget(replace(spec, resume_id="x"))


async def test_settings_between_turns(opened: Opened) -> None:
    async with opened() as talk:
        await talk.driver.set("model", "another")  # before it is ready, and nobody reads
        await talk.turn("/echo x")
        await talk.driver.set("effort", "low")
        await talk.driver.set("mode", "plan")
        events = await talk.turn("/settings")
        assert said(events) == "mode=plan model=another effort=low"
        assert of(events, Changed) == [
            Changed(key="effort", value="low"),
            Changed(key="mode", value="plan"),
        ]
        for key, value in (("mode", "nope"), ("effort", "none")):
            with pytest.raises(AgentError) as raised:
                await talk.driver.set(key, value)  # type: ignore[arg-type]
            assert raised.value.code == "cannot_set"
        assert said(await talk.turn("/settings")) == "mode=plan model=another effort=low"


async def test_a_setting_that_is_refused_at_the_start(opened: Opened) -> None:
    async with opened(mode="nope") as talk:
        end = end_of(await talk.turn("/echo x"))
    assert (end.stop, end.reason) == (Stop.FAILED, "cannot_set")
    assert "nope" in (end.text or "")


async def test_system_prompt_and_mcp_servers(opened: Opened) -> None:
    servers = (
        McpServer(name="files", command="/bin/files", env={"TOKEN": "s3cret"}),
        McpServer(name="web", url="https://example.org"),
    )
    async with opened(system="be kind", mcp_servers=servers) as talk:
        assert said(await talk.turn("/system")) == "be kind"
        mcp = said(await talk.turn("/mcp"))
    assert mcp == "files: /bin/files\nweb: https://example.org"


async def test_what_the_agent_says_unasked(opened: Opened) -> None:
    async with opened() as talk:
        assert said(await talk.turn("/background 0.05 by the way")) == "started"
        later = await talk.until(lambda event: isinstance(event, Text))
        assert later[-2] == TurnStarted(turn_id=None)
        assert said(later) == "by the way"
        await talk.prompt("/echo x")
        events = [event async for event in talk.events()]
    assert events[:2] == [
        TurnEnded(turn_id=None, stop=Stop.DONE),
        TurnStarted(turn_id=talk.turn_id),
    ]
    assert said(events) == "x"


async def test_a_failed_turn_is_not_the_end(opened: Opened) -> None:
    async with opened() as talk:
        end = end_of(await talk.turn("/fail there is no such thing"))
        assert (end.stop, end.reason, end.text) == (Stop.FAILED, "error", "there is no such thing")
        assert said(await talk.turn("/echo still here")) == "still here"


@pytest.mark.parametrize("prompt", ["/garbage", "/unknown"])
async def test_what_makes_no_sense_is_survived(opened: Opened, prompt: str) -> None:
    async with opened() as talk:
        events = await talk.turn(prompt)
        assert said(events) == f"after the {prompt[1:]}"
        assert len(of(events, Unknown)) == (3 if prompt == "/unknown" else 0)
        assert said(await talk.turn("/echo still here")) == "still here"


@pytest.mark.parametrize(
    ("prompt", "exited"),
    [("/crash", Exited(signal=9)), ("/exit 3", Exited(code=3)), ("/half a word", Exited(code=1))],
)
async def test_an_agent_that_dies_in_the_middle(
    opened: Opened, prompt: str, exited: Exited
) -> None:
    async with opened() as talk:
        events = await talk.turn(prompt)
        assert end_of(events).stop is Stop.LOST
        if prompt == "/crash":
            assert said(events) == "crashing"
        assert await talk.rest() == [exited]
        with pytest.raises(AgentError) as raised:
            await talk.prompt("/echo x")
        assert raised.value.code == "agent_gone"
        with pytest.raises(AgentError) as raised:
            await talk.driver.set("mode", "plan")
        assert raised.value.code == "agent_gone"
        await talk.driver.cancel(talk.turn_id)
        await talk.driver.answer("ask-1", YES)
        assert await talk.driver.next_event() is None


async def test_an_agent_that_does_not_stop(opened: Opened) -> None:
    async with opened() as talk:
        turn_id = await talk.prompt("/deaf")
        await talk.until(lambda event: isinstance(event, Text))
        await talk.driver.cancel(turn_id)
        await talk.driver.close()
        events = await talk.rest()
    assert end_of(events).stop is Stop.LOST
    exited = events[-1]
    assert isinstance(exited, Exited)
    assert exited.signal == 9 or exited.code


async def test_the_limit_of_output_is_for_one_turn(opened: Opened) -> None:
    async with opened(limit=1_000_000) as talk:
        for _ in range(3):
            assert len(said(await talk.turn("/flood 700000"))) == 700_000
        with pytest.raises(AgentProtocolError):
            await talk.turn("/flood 1100000")


async def test_a_program_that_speaks_no_acp(processes: Processes, spec: SessionSpec) -> None:
    program = Program(argv=("/bin/echo", "hello"), env={}, max_output_bytes=10**6)
    driver = AcpDriver(processes, program)
    await driver.open(spec)
    talk = Talk(driver)
    try:
        with contextlib.suppress(AgentError):
            await talk.prompt("/echo x")
        events = await talk.rest()
    finally:
        await driver.close()
    assert [end_of(events).stop, events[-1]] == [Stop.LOST, Exited(code=0)]
    with pytest.raises(AgentError):
        await AcpDriver(processes, program).introduce(spec.tmp)


async def test_it_tells_its_version(processes: Processes, spec: SessionSpec) -> None:
    driver = demo_driver(processes, Program(argv=default_command(), env={}, max_output_bytes=10**6))
    try:
        assert await driver.introduce(spec.tmp) == "2"
    finally:
        await driver.close()
