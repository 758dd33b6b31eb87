"""All sessions in a few figures, and in a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_views import made_view

from clawdforge.core.observed.figures import (
    MAX_DEPTH,
    NAMES,
    Figures,
    figures_of,
    status_line,
)
from clawdforge.core.observed.views import ATTENTION, IDLE, WORKING, SessionView


def view(number: int, status: str, state: str = "", micros: int = 0) -> SessionView:
    return made_view(
        now=100.0,
        id=f"s-{number}",
        status=status,
        state=state,
        started_at=1.0,
        last_activity=2.0,
        cost_microusd=micros,
    )


FEW = Figures(sessions=4, working=1, idle=2, waiting=1, cost_microusd=4_200_000)


def test_the_line_is_as_atm_status_has_it() -> None:
    assert status_line(FEW) == "3↑ 1! $4.20"
    assert status_line(Figures(sessions=2, working=2)) == "2↑ $0.00"


def test_every_session_is_counted_once_and_sleepers_are_not_active() -> None:
    views = [
        view(1, WORKING, "tool", 1_000_000),
        view(2, IDLE, "idle", 500_000),
        view(3, IDLE, "hibernated", 250_000),
        view(4, ATTENTION, "permission"),
        view(5, IDLE, "scheduled"),
    ]
    found = figures_of(views)
    assert found == Figures(
        sessions=5, working=1, idle=2, asleep=1, waiting=1, cost_microusd=1_750_000
    )
    assert found.active == 3


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "0.00"),
        (4_999, "0.00"),
        (5_000, "0.01"),
        (994_999, "0.99"),
        (12_345_678_000, "12345.68"),
    ],
)
def test_cost_is_rounded_to_cents(micros: int, shown: str) -> None:
    assert status_line(Figures(cost_microusd=micros), "{cost}") == shown


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ("{waiting:{waiting} wait, }{sessions} in all", "1 wait, 4 in all"),
        ("{asleep:{asleep} sleep}", ""),
        ("{cost:$}{asleep: z}{idle:{working:both}}", "$both"),
        ("#[fg=red]{waiting}#[default]", "#[fg=red]1#[default]"),
        ("{unknown} {} { } {waiting", "{unknown} {} { } {waiting"),
        ("}{waiting}}", "}1}"),
        ("", ""),
    ],
)
def test_shapes_are_filled(shape: str, line: str) -> None:
    assert status_line(FEW, shape) == line


@given(st.lists(st.sampled_from(["{", "}", ":", "waiting", "asleep", "cost", "é", " "])))
def test_no_shape_does_harm(parts: list[str]) -> None:
    line = status_line(FEW, "".join(parts))
    assert len(line) <= len("".join(parts)) + 4 * len(parts)


def test_nested_shapes_end_somewhere() -> None:
    deep = "{idle:" * 40 + "x" + "}" * 40
    assert "x" in status_line(FEW, deep)
    assert status_line(FEW, "{idle:" * MAX_DEPTH + "x" + "}" * MAX_DEPTH) == "x"


def test_all_names_are_figures() -> None:
    assert status_line(FEW, " ".join(f"{{{name}}}" for name in NAMES)) == "3 1 1 2 0 4 4.20"
