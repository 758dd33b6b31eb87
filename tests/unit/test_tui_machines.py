"""Several machines in the dashboard: whose row it is, how fresh it is, what is old."""

from typing import Any

import pytest
from tui_world import NOW, view

from clawdforge.client.monitor_news import Everything, Machine, Removed, Updated
from clawdforge.core.observed.machines import as_stale, id_there, on_host
from clawdforge.core.observed.views import SessionView
from clawdforge.tui.board import Board
from clawdforge.tui.deciding import why_not
from clawdforge.tui.filters import Filter
from clawdforge.tui.frame import head_line
from clawdforge.tui.freshness import away_count, away_lines, freshness
from clawdforge.tui.looks import is_working, look, needs_person, silent_secs
from clawdforge.tui.rows import Paper, name_of, row_line
from clawdforge.tui.tree import project_name

LIVE = Machine(name="box", live=True, since=NOW - 60, heard_at=NOW - 1)
AWAY = Machine(
    name="box",
    since=NOW - 60,
    heard_at=NOW - 75,
    reason="it cannot be reached",
    hint="is it on?",
    retry_at=NOW + 8,
    tries=3,
)


def there(name: str, host: str = "box", **facts: Any) -> SessionView:
    return on_host(view(name, **facts), host)


def board(*news: Any) -> Board:
    made = Board()
    made.take(news, NOW)
    made.refresh()
    return made


def texts(of: Board, width: int = 120, *, plain: bool = False) -> list[str]:
    paper = Paper(width=width, now=NOW, plain=plain, machines=of.machines)
    return ["".join(span.text for span in row_line(row, of.sessions, paper)) for row in of.rows]


def test_the_same_id_on_two_machines_is_two_sessions() -> None:
    here, one, other = view("pending-47"), there("pending-47"), there("pending-47", "bax")
    assert len({here.id, one.id, other.id}) == 3
    assert {id_there(each) for each in (here, one, other)} == {"pending-47"}
    assert {name_of(each) for each in (here, one, other)} == {"47"}


def test_a_name_made_of_a_time_is_shortened_as_on_its_own_machine() -> None:
    name = "0199b2c4-5d6e-7f00-8000-0123456789ab"
    assert name_of(there(name)) == name_of(view(name))


def test_subagents_stay_with_their_parent_on_their_machine() -> None:
    parent = there("p", child_session_ids=["c"], project_root="/src/shop")
    child = there("c", parent_session_id="p", project_root="/src/shop")
    of = board(Everything((view("c", project_root="/src/shop"), parent, child)), LIVE)
    inside = {row.session_id: row.depth for row in of.rows if row.session_id}
    assert inside == {"c": 2, "box/p": 2, "box/c": 3}


def test_what_a_gateway_elsewhere_calls_a_session_means_nothing_here() -> None:
    told = there("a", session="s-1", source="gateway", status="working", heard=500.0)
    assert told.session is None
    assert silent_secs(told, NOW) is None


def test_machines_stand_above_projects_and_only_where_there_are_several() -> None:
    here, far = view("a", project_root="/src/shop"), there("b", project_root="/src/shop")
    alone = board(Everything((here,)))
    assert [row.kind for row in alone.rows] == ["project", "session"]
    both = board(Everything((here, far)), LIVE)
    assert [(row.kind, row.depth) for row in both.rows] == [
        ("machine", 0),
        ("project", 1),
        ("session", 2),
        ("machine", 0),
        ("project", 1),
        ("session", 2),
    ]
    assert both.rows[0].label == "this machine"
    assert both.rows[3].machine == "box"
    assert both.rows[0].machine is None


def test_folding_a_project_of_one_machine_leaves_its_namesake_open() -> None:
    here, far = view("a", project_root="/src/shop"), there("b", project_root="/src/shop")
    of = board(Everything((here, far)), LIVE)
    of.go(4)
    of.fold(closed=True)
    of.refresh()
    assert [row.session_id for row in of.rows if row.session_id] == ["a"]


