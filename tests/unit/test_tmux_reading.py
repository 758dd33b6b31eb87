"""The open question on an agent's screen: real screens of Claude Code, and what looks like one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.tmux.questions import OpenQuestion
from clawdforge.tmux.reading import last_lines, open_question

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCREENS = FIXTURES / "claude-screens"
CURSOR = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
RULE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * 40


def screen(name: str) -> OpenQuestion:
    found = open_question((SCREENS / f"{name}.txt").read_text())
    assert found is not None
    return found


def labels(question: OpenQuestion) -> list[str]:
    return [option.label for option in question.options]


@pytest.mark.parametrize("name", ["idle", "busy"])
def test_where_a_prompt_can_be_typed_nothing_is_asked(name: str) -> None:
    assert open_question((SCREENS / f"{name}.txt").read_text()) is None


def test_a_permission_with_all_that_it_is_about() -> None:
    asked = screen("bash")
    assert asked.lines[0].strip() == "Bash command"
    assert "touch made-one" in asked.text
    assert asked.lines[-1].strip() == "Esc to cancel · Tab to amend"
    assert [one.number for one in asked.options] == [1, 2, 3, 4]
    assert (asked.cursor, asked.cancels, asked.kind) == (1, True, "menu")
    yes, no = asked.meaning(yes=True), asked.meaning(yes=False)
    assert yes is not None
    assert no is not None
    assert (yes.number, no.number) == (1, 4)
    assert asked.way(4) == 3


def test_options_that_are_wrapped_in_a_narrow_pane() -> None:
    asked = screen("bash-narrow")
    assert [one.number for one in asked.options] == [1, 2, 3, 4]
    assert labels(asked)[3] == "No"


def test_an_edit_with_numbers_in_the_file() -> None:
    asked = screen("edit")
    assert asked.lines[0].strip() == "Create file"
    assert labels(asked)[0] == "Yes"
    assert len(asked.options) == 3


def test_the_cursor_does_not_make_another_question_of_it() -> None:
    assert screen("ask").topic == screen("ask-second").topic
    assert screen("ask-second").cursor == 2
    assert screen("edit").topic == screen("edit-amend").topic
    assert screen("ask-several-ticks").topic != screen("ask-several-first").topic
    assert screen("bash").topic != screen("bash-narrow").topic


def test_a_question_with_its_own_answers_has_no_yes() -> None:
    asked = screen("ask")
    assert labels(asked) == ["Red", "Green", "Blue", "Type something.", "Chat about this"]
    assert asked.meaning(yes=True) is None
    assert asked.lines[0].strip() == "☐ Colour"


def test_answers_that_are_ticked_and_the_button_below_them() -> None:
    asked, ticked = screen("ask-several-ticks"), screen("ask-several-ticked")
    assert [one.ticked for one in asked.options] == [False, False, False, None]
    assert [one.ticked for one in ticked.options] == [True, False, False, None]
    assert asked.steps == (1, 2, 3, 0, 4)
    assert asked.way(4) == 4
    assert labels(screen("ask-several-submit")) == ["Submit answers", "Cancel"]
    on_button = (SCREENS / "ask-several-ticked.txt").read_text()
    on_button = on_button.replace(f"{CURSOR} 1.", "  1.").replace(
        "     Submit", f"{CURSOR}    Submit"
    )
    found = open_question(on_button)
    assert found is not None
    assert found.cursor is None
    assert found.way(1) == -3
    assert found.way(4) == 1


def test_a_plan() -> None:
    asked = screen("plan")
    assert asked.lines[0].strip() == "Exit plan mode?"
    assert len(asked.options) == 2
    assert not asked.cancels


def test_trust_has_no_numbers_and_its_yes_is_not_the_first() -> None:
    asked = screen("trust")
    assert labels(asked) == ["No, exit", "Yes, I trust this folder"]
    yes = asked.meaning(yes=True)
    assert yes is not None
    assert (yes.number, asked.cursor) == (2, 1)


def test_a_menu_of_settings() -> None:
    asked = screen("model")
    assert len(asked.options) == 5
    assert asked.lines[0].strip() == "Select model"


def test_codex_asks() -> None:
    asked = open_question((FIXTURES / "codex-screens" / "command.txt").read_text())
    assert asked is not None
    assert asked.lines[0].strip() == "Would you like to run the following command?"
    assert [asked.cursor, len(asked.options), asked.cancels] == [1, 3, True]
    no = asked.meaning(yes=False)
    assert no is not None
    assert no.number == 3


@pytest.mark.parametrize("name", ["idle", "busy"])
def test_codex_takes_prompts(name: str) -> None:
    assert open_question((FIXTURES / "codex-screens" / f"{name}.txt").read_text()) is None


@pytest.mark.parametrize(
    "text",
    [
        f"{RULE}\n{CURSOR} 1. Yes\n  2. No\n{RULE}\n{CURSOR}\n{RULE}\n  ready",
        f"{CURSOR} 1. Yes\n  2. No\nuser@host:~$ ",
        "1. first\n2. second\n",
        "\u203a 1. mend the cart\n\n  gpt-5-codex · ~/work\n",
        f"{CURSOR} 1. Yes\n{CURSOR} 2. No\n",
        f"{CURSOR} 2. Yes\n  3. No\n",
        f"{CURSOR} hello\n",
        "Continue? (y/n) y\nok\n$ ",
        "",
        "\n\n",
        f"{CURSOR} 1. Yes\n" + "\n" * 20 + "  2. No",
    ],
)
def test_what_only_looks_like_a_question(text: str) -> None:
    assert open_question(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Add it? (Y)es/(N)o/(D)on't ask again [Yes]: ",
        "Run shell command? (y/n)",
        "Overwrite? [y/N] ",
        "Go on (yes/no)?",
    ],
)
def test_yes_or_no(text: str) -> None:
    asked = open_question(f"before\n\nsome words\n{text}")
    assert asked is not None
    assert asked.kind == "yes_no"
    assert asked.lines[0] == "some words"


def test_menus_of_other_agents() -> None:
    framed = (
        "╭─────────────────────────╮\n│ Allow execution of: 'ls'? │\n│                         │\n"
        "│ ● 1. Yes, allow once     │\n│   2. Yes, allow always   │\n│   3. No (esc)            │\n"
        "╰──────────────────────────╯\n"
    )
    asked = open_question(framed)
    assert asked is not None
    assert labels(asked) == ["Yes, allow once", "Yes, allow always", "No (esc)"]
    assert asked.lines[0].strip() == "Allow execution of: 'ls'?"
    pointed = (
        "  Would you like to run it?\n\n\u203a 1. Yes, proceed (y)\n  2. No (esc)\n\n"
        "  Press enter to confirm or esc to cancel"
    )
    asked = open_question(pointed)
    assert asked is not None
    assert asked.cursor == 1
    assert asked.cancels


@given(st.text(f" \n{CURSOR}123.)[]YesNo─╭│(/ny)", max_size=300))
def test_any_screen_is_read_without_an_error(text: str) -> None:
    asked = open_question(text)
    if asked is not None:
        assert asked.options
        assert asked.topic is not None
        for option in asked.options:
            asked.way(option.number)


def test_the_last_lines() -> None:
    assert last_lines("\n".join(map(str, range(30))) + "\n\n") == "\n".join(map(str, range(15, 30)))
