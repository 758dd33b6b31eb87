"""What stands in the dashboard's rows, details and frame."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tui_world import DRIVEN, HOUR, NOW, question, view, world

from clawdforge.client import PermissionInfo
from clawdforge.core.observed.views import Evidence, SessionView
from clawdforge.tui import frame
from clawdforge.tui.board import Link
from clawdforge.tui.details import group_lines, session_lines, summary_lines
from clawdforge.tui.keys import SECTIONS, TERMINAL, shown
from clawdforge.tui.looks import doing, needs_person, silent_secs, state_of
from clawdforge.tui.rows import Paper, heading, name_of, row_line, title
from clawdforge.tui.spans import Line, Span, cut, cut_start, fitted, spread, width_of, wrapped
from clawdforge.tui.times import lasting, moment, since
from clawdforge.tui.tree import Row, build


def text(line: Line) -> str:
    return "".join(span.text for span in line)


def row_text(one: SessionView, width: int = 120, **facts: object) -> str:
    row = Row(("session", one.id), "session", 1, session_id=one.id)
    paper = Paper(width=width, now=NOW, **facts)  # type: ignore[arg-type]
    return text(row_line(row, {one.id: one}, paper))


# --- states and times -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secs", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (3900, "1h05"),
        (12 * HOUR, "12h"),
        (47 * HOUR, "47h"),
        (72 * HOUR, "3d"),
        (9e9, "999d"),
        (None, ""),
    ],
)
def test_lengths_of_time_take_four_characters_at_most(secs: float | None, text: str) -> None:
    assert lasting(secs) == text
    assert len(text) <= 4


def test_times_of_other_daemons_are_read_too_and_nonsense_is_none() -> None:
    assert moment("2026-05-04T09:12:44.120394817+00:00") == moment("2026-05-04T09:12:44.120394Z")
    assert moment("") is None
    assert moment("yesterday") is None
    assert since("2026-05-04T09:12:44+00:00", 0.0) == 0.0  # a clock that is behind


def test_each_state_has_words_of_its_own() -> None:
    assert doing(view("a", status="working")) == "works"
    assert doing(view("a", status="working", activity_detail="Thinking")) == "thinks"
    assert doing(view("a", status="working", state="tool", activity_detail="Bash")) == "Bash"
    assert doing(view("a", status="attention_needed")) == "asks"
    assert doing(view("a", status="attention_needed"), "Bash") == "asks: Bash"
    assert doing(view("a", status="attention_needed", state="input")) == "asks you"
    plan = view("a", status="attention_needed", state="input", activity_detail="ExitPlanMode")
    assert doing(plan) == "has a plan"
    assert doing(view("a", state="hibernated")) == "asleep"
    assert doing(view("a", state="brandnew")) == "brandnew"


def test_a_daemon_that_tells_no_finer_state_is_understood() -> None:
    told = view("a", status="attention_needed")
    old = msgspec.structs.replace(told, state="", state_since="")
    assert state_of(old) == "attention_needed"
    assert needs_person(old)
    assert "needs you" in row_text(old)


def test_a_full_context_alone_needs_nobody() -> None:
    full = view("a", context_used=190_000)
    assert full.context_critical
    assert not needs_person(full)


def test_work_without_a_sign_of_life_is_called_silent() -> None:
    quiet = view("a", status="working", heard=300)
    assert silent_secs(quiet, NOW) == 300
    assert "silent" in row_text(quiet)
    assert silent_secs(view("a", status="working", heard=5), NOW) is None
    tool = view("a", status="working", state="tool", heard=300)
    assert silent_secs(tool, NOW) is None
    driven = view("a", status="working", heard=300, session="a")
    assert silent_secs(driven, NOW) is None


# --- rows -------------------------------------------------------------------------------------


def test_times_count_on_by_the_own_clock() -> None:
    one = view("a", heard=4, for_secs=50)
    early = row_text(one)
    row = Row(("session", "a"), "session", 1, session_id="a")
    late = text(row_line(row, {"a": one}, Paper(width=120, now=NOW + 3600)))
    assert " 50s" in early
    assert "  4s" in early
    assert " 1h" in late
    assert "long ago" not in late


def test_a_session_is_named_by_its_first_prompt_else_by_its_agent() -> None:
    assert title(view("abcdefgh-1", first_prompt="do\nit")) == "do it"
    assert title(view("abcdefgh-1", agent="codex")) == "codex abcdefgh"
    assert title(view("pending-41200")) == "claude 41200"


def test_ids_that_begin_with_the_time_are_cut_later() -> None:
    assert name_of(view("01a1fdeb-e070-73ce-b0be-136f552d455b")) == "01a1fdeb-e070"


@pytest.mark.parametrize("width", [20, 34, 48, 66, 80, 100, 140, 220])
def test_rows_are_exactly_as_wide_as_they_may_be(width: int) -> None:
    sessions = {one.id: one for one in world()}
    for plain in (False, True):
        paper = Paper(width=width, now=NOW, plain=plain)
        for row in build(sessions.values()):
            line = row_line(row, sessions, paper)
            assert width_of(line) <= width
            assert not plain or text(line).replace("…", ".").isascii()
    assert width_of(heading(width)) == width


def test_a_folded_group_says_what_is_in_it() -> None:
    sessions = {one.id: one for one in world()}
    rows = build(sessions.values(), folded={("project", "/home/ana/src/shop")})
    row = next(row for row in rows if row.label == "shop")
    shown = text(row_line(row, sessions, Paper(width=120, now=NOW)))
    assert "▸ shop" in shown
    assert "(3)" in shown
    assert "! 1" in shown
    assert "$4.98" in shown


def test_what_is_searched_for_is_marked() -> None:
    one = view("a", first_prompt="mend the Cart")
    row = Row(("session", "a"), "session", 1, session_id="a")
    line = row_line(row, {"a": one}, Paper(width=100, now=NOW, search="cart"))
    assert [span.text for span in line if "found" in span.role] == ["Cart"]


def test_a_session_that_is_gone_leaves_an_empty_row() -> None:
    row = Row(("session", "a"), "session", 1, session_id="a")
    assert row_line(row, {}, Paper(width=80, now=NOW)) == ()


EVIL = "\x1b]0;pwned\x07\x1b[2J\r\n\u202eevil\u200b\x9b31m"


def test_no_text_of_a_session_reaches_the_screen_as_it_is() -> None:
    one = view(
        "a" + EVIL,
        status="attention_needed",
        first_prompt=EVIL,
        activity_detail=EVIL,
        model=EVIL,
        agent=EVIL,
        agent_type=EVIL,
        app=EVIL,
        project_root="/" + EVIL,
        worktree_branch=EVIL,
        cwd=EVIL,
        tmux_pane=EVIL,
        state=EVIL,
    )
    asked = question(tool=EVIL, title=EVIL, args={"command": EVIL, EVIL: EVIL})
    lines = [
        *(row_line(row, {one.id: one}, Paper(width=140, now=NOW)) for row in build([one])),
        *session_lines(one, width=80, now=NOW, questions=[asked]),
        *session_lines(one, width=80, now=NOW, questions=[asked], brief=True),
        *summary_lines(one, width=30, now=NOW, questions=[asked]),
        *(line for row in build([one]) for line in group_lines(row, {one.id: one}, 80)),
        *frame.empty_lines(Link(reason=EVIL), width=60, filtered="", path=EVIL),
        frame.head_line({one.id: one}, Link(live=True), width=140, now=NOW, filtered=EVIL),
    ]
    for line in lines:
        for span in line:
            assert span.text.isprintable(), repr(span.text)


# --- details ----------------------------------------------------------------------------------


def facts(one: SessionView, *asked: PermissionInfo, **how: object) -> str:
    lines = session_lines(one, width=90, now=NOW, questions=asked, **how)  # type: ignore[arg-type]
    assert all(width_of(line) <= 90 for line in lines)
    return "\n".join(map(text, lines))


def test_the_details_say_what_is_known_and_nothing_else() -> None:
    shown = facts(world()[0])
    assert "shop/main  5b0e1c2d" in shown
    assert "Bash  for 12s" in shown
    assert "43.0% (86K/200K)" in shown
    assert "+150 -30 lines" in shown
    assert "at work for 15m" in shown
    assert "%5" in shown
    assert "because  hook: PreToolUse: working  12s before" in shown
    assert "app" not in shown


def test_the_details_show_exactly_what_is_asked() -> None:
    driven = next(one for one in world() if one.id == DRIVEN)
    shown = facts(driven, question())
    assert "wants to use Bash  39s left" in shown
    assert "▌ git push --force origin release" in shown


def test_disputed_evidence_is_called_so() -> None:
    one = view("a", evidence=(Evidence(signal="hook", says="x", age_ms=9, contradicts=True),))
    assert "hook: x  0s before, disputed" in facts(one)


def test_a_sidebar_has_the_same_in_short() -> None:
    driven = next(one for one in world() if one.id == DRIVEN)
    lines = summary_lines(driven, width=30, now=NOW, questions=[question()])
    assert all(width_of(line) <= 30 for line in lines)
    assert any("git push --force" in text(line) for line in lines)


# --- frame ------------------------------------------------------------------------------------


def test_the_head_counts() -> None:
    sessions = {one.id: one for one in world()}
    shown = text(frame.head_line(sessions, Link(live=True), width=140, now=NOW))
    assert "● live   8 sessions   3 working   2 need you" in shown
    assert "$12.5  context 37%" in shown
    one = {"a": view("a", status="attention_needed")}
    assert "1 session   1 needs you" in text(frame.head_line(one, Link(live=True), width=90, now=0))


def test_the_head_says_when_the_monitor_is_tried_again() -> None:
    lost = Link(reason="none runs", retry_at=NOW + 3, tries=2)
    assert "no monitor, again in 3s" in text(frame.head_line({}, lost, width=90, now=NOW))
    assert "connecting" in text(frame.head_line({}, Link(), width=90, now=NOW))


def test_the_foot_offers_what_can_be_done_now() -> None:
    shown = text(frame.foot_line({"allow", "deny"}, width=100))
    assert "a allow   D deny" in shown
    assert "interrupt" not in shown
    assert shown.endswith("? help ")
    assert "a allow" not in text(frame.foot_line((), width=100))
    narrow = text(frame.foot_line({"allow", "deny"}, width=30))
    assert cell_len(narrow) == 30
    assert narrow.endswith("? help ")


def test_the_help_names_every_key_and_fits() -> None:
    lines = frame.help_lines(TERMINAL, width=74)
    whole = "\n".join(map(text, lines))
    assert all(width_of(line) <= 74 for line in lines)
    for binding in (*TERMINAL, *(one for section in SECTIONS.values() for one in section)):
        for keys in binding.keys:
            assert shown(keys) in whole


# --- lines ------------------------------------------------------------------------------------

WORDS = st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs", "So", "Mn"]), max_size=80)


@given(WORDS, st.integers(0, 40))
def test_a_cut_text_is_never_wider(words: str, cells: int) -> None:
    assert cell_len(cut(words, cells)) <= cells


@given(WORDS, st.integers(-3, 40))
def test_of_a_long_path_the_end_is_kept(words: str, cells: int) -> None:
    short = cut_start(words, cells)
    assert cell_len(short) <= max(cells, 0)
    assert short == words or words.endswith(short[1:])


@given(st.text(max_size=200), st.integers(4, 40))
def test_wrapped_lines_are_never_wider_and_lose_no_letter(words: str, cells: int) -> None:
    lines = wrapped(words, cells)
    assert all(cell_len(line) <= cells for line in lines)
    assert "".join("".join(lines).split()) == "".join(words.split())


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=2), st.integers(1, 60))
def test_both_ends_of_a_line_fit(left: list[str], right: list[str], cells: int) -> None:
    line = spread([Span(one) for one in left], [Span(one) for one in right], cells)
    assert width_of(line) <= cells
    assert width_of(fitted([Span(one) for one in left], cells)) <= cells


def test_indented_text_stays_indented() -> None:
    assert wrapped("    one two three", 10) == ["    one", "    two", "    three"]
    assert wrapped("one  two three four", 8) == ["one  two", "three", "four"]
