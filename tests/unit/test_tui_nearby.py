"""Only the sessions of one place."""

from tui_world import Everything, Lost, Removed, Updated, view

from clawdforge.tui.nearby import Nearby

HERE, THERE = view("here", tmux_pane="%1"), view("there", tmux_pane="%2")
CHILD = view("child", parent_session_id="here")


def settled(*names: str) -> Nearby:
    made = Nearby()
    made.take([Everything((HERE, THERE, CHILD))])
    made.settle(names)
    made.is_stale = False
    return made


def test_nobody_is_shown_before_it_is_known_who_is_inside() -> None:
    made = Nearby()
    assert made.take([Everything((HERE, THERE))]) == [Everything(())]
    assert made.is_stale
    assert made.settle(["here"]) == [Updated(HERE)]


def test_subagents_are_where_their_parents_are() -> None:
    made = Nearby()
    made.take([Everything((HERE, THERE, CHILD))])
    assert made.settle(["here"]) == [Updated(HERE), Updated(CHILD)]


def test_news_of_others_are_not_told() -> None:
    made = settled("here")
    assert made.take([Updated(THERE), Updated(HERE), Removed("there")]) == [
        Updated(HERE),
        Removed("there"),
    ]


def test_who_comes_or_has_another_pane_has_to_be_looked_for() -> None:
    news = (HERE, view("here", tmux_pane="%7"), view("new"))
    stale = []
    for one in news:
        made = settled("here")
        made.take([Updated(one)])
        stale.append(made.is_stale)
    assert stale == [False, True, True]


def test_who_goes_elsewhere_is_gone() -> None:
    made = settled("here", "there")
    assert made.settle(["there"]) == [Removed("child", "elsewhere"), Removed("here", "elsewhere")]


def test_a_monitor_that_comes_back_tells_of_those_inside() -> None:
    made = settled("there")
    lost = Lost("gone", 1.0, 1)
    assert made.take([lost, Everything((HERE, THERE))]) == [lost, Everything((THERE,))]


def test_a_ring_of_parents_has_an_end() -> None:
    made = Nearby()
    one, other = view("a", parent_session_id="b"), view("b", parent_session_id="a")
    assert made.take([Everything((one, other))]) == [Everything(())]
