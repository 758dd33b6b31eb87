"""Which session is meant by the words of a command line."""

from typing import Any

import pytest
from made_views import made_view

from clawdforge.cli.targets import Target, names_pane, session_named
from clawdforge.core.observed.views import SessionView
from clawdforge.errors import InputError


def view(session_id: str, **facts: Any) -> SessionView:
    told = {"status": "idle", "started_at": 1.0, "last_activity": 1.0} | facts
    return made_view(now=2.0, id=session_id, **told)


A = view("5b0e1c2d-0001", project_root="/src/web", pid=41, tmux_pane="%5", agent="claude")
B = view("5b0e9999-0002", project_root="/src/shop", pid=42, agent="claude")
C = view("c0ffee00-0003", project_root="/src/shop", session="c0ffee00-0003", app="bot")
D = view("pending-4242", project_root="/src/5b", agent_session_id="dddd-1")
SUB = view("abcd-1", project_root="/src/web", parent_session_id="5b0e1c2d-0001")
ALL = (A, B, C, D, SUB)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("5b0e1", A),
        ("5b0e1c2d-0001", A),
        ("c0", C),
        ("41", A),
        ("pending-4242", D),
        ("4242", D),
        ("dddd", D),
        ("web", A),
    ],
)
def test_a_session_is_named_by_any_beginning_its_process_or_its_project(
    given: str, found: SessionView
) -> None:
    assert session_named(ALL, given) is found


def test_nothing_and_several_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="No session matching 'zz'") as caught:
        session_named(ALL, "zz")
    assert caught.value.hint is not None
    assert "clawdforge ps" in caught.value.hint
    with pytest.raises(InputError, match="Ambiguous target '5b0e' matches 2 sessions: 5b0e1c2d"):
        session_named(ALL, "5b0e")
    with pytest.raises(InputError, match="Ambiguous target 'shop' matches 2 sessions"):
        session_named(ALL, "shop")
    with pytest.raises(InputError, match="matches 3 sessions"):
        session_named(ALL, "5b")  # also a project's whole name
    with pytest.raises(InputError, match="No session"):
        session_named(ALL, "")


def test_panes_are_known_by_their_looks() -> None:
    assert names_pane("%5")
    assert names_pane("work:%15")
    assert not names_pane("5b0e")
    assert not names_pane("%")
    assert not names_pane("100%")


def test_who_has_no_pane_is_told_what_to_do() -> None:
    with pytest.raises(InputError, match="Session 5b0e9999 has no tmux pane") as caught:
        Target(given="5b", view=B, pane=None, environ={}).need_pane()
    assert caught.value.code == "no_pane"
    driven = Target(given="c0", view=C, pane=None, environ={})
    assert driven.driven == "c0ffee00-0003"
    with pytest.raises(InputError) as caught:
        driven.need_pane()
    assert caught.value.hint is not None
    assert "clawdforge chat --session c0ffee00-0003" in caught.value.hint
