"""The script's values, the player that walks through them, and the log."""

from typing import Any

import pytest

from clawdforge.testing.model_api import (
    Always,
    CallTool,
    CallTools,
    Drop,
    Fail,
    Request,
    Say,
    ScriptError,
    Slow,
    Stall,
    Tokens,
)
from clawdforge.testing.model_api.log import Log
from clawdforge.testing.model_api.player import Player
from clawdforge.testing.model_api.script import answer_of

HELLO = Request(prompt="hello")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tokens(cache_read=-1),
        lambda: Say("", chunks=0),
        lambda: CallTools([]),
        lambda: Slow(Say(""), pause_secs=-1),
        lambda: Fail(status=200),
        lambda: Fail(retry_after=-1),
        lambda: Drop(after_chars=-1),
        lambda: Stall(after_chars=-1),
    ],
)
def test_values_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def test_an_answer_to_cut_is_longer_than_the_cut() -> None:
    for wanted in (None, 0, 1, 29, 30, 5_000):
        answer = answer_of(Drop(after_chars=wanted))
        assert isinstance(answer, Say)
        assert len(answer.text) > (wanted or 0)
    assert answer_of(Stall(of=CallTool("Read"))) == CallTool("Read")


def test_steps_come_in_order_and_once() -> None:
    player = Player([Say("one"), Fail()])
    assert player.remaining == 2
    assert player.step_for(HELLO) == Say("one")
    assert player.remaining == 1
    assert player.step_for(HELLO) == Fail()
    assert player.remaining == 0
    with pytest.raises(ScriptError, match="has 2 steps, and this is request 3"):
        player.step_for(HELLO)


def test_always_repeats_the_last_step_and_leaves_nothing_over() -> None:
    player = Player([Say("one"), Always(Say("more"))])
    said = [player.step_for(HELLO) for _ in range(4)]
    assert said == [Say("one"), Say("more"), Say("more"), Say("more")]
    assert player.remaining == 0


def test_a_function_answers_what_it_sees() -> None:
    player = Player([lambda request: Say(request.prompt.upper()), Always(lambda _: Fail())])
    assert player.step_for(HELLO) == Say("HELLO")
    assert player.step_for(HELLO) == Fail()


def test_a_function_that_fails_or_says_nothing_is_a_complaint() -> None:
    nothing: Any = lambda _: None  # noqa: E731
    player = Player([lambda request: Say(str(request.raw["gone"])), nothing])
    with pytest.raises(ScriptError, match="KeyError"):
        player.step_for(HELLO)
    with pytest.raises(ScriptError, match="no step: None"):
        player.step_for(HELLO)


NOTHING: Any = None


@pytest.mark.parametrize("script", [["hello"], [Always(Say("")), Say("")], [Always(NOTHING)]])
def test_a_script_that_cannot_be_played_is_refused_at_once(script: Any) -> None:
    with pytest.raises(ValueError):
        Player(script)


def test_a_log_tells_when_it_has_grown() -> None:
    log: Log[str] = Log()
    two, three = log.reached(2), log.reached(3)
    log.add("a")
    assert not two.done()
    log.add("b")
    assert two.done()
    assert not three.done()
    assert log.reached(1).done()
    assert log.items == ("a", "b")


def test_whoever_stopped_waiting_for_a_log_is_left_alone() -> None:
    log: Log[str] = Log()
    gave_up = log.reached(1)
    gave_up.cancel()
    log.add("a")
    assert gave_up.cancelled()
