"""Permission: asked for, given, refused, not asked for."""

# ruff: noqa: D102 - a test's name says what it shows

from clawdforge.core.events import Ask, Stop
from clawdforge.testing.driver_contract.bench import ALLOW, REFUSE, Bench, ContractBase, is_there


class AskingContract(ContractBase):
    """A part of `DriverContract`."""

    async def test_what_is_allowed_is_done(self, bench: Bench) -> None:
        async with self.talking(bench.kept(asks=True)) as talk:
            turn_id = await talk.prompt("/ask touch allowed.txt")
            if talk.driver.caps.asks:
                ask = await talk.until(Ask)
                assert "touch allowed.txt" in str(ask.args)
                assert ask.kind == "execute"
                assert ask.tool
                kinds = [option.kind for option in ask.options]
                assert "allow_once" in kinds
                assert "reject_once" in kinds
                await talk.driver.answer(ask.ask_id, ALLOW)
            assert (await talk.end_of(turn_id)).stop is Stop.DONE
            assert await is_there(bench.spec.cwd / "allowed.txt") is talk.driver.caps.asks

    async def test_what_is_refused_is_not_done(self, bench: Bench) -> None:
        async with self.talking(bench.kept(asks=True)) as talk:
            turn_id = await talk.prompt("/ask touch refused.txt")
            if talk.driver.caps.asks:
                ask = await talk.until(Ask)
                await talk.driver.answer(ask.ask_id, REFUSE)
            turn = await talk.ended(turn_id)
            assert turn.end.stop is Stop.DONE
            assert [call.status for call in turn.calls().values()] == ["failed"]
            assert not await is_there(bench.spec.cwd / "refused.txt")
            assert (await talk.take("/echo and on")).answer == "and on"

    async def test_each_question_has_a_name_of_its_own(self, bench: Bench) -> None:
        async with self.talking(bench.kept(asks=True)) as talk:
            asked = set()
            for name in ("one", "two"):
                turn_id = await talk.prompt(f"/ask touch {name}.txt")
                if talk.driver.caps.asks:
                    ask = await talk.until(Ask)
                    asked.add(ask.ask_id)
                    await talk.driver.answer(ask.ask_id, ALLOW)
                await talk.end_of(turn_id)
            assert len(asked) == (2 if talk.driver.caps.asks else 0)

    async def test_where_nobody_can_be_asked_it_is_refused(self, bench: Bench) -> None:
        async with self.talking(bench.kept(asks=False)) as talk:
            turn = await talk.take("/ask touch unasked.txt")
            assert turn.end.stop is Stop.DONE
            assert not turn.of(Ask)
            assert not await is_there(bench.spec.cwd / "unasked.txt")

    async def test_an_answer_that_nobody_waits_for_does_nothing(self, bench: Bench) -> None:
        async with self.talking(bench.kept(asks=True)) as talk:
            await talk.driver.answer("nobody-asked", ALLOW)
            turn_id = await talk.prompt("/ask touch twice.txt")
            if talk.driver.caps.asks:
                ask = await talk.until(Ask)
                await talk.driver.answer("nobody-asked", ALLOW)
                await talk.driver.answer(ask.ask_id, REFUSE)
                await talk.driver.answer(ask.ask_id, ALLOW)
            assert (await talk.end_of(turn_id)).stop is Stop.DONE
            assert not await is_there(bench.spec.cwd / "twice.txt")
            assert (await talk.take("/echo and on")).answer == "and on"
