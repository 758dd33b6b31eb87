"""Several turns with one agent: memory, streaming, tools, settings."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio

import pytest

from clawdforge.agents.driver import SettingName
from clawdforge.core.events import Ask, Ready, Stop, Text, Thought, TurnStarted
from clawdforge.errors import AgentError
from clawdforge.testing.driver_contract.bench import ALLOW, Bench, ContractBase

CHOICES: tuple[SettingName, ...] = ("mode", "effort")
NO_SUCH = "-no such-"
"""No agent has a mode or an effort of that name. A model it may have, and be told later."""


class ConversationContract(ContractBase):
    """A part of `DriverContract`."""

    async def test_an_agent_that_is_kept_is_ready_without_a_prompt(self, bench: Bench) -> None:
        async with self.talking(bench.kept()) as talk:
            ready = await talk.ready()
            assert ready.version
            if talk.driver.caps.resume:
                assert ready.agent_session_id

    async def test_turns_share_what_was_said(self, bench: Bench) -> None:
        async with self.talking(bench.kept()) as talk:
            assert (await talk.take("/remember walnut")).end.stop is Stop.DONE
            recalled = await talk.take("/recall")
            assert recalled.end.stop is Stop.DONE
            assert "walnut" in recalled.answer
            assert sum(isinstance(event, Ready) for event in talk.heard) == 1

    async def test_a_failed_turn_does_not_end_the_conversation(self, bench: Bench) -> None:
        async with self.talking(bench.kept()) as talk:
            assert (await talk.take("/fail once")).end.stop is Stop.FAILED
            assert (await talk.take("/echo again")).answer == "again"

    async def test_text_comes_in_pieces_when_it_is_streamed(self, bench: Bench) -> None:
        async with self.talking(bench.kept(streams=True)) as talk:
            turn = await talk.take("/stream 20 20")
            assert len(turn.pieces) >= 5
            assert "".join(turn.pieces) == " ".join(map(str, range(1, 21)))
            assert turn.answer == "".join(turn.pieces)
            assert "".join((await talk.take("/echo whole")).pieces) == "whole"

    async def test_a_turn_starts_before_anything_is_said(self, bench: Bench) -> None:
        async with self.talking(bench.kept(streams=True)) as talk:
            for _ in range(2):
                turn = await talk.take("/echo x")
                (start,) = turn.of(TurnStarted)
                assert start.turn_id == turn.end.turn_id
                assert turn.events.index(start) < turn.events.index(turn.of(Text)[0])

    @pytest.mark.parametrize("streams", [True, False])
    async def test_thoughts_are_no_text(self, bench: Bench, streams: bool) -> None:  # noqa: FBT001
        async with self.talking(bench.kept(streams=streams)) as talk:
            turn = await talk.take("/think about hedgehogs")
            thoughts = "".join(event.text for event in turn.of(Thought))
            assert thoughts.count("about hedgehogs") == 1
            assert turn.end.stop is Stop.DONE

    async def test_a_tool_call_is_told_from_begin_to_end(self, bench: Bench) -> None:
        async with self.talking(bench.kept(asks=True, streams=True)) as talk:
            turn_id = await talk.prompt("/write note.txt some words")
            if talk.driver.caps.asks:
                ask = await talk.until(Ask)
                assert any(path.endswith("note.txt") for path in ask.paths)
                assert ask.kind == "edit"
                await talk.driver.answer(ask.ask_id, ALLOW)
            turn = await talk.ended(turn_id)
            (call,) = turn.calls().values()
            assert call.name
            assert call.kind == "edit"
            assert call.args is not None
            assert any(path.endswith("note.txt") for path in call.paths or ())
            if talk.driver.caps.asks:
                assert call.status == "completed"
                note = bench.spec.cwd / "note.txt"
                assert await asyncio.to_thread(note.read_text) == "some words"

    @pytest.mark.parametrize("key", CHOICES)
    async def test_what_cannot_be_set_is_refused(self, bench: Bench, key: SettingName) -> None:
        async with self.talking(bench.kept()) as talk:
            await talk.ready()
            with pytest.raises(AgentError) as refused:
                await talk.driver.set(key, NO_SUCH)
            assert refused.value.code == "cannot_set"
            assert (await talk.take("/echo still there")).answer == "still there"

    async def test_a_model_is_set_or_refused(self, bench: Bench) -> None:
        async with self.talking(bench.kept()) as talk:
            await talk.ready()
            try:
                await talk.driver.set("model", "opus")
            except AgentError as error:
                assert error.code == "cannot_set"  # noqa: PT017 - either will do
            else:
                assert "model" in talk.driver.caps.sets
            assert (await talk.take("/echo done")).answer == "done"

    async def test_model_and_mode_are_set_between_turns(self, bench: Bench) -> None:
        async with self.talking(bench.kept()) as talk:
            ready = await talk.ready()
            for key, values in (("model", ready.models), ("mode", ready.modes)):
                for value in values[:2]:
                    assert key in talk.driver.caps.sets
                    await talk.driver.set("model" if key == "model" else "mode", value)
                assert (await talk.take("/echo done")).answer == "done"
