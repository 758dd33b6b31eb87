"""What the dashboard knows, and where its cursor goes."""

import msgspec
from tui_world import DRIVEN, NOW, Discovered, Everything, Lost, Removed, Updated, view, world

from clawdforge.core.observed.views import SessionView
from clawdforge.tui.board import Board
from clawdforge.tui.filters import Filter
from clawdforge.tui.tree import NEED

SHOP_AGENT = "5b0e1c2d-aaaa-4000-8000-00000000000a"


def board(*views: SessionView) -> Board:
    made = Board()
    made.take([Everything(views or tuple(world()))], NOW)
    made.refresh()
    return made


def asking(name: str) -> SessionView:
    return view(name, status="attention_needed", project_root="/src/web")


def at(made: Board, name: str) -> Board:
    """With the cursor on a session in the tree."""
    made.go(next(i for i, row in enumerate(made.rows) if row.key == ("session", name)))
    return made


# --- news -------------------------------------------------------------------------------------


def test_the_cursor_begins_on_the_session_that_has_waited_longest() -> None:
    assert board().key == ("need", "91c3d0e4-cccc-4000-8000-00000000000c")


def test_without_anybody_in_need_it_begins_on_the_first_session() -> None:
    assert board(view("a")).key == ("session", "a")


def test_figures_that_change_make_no_rows_anew() -> None:
    made = board()
    one = made.sessions[SHOP_AGENT]
    made.take([Updated(msgspec.structs.replace(one, cost_usd=9.0, state="working"))], NOW)
    assert made.refresh() is None
    assert made.sessions[SHOP_AGENT].cost_usd == 9.0


def test_a_session_that_moves_is_shown_where_it_is_now() -> None:
    made = board()
    one = made.sessions[SHOP_AGENT]
    made.take([Updated(msgspec.structs.replace(one, project_root="/elsewhere"))], NOW)
    assert made.refresh() is not None
    assert "elsewhere" in [row.label for row in made.rows]


def test_a_lost_monitor_leaves_the_last_picture_and_says_when_it_is_tried_again() -> None:
    made = board()
    made.take([Lost("none runs", 2.0, 3)], NOW)
    assert len(made.sessions) == 8
    assert (made.link.live, made.link.retry_at, made.link.tries) == (False, NOW + 2, 3)
    made.take([Everything(())], NOW)
    assert made.link.live
    assert not made.sessions


def test_what_was_found_is_said() -> None:
    made = board()
    made.take([Discovered(1, 0)], NOW)
    assert made.found == "1 agent runs on this machine"
    made.take([Discovered(3, 1)], NOW)
    assert made.found == "3 agents run on this machine; no room for 1"


# --- the cursor -------------------------------------------------------------------------------


def test_the_cursor_stays_on_its_session_when_others_come_and_go() -> None:
    made = at(board(view("b", project_root="/src/web")), "b")
    made.take([Updated(asking("a"))], NOW)
    assert made.refresh() == 3
    assert made.key == ("session", "b")
    made.take([Removed("a")], NOW)
    assert made.refresh() == -3
    assert made.key == ("session", "b")


def test_when_one_is_answered_the_cursor_is_on_the_next_that_needs_a_person() -> None:
    made = board(asking("a"), asking("b"), asking("c"))
    made.go(1)
    first = made.chosen
    assert first is not None
    made.take([Updated(msgspec.structs.replace(first, status="working"))], NOW)
    made.refresh()
    assert made.cursor == 1
    assert made.key == ("need", "b")


def test_the_cursor_does_not_leave_the_rows() -> None:
    made = board()
    made.go(-5)
    assert made.cursor == 0
    made.step(1000)
    assert made.cursor == len(made.rows) - 1
    made.take([Everything(())], NOW)
    made.refresh()
    assert made.cursor == 0
    assert made.row is None
    assert made.chosen is None


def test_hopping_goes_round_those_that_need_a_person() -> None:
    made = board()
    seen = []
    for _ in range(4):
        made.hop()
        assert made.chosen is not None
        seen.append(made.chosen.id)
    assert DRIVEN in seen
    made.hop(back=True)
    assert not board(view("a")).hop()
    assert not Board().hop()


# --- search and filter ------------------------------------------------------------------------


def test_a_search_goes_to_what_fits_from_the_cursor_on() -> None:
    made = board()
    assert made.look_for("subnet")
    assert made.chosen is not None
    assert made.chosen.first_prompt == "move the runners to the new subnet"
    assert made.look_for("handbook")
    assert made.row is not None
    assert made.row.label == "handbook"
    assert not made.look_for("nowhere to be found")
    assert made.look_for("")


def test_hopping_goes_on_with_what_is_searched_for() -> None:
    made = board()
    made.look_for("runners")
    here = made.cursor
    made.hop()
    assert made.cursor == here  # the only one


def test_a_filter_shows_only_what_fits_also_when_that_changes() -> None:
    made = board()
    made.narrow("is:working")
    made.refresh()
    shown = {row.session_id for row in made.rows if row.session_id}
    assert len(shown) == 3
    one = made.sessions[SHOP_AGENT]
    made.take([Updated(msgspec.structs.replace(one, status="idle"))], NOW)
    made.refresh()
    assert SHOP_AGENT not in {row.session_id for row in made.rows}


def fitting(text: str) -> int:
    return sum(map(Filter(text), world()))


def test_words_of_a_filter() -> None:
    assert fitting("") == 8
    assert fitting("   ") == 8
    assert fitting("SHOP") == 3
    assert fitting("shop !checkout") == 2
    assert fitting("is:needs") == 2
    assert fitting("is:needs is:driven") == 1
    assert fitting("is:idle") == 3
    assert fitting("is:error") == 1
    assert fitting("is:hand is:full") == 1
    assert fitting("app:ci") == 2
    assert fitting("model:haiku") == 1
    assert fitting("branch:main !is:working") == 2
    assert fitting("agent:codex") == 1
    assert fitting("pane:%5") == 1
    assert fitting("id:5b0e") == 1
    assert fitting("project:infra") == 2
    assert fitting("nothing:of") == 0
    assert fitting("!") == 0


# --- folds ------------------------------------------------------------------------------------


def test_closing_an_agent_closes_what_it_is_in() -> None:
    made = at(board(), SHOP_AGENT)
    made.fold(closed=True)  # its subagents
    made.refresh()
    assert made.row is not None
    assert made.row.folded
    made.fold(closed=True)  # the worktree
    made.refresh()
    assert made.row is not None
    assert (made.row.label, made.row.folded) == ("main", True)
    made.fold(closed=True)  # the project
    made.refresh()
    assert made.row is not None
    assert made.row.label == "shop"
    made.fold(closed=False)
    made.refresh()
    assert "main" in [row.label for row in made.rows]


def test_all_can_be_closed_and_opened() -> None:
    made = at(board(), SHOP_AGENT)
    made.fold_all(closed=True)
    made.refresh()
    assert [row.label for row in made.rows if row.is_group] == [
        "needs you",
        "handbook",
        "infra",
        "shop",
        "app ci",
    ]
    assert made.row is not None
    assert made.row.label == "shop"
    made.fold_all(closed=False)
    made.refresh()
    assert SHOP_AGENT in {row.session_id for row in made.rows}


def test_those_that_need_a_person_cannot_be_folded_away() -> None:
    made = board()
    made.go(0)
    assert made.key == NEED
    made.fold(closed=True)
    made.go(1)
    made.fold(closed=True)
    made.fold_all(closed=True)
    made.refresh()
    assert made.rows[1].key[0] == "need"