def test_a_machine_without_sessions_is_shown_and_this_one_is_not() -> None:
    assert [row.label for row in board(LIVE).rows] == ["box"]


def test_a_machine_that_is_away_keeps_its_sessions_greyed_and_nobody_needs_you_there() -> None:
    asks = there("b", status="attention_needed", project_root="/src/shop")
    of = board(Everything((asks,)), LIVE)
    assert [row.kind for row in of.rows][:2] == ["need", "session"]
    of.take([AWAY, Updated(as_stale(asks))], NOW)
    of.refresh()
    assert [row.kind for row in of.rows] == ["machine", "project", "session"]
    old = of.sessions["box/b"]
    assert not needs_person(old)
    assert look(old).role == "faint"
    assert not is_working(as_stale(there("c", status="working")))
    line = texts(of)[0]
    assert "away for 1m: it cannot be reached, again in 8s" in line
    of.take([LIVE, Updated(asks)], NOW)
    of.refresh()
    assert of.rows[0].kind == "need"


def test_where_a_session_is_is_said_with_its_machine() -> None:
    assert project_name(there("b", project_root="/src/shop")) == "box:shop"
    of = board(Everything((there("b", status="attention_needed", cwd="/src/web"),)), LIVE)
    assert "box:web" in texts(of)[1]


def test_a_session_that_went_with_its_machines_monitor_is_gone() -> None:
    of = board(Everything((there("b"),)), LIVE, Removed("box/b"))
    assert not of.sessions


@pytest.mark.parametrize(
    ("machine", "words", "role"),
    [
        (Machine(name="b"), "○ connecting", "warn"),
        (LIVE, "● live", "good"),
        (Machine(name="b", live=True, heard_at=NOW - 40), "◐ heard of 40s ago", "warn"),
        (Machine(name="b", reason="no way", retry_at=NOW - 1), "○ no way, trying again", "bad"),
        (AWAY, "○ away for 1m: it cannot be reached, again in 8s", "bad"),
    ],
)
def test_how_fresh_a_picture_is(machine: Machine, words: str, role: str) -> None:
    assert freshness(machine, NOW) == (words, role)
    assert freshness(machine, NOW, plain=True).text.isascii()


def test_the_details_of_a_machine_say_what_to_do() -> None:
    lines = ["".join(span.text for span in line) for line in away_lines(AWAY, NOW, 60)]
    assert " is it on?" in lines
    assert any("Tried 3 times" in line for line in lines)
    connected = ["".join(span.text for span in line) for line in away_lines(LIVE, NOW, 60)]
    assert connected == [" ● live", " connected for 1m"]


def test_what_a_machine_says_cannot_write_to_the_terminal() -> None:
    evil = Machine(name="b", reason="a\x1b[2Jb\nc", heard_at=None)
    assert "\x1b" not in freshness(evil, NOW).text
    assert "\n" not in freshness(evil, NOW).text


def test_the_head_counts_machines() -> None:
    of = board(Everything((there("b"),)), AWAY)
    line = head_line(
        of.sessions,
        of.link,
        width=120,
        now=NOW,
        machines=(len(of.machines), away_count(of.machines)),
    )
    assert "1 session on 2 machines, 1 away" in "".join(span.text for span in line)


def test_filters_know_machines() -> None:
    here, far = view("a"), there("b")
    assert [one.id for one in (here, far) if Filter("host:box")(one)] == ["box/b"]
    assert [one.id for one in (here, far) if Filter("is:here")(one)] == ["a"]
    assert [one.id for one in (far, as_stale(far)) if Filter("is:stale")(one)] == ["box/b"]
    assert Filter("box")(far)


def test_why_something_cannot_be_done_there_is_said() -> None:
    assert why_not("jump", there("b", tmux_pane="%5")).endswith("ssh -t box tmux attach")
    assert why_not("send", as_stale(there("b"))) == "box is not heard of now"
    assert "a server on box drives it" in why_not("send", there("b", source="gateway"))
    assert why_not("kill", view("a")) == "it cannot be ended from here"
