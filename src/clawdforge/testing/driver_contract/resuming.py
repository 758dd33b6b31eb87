"""Conversations that go on in another process."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
import uuid
from dataclasses import replace

from clawdforge.core.events import Stop, TurnEnded
from clawdforge.errors import AgentError
from clawdforge.testing.driver_contract.bench import (
    Bench,
    ContractBase,
    closed,
    descendants,
    kill_started_since,
    only_end,
)

CANNOT_RESUME = "cannot_resume"


class ResumingContract(ContractBase):
    """A part of `DriverContract`."""

    async def begun(self, bench: Bench, word: str) -> str | None:
        """A conversation in which a word was told; its id, None where it cannot be resumed."""
        async with self.talking(bench.kept(new_id=str(uuid.uuid4()))) as talk:
            ready = await talk.ready()
            assert (await talk.take(f"/remember {word}")).end.stop is Stop.DONE
            await closed(talk.driver)
            return ready.agent_session_id if talk.driver.caps.resume else None

    async def recalled(self, bench: Bench, session_id: str) -> str:
        """What a new process recalls of it."""
        async with self.talking(bench.kept(resume_id=session_id)) as talk:
            turn = await talk.take("/recall")
            assert turn.end.stop is Stop.DONE
            assert (await talk.ready()).agent_session_id == session_id
            return turn.answer

    async def not_resumed(self, bench: Bench, session_id: str) -> None:
        """The agent says that it does not know it, and begins no other."""
        async with self.talking(bench.kept(resume_id=session_id)) as talk:
            try:
                turn = await talk.take("/recall")
            except AgentError as error:
                assert error.code in {CANNOT_RESUME, "agent_gone"}  # noqa: PT017
                ends = [each for each in await talk.rest() if isinstance(each, TurnEnded)]
            else:
                ends = [turn.end]
            assert [(end.stop, end.reason) for end in ends] == [(Stop.FAILED, CANNOT_RESUME)]

    async def test_another_process_remembers(self, bench: Bench) -> None:
        session_id = await self.begun(bench, "walnut")
        if session_id is None:
            await self.not_resumed(bench, str(uuid.uuid4()))
            return
        assert "walnut" in await self.recalled(bench, session_id)
        assert "walnut" in await self.recalled(bench, session_id)

    async def test_an_unknown_conversation_is_no_new_one(self, bench: Bench) -> None:
        await self.not_resumed(bench, str(uuid.uuid4()))

    async def test_a_fork_leaves_the_original_alone(self, bench: Bench) -> None:
        session_id = await self.begun(bench, "walnut")
        forking = bench.kept(resume_id=session_id, fork=True, new_id=str(uuid.uuid4()))
        if session_id is None:
            return
        async with self.talking(forking) as talk:
            ready = await talk.ready()
            if not talk.driver.caps.fork:
                turn = await talk.take("/recall")
                assert (turn.end.stop, turn.end.reason) == (Stop.FAILED, CANNOT_RESUME)
                return
            fork_id = ready.agent_session_id
            assert fork_id not in {None, session_id}
            assert "walnut" in (await talk.take("/recall")).answer
            await talk.take("/remember hazelnut")
        assert fork_id is not None
        assert "hazelnut" in await self.recalled(bench, fork_id)
        original = await self.recalled(bench, session_id)
        assert "walnut" in original
        assert "hazelnut" not in original

    async def test_what_was_said_before_a_kill_is_remembered(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.talking(bench.kept(streams=True)) as talk:
            session_id = (await talk.ready()).agent_session_id
            await talk.take("/remember walnut")
            turn_id = await talk.reach("stream")
            await kill_started_since(before)
            end = only_end(await talk.rest())
            assert (end.turn_id, end.stop) == (turn_id, Stop.LOST)
            resumes = talk.driver.caps.resume
        if resumes:
            assert session_id is not None
            assert "walnut" in await self.recalled(bench, session_id)

    async def test_a_close_in_the_middle_of_a_turn_keeps_what_was_said(self, bench: Bench) -> None:
        async with self.talking(bench.kept(streams=True)) as talk:
            session_id = (await talk.ready()).agent_session_id
            await talk.take("/remember walnut")
            await talk.reach("stream")
            await closed(talk.driver)
            resumes = talk.driver.caps.resume
        if resumes:
            assert session_id is not None
            assert "walnut" in await self.recalled(bench, session_id)

    async def test_what_is_forgotten_cannot_be_resumed(self, bench: Bench) -> None:
        session_id = await self.begun(bench, "walnut")
        other = await self.begun(bench, "hazelnut")
        if session_id is None or other is None:
            return
        await bench.make(1024).forget(replace(bench.spec, kept=True, resume_id=session_id))
        await self.not_resumed(bench, session_id)
        assert "hazelnut" in await self.recalled(bench, other)

    async def test_to_forget_never_fails(self, bench: Bench) -> None:
        driver = bench.make(1024)
        for name in (None, str(uuid.uuid4()), "../..", ""):
            await driver.forget(replace(bench.spec, kept=True, resume_id=name))
