"""The screen of a pane as lines of the dashboard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from tui_world import PANE

from clawdforge.tui.palettes import DARK
from clawdforge.tui.pane import MAX_LINES, screen_lines
from clawdforge.tui.spans import Span


def one(text: str) -> list[Span]:
    lines = screen_lines(text)
    return list(lines[0]) if lines else []


def style_of(text: str) -> Style:
    """How the last piece of a line looks."""
    return DARK.style(one(text)[-1].role)


def test_texts_stay_and_blank_lines_at_the_end_go() -> None:
    lines = screen_lines(PANE)
    texts = ["".join(span.text for span in line) for line in lines]
    assert texts[0] == "✻ Running the cart's tests… (42s · esc to interrupt)"
    assert texts[1] == ""
    assert texts[-1].startswith("\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}")


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ("1", "bold"),
        ("2", "dim"),
        ("3;4", "italic underline"),
        ("4:3", "underline"),
        ("4;4:0", "none"),
        ("7;9", "reverse strike"),
        ("1;22;3;23", "none"),
        ("31", "color(1)"),
        ("97", "color(15)"),
        ("42", "on color(2)"),
        ("103", "on color(11)"),
        ("38;5;174", "color(174)"),
        ("48;5;52", "on color(52)"),
        ("38;2;78;186;101", "#4eba65"),
        ("38:2::78:186:101", "#4eba65"),
        ("38:5:9", "color(9)"),
        ("1;38;2;1;2;3;48;5;4;4", "bold underline #010203 on color(4)"),
        ("58;5;9;31", "color(1)"),
        ("31;0", "none"),
        ("31;", "none"),
        ("31;39", "none"),
        ("42;49;1", "bold"),
        ("38;5", "color(0)"),
        ("38;5;999", "none"),
        ("38;9;1", "bold"),
        ("99999999999", "none"),
    ],
)
def test_colours_and_attributes_are_kept(codes: str, wanted: str) -> None:
    assert style_of(f"\x1b[{codes}mtext") == Style.parse(wanted)


def test_colours_go_on_over_the_end_of_a_line() -> None:
    lines = screen_lines("\x1b[31mone\ntwo\x1b[mthree")
    assert [span.role for span in lines[1]] == ["color(1)", ""]


def test_lines_are_drawn_as_lines() -> None:
    assert one("\x0elqqk\x0f lqqk") == [Span("┌──┐"), Span(" lqqk")]


def test_what_could_steer_a_terminal_is_taken_out() -> None:
    text = "a\x1b[2Jb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x1bPq\x1b\\e\x1b(Bf\x08g\u202eh\x9bi"
    found = "".join(span.text for span in one(text))
    assert found == "abcdef\ufffdg\ufffdh\ufffdi"


def test_blanks_of_any_kind_are_blanks() -> None:
    assert one(">\xa0a\u3000b")[0].text == "> a  b"


def test_blank_colour_at_the_end_of_a_line_stays_and_blanks_go() -> None:
    assert one("x\x1b[48;5;52m   ")[-1].text == "   "
    assert one("x\x1b[31m   ") == [Span("x")]


@given(st.text(alphabet=st.sampled_from("\x1b[]0123456789;:mJ\x0e\x0fa \n\t\x07\\")))
def test_whatever_comes_there_are_harmless_lines_that_can_be_drawn(text: str) -> None:
    for line in screen_lines(text):
        for span in line:
            assert span.text.isprintable()
            DARK.style(span.role)


def test_no_screen_is_endless() -> None:
    assert len(screen_lines("x\n" * 10_000)) == MAX_LINES
