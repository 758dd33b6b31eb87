"""Questions in panes, answered with keys: only what is asked, only what was seen to be chosen."""

from collections.abc import Iterator

import pytest
from tmux_stage import Stage, stage

from clawdforge.tmux import answering
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.typing import press, say

YES_NO = ("Yes", "Yes, and always", "No")


@pytest.fixture
def tmux() -> Iterator[Stage]:
    with stage() as made:
        yield made


async def test_an_option_is_chosen_and_seen_to_be_taken(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", *YES_NO)
    answered = await answering.choose(tmux.server("q"), pane, 3)
    assert answered.reacted
    assert answered.option is not None
    assert answered.option.label == "No"
    assert "took No" in tmux.screen("q", pane)


async def test_a_dialog_that_is_deaf_at_first_is_asked_again(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", *YES_NO, deaf=1.0)
    await answering.choose(tmux.server("q"), pane, 2)
    assert "took Yes, and always" in tmux.screen("q", pane)


async def test_yes_is_an_option_that_says_yes_wherever_the_cursor_is(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", "No, exit", "Yes, I trust this folder")
    await answering.say_yes(tmux.server("q"), pane)
    assert "took Yes, I trust" in tmux.screen("q", pane)


async def test_no_is_escape_where_that_refuses(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", *YES_NO)
    answered = await answering.say_no(tmux.server("q"), pane)
    assert answered.option is None
    assert "refused" in tmux.screen("q", pane)


async def test_without_a_wish_the_option_under_the_cursor_is_taken(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", "Red", "Green")
    await tmux.server("q").send_keys(pane, "Down")
    tmux.wait_for("q", pane, "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT} 2.")
    await answering.accept(tmux.server("q"), pane)
    assert "took Green" in tmux.screen("q", pane)


async def test_what_is_not_offered_presses_nothing(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", "Red", "Green")
    server = tmux.server("q")
    with pytest.raises(TmuxError, match="no option 3") as caught:
        await answering.choose(server, pane, 3)
    assert caught.value.hint is not None
    assert "1 Red, 2 Green" in caught.value.hint
    with pytest.raises(TmuxError, match="has no yes"):
        await answering.say_yes(server, pane)
    assert "Esc to cancel" in tmux.screen("q", pane)


async def test_where_nothing_is_asked_nothing_is_pressed(tmux: Stage) -> None:
    pane, kept = tmux.record("q", "q")
    for answer in (answering.say_yes, answering.say_no, answering.accept):
        with pytest.raises(TmuxError) as caught:
            await answer(tmux.server("q"), pane)
        assert caught.value.code == "no_question"
    assert kept.read_bytes() == b""


async def test_a_typed_yes_or_no(tmux: Stage) -> None:
    script = 'printf "Add the file? (Y)es/(N)o [Yes]: "; read word; echo "got <$word>"; exec cat'
    pane = tmux.start("q", "q", "sh", "-c", script)
    tmux.wait_for("q", pane, "[Yes]:")
    await answering.say_no(tmux.server("q"), pane)
    tmux.wait_for("q", pane, "got <n>")


async def test_a_text_is_not_taken_for_an_answer(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", *YES_NO)
    server = tmux.server("q")
    with pytest.raises(TmuxError, match="waits for an answer") as caught:
        await say(server, pane, "now run the tests")
    assert caught.value.code == "question_open"
    assert "Esc to cancel" in tmux.screen("q", pane)
    await say(server, pane, "", force=True)
    tmux.wait_for("q", pane, "took Yes")


async def test_keys_are_pressed_by_their_names_alone(tmux: Stage) -> None:
    pane = tmux.ask("q", "q", *YES_NO)
    with pytest.raises(Exception, match="'Nonsense' is no key"):
        await press(tmux.server("q"), pane, ["Nonsense"])
    await press(tmux.server("q"), pane, ["Down", "Enter"])
    tmux.wait_for("q", pane, "took")
