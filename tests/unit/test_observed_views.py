"""What is shown of a session: field by field, format by format, as atmd 0.2.2 does it."""

import math
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_views import made_view

from clawdforge.core.observed.formats import (
    format_age,
    format_duration,
    format_money,
    format_time,
    format_tokens,
    microusd,
    short_id,
    short_path,
)
from clawdforge.core.observed.names import agent_type_name, model_name
from clawdforge.core.observed.views import Evidence, SessionView

NOON = 1_777_896_000.0
"""2026-05-04T12:00:00Z."""


# --- formats ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0K"),
        (5000, "5.0K"),
        (9999, "10.0K"),
        (10_000, "10K"),
        (43_999, "43K"),
        (999_999, "999K"),
        (1_000_000, "1.0M"),
        (1_500_000, "1.5M"),
        (2**64 - 1, "18446744073709.6M"),
    ],
)
def test_tokens(count: int, shown: str) -> None:
    assert format_tokens(count) == shown


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0.0, "$0.00"),
        (0.005, "$0.0050"),
        (0.000001, "$0.0000"),
        (0.01, "$0.01"),
        (0.35, "$0.35"),
        (9.99, "$9.99"),
        (9.999, "$10.00"),
        (10.0, "$10.0"),
        (12.34, "$12.3"),
        (99.99, "$100.0"),
        (100.0, "$100"),
        (150.4, "$150"),
        (-1.0, "$-1.00"),
        (-0.005, "$-0.01"),
    ],
)
def test_money(usd: float, shown: str) -> None:
    assert format_money(usd) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "0s"),
        (999, "0s"),
        (35_999, "35s"),
        (59_999, "59s"),
        (60_000, "1m"),
        (120_000, "2m"),
        (135_000, "2m 15s"),
        (3_599_999, "59m 59s"),
        (3_600_000, "1h"),
        (3_659_000, "1h"),
        (5_400_000, "1h 30m"),
        (90_000_000, "25h"),
        (2**64 - 1, "5124095576030h 25m"),
    ],
)
def test_durations(milliseconds: int, shown: str) -> None:
    assert format_duration(milliseconds) == shown


@pytest.mark.parametrize(
    ("secs", "shown"),
    [
        (-1.0, "now"),
        (-0.9, "0s ago"),
        (0.0, "0s ago"),
        (59.9, "59s ago"),
        (60.0, "1m ago"),
        (3599.0, "59m ago"),
        (3600.0, "1h ago"),
        (86_399.0, "23h ago"),
        (86_400.0, "1d ago"),
        (1_000_000.0, "11d ago"),
    ],
)
def test_ages(secs: float, shown: str) -> None:
    assert format_age(secs) == shown


def test_times_have_microseconds_and_an_offset() -> None:
    assert format_time(NOON) == "2026-05-04T12:00:00.000000+00:00"
    assert format_time(NOON + 0.25) == "2026-05-04T12:00:00.250000+00:00"
    assert format_time(NOON + 0.9999999) == "2026-05-04T12:00:01.000000+00:00"


@pytest.mark.parametrize("utc", [-1.0, -1e300, 1e300, math.inf, -math.inf])
def test_a_time_beyond_all_calendars_is_shown_all_the_same(utc: float) -> None:
    assert datetime.fromisoformat(format_time(utc)).utcoffset() == timedelta(0)


@given(st.lists(st.floats(0, 4e9), min_size=2))
def test_times_sort_as_texts(times: list[float]) -> None:
    shown = [format_time(utc) for utc in sorted(times)]
    assert shown == sorted(shown)


@pytest.mark.parametrize(
    ("usd", "micros"),
    [
        (0.0, 0),
        (0.35, 350_000),
        (0.0000005, 1),
        (0.0000004, 0),
        (-0.0000005, -1),
        (0.10431199999999992, 104_312),
        (-1.0, -1_000_000),
        (1e300, 2**63 - 1),
        (-1e300, -(2**63) + 1),
        (math.inf, 2**63 - 1),
        (math.nan, 0),
    ],
)
def test_money_is_kept_in_whole_microdollars(usd: float, micros: int) -> None:
    assert abs(microusd(usd) - micros) <= (1024 if abs(micros) > 2**60 else 0)


@pytest.mark.parametrize(
    ("session_id", "shown"),
    [
        ("5b0e1c2d-0000-4000-8000-00000000000a", "5b0e1c2d"),
        ("pending-41200", "pending-"),
        ("", ""),
        ("short", "short"),
        ("12345678", "12345678"),
        ("éééé-rest", "éééé"),
        ("ééé", "ééé"),
        ("1234567é-rest", "1234567é-rest"),
        ("日本語です", "日本語です"),
    ],
)
def test_ids_are_cut_after_eight_bytes_where_a_character_ends(session_id: str, shown: str) -> None:
    assert short_id(session_id) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("", ""),
        ("/home/ana/src/widget", "/home/ana/src/widget"),
        ("/" + "x" * 29, "/" + "x" * 29),
        ("/" + "x" * 30, "..." + "x" * 27),
        ("/home/ana/projects/clients/widget-factory", "...ects/clients/widget-factory"),
        ("/home/zoë/" + "é" * 20, "..." + "é" * 13),
        ("/" + "語" * 20, "..." + "語" * 9),
    ],
)
def test_long_paths_are_cut_between_characters(path: str, shown: str) -> None:
    assert short_path(path) == shown


@given(st.text())
def test_a_short_path_is_at_most_30_bytes_and_the_end_of_the_path(path: str) -> None:
    shown = short_path(path)
    assert len(shown.encode()) <= 30
    assert path.endswith(shown.removeprefix("...")) or shown == path


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_id", "display_name", "shown"),
    [
        ("claude-opus-4-6", "ignored", "Opus 4.6"),
        ("claude-opus-4-6[1m]", None, "Opus 4.6"),
        ("claude-opus-4-5-20251101", None, "Opus 4.5"),
        ("claude-sonnet-4-5-20250929", None, "Sonnet 4.5"),
        ("claude-sonnet-4-20250514", None, "Sonnet 4"),
        ("claude-haiku-4-5", None, "Haiku 4.5"),
        ("claude-3-5-haiku-20241022", None, "Haiku 3.5"),
        ("claude-3-5-sonnet-v2", None, "Sonnet 3.5 v2"),
        ("claude-opus-4-7-20260501", None, "claude-opus-4-7"),
        ("claude-opus-5-5", "Opus 5.5", "Opus 5.5"),
        ("gpt-9", "", ""),
        ("gpt-9", None, "gpt-9"),
        ("-20260501", None, "-20260501"),
        ("modèle-20260501", None, "modèle"),
        ("", None, "Unknown"),
        (None, None, "Unknown"),
        ("", "Some model", "Some model"),
    ],
)
def test_model_names(model_id: str | None, display_name: str | None, shown: str) -> None:
    assert model_name(model_id, display_name) == shown


def test_a_newer_minor_version_is_not_taken_for_the_one_that_is_known() -> None:
    assert model_name("claude-sonnet-4-6", "Sonnet 4.6") == "Sonnet 4.6"
    assert model_name("claude-sonnet-4-6-20260101") == "claude-sonnet-4-6"
    assert model_name("claude-opus-4-61", "Opus 4.61") == "Opus 4.61"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (None, "main"),
        ("general-purpose", "main"),
        ("General_Purpose", "main"),
        ("Explore", "explore"),
        ("explorer", "explore"),
        ("planner", "plan"),
        ("codereview", "review"),
        ("file_search", "search"),
        ("My Agent", "My Agent"),
        ("", ""),
    ],
)
def test_agent_types(told: str | None, shown: str) -> None:
    assert agent_type_name(told) == shown


# --- views ------------------------------------------------------------------------------------


def view_of(**facts: object) -> SessionView:
    usual: dict[str, Any] = {
        "id": "5b0e1c2d-0000-4000-8000-00000000000a",
        "status": "working",
        "started_at": NOON - 720,
        "last_activity": NOON,
        "now": NOON,
    }
    return made_view(**(usual | facts))


def test_a_view_is_the_example_of_the_specification() -> None:
    view = view_of(
        model="Opus 4.6",
        activity_detail="Bash",
        context_used=43_000,
        cost_microusd=350_000,
        duration_ms=135_000,
        lines_added=150,
        lines_removed=30,
        cwd="/home/ana/src/widget",
        tmux_pane="%5",
        project_root="/home/ana/src/widget",
        worktree_path="/home/ana/src/widget",
        worktree_branch="main",
        first_prompt="add a test",
    )
    encoded = msgspec.json.encode(view)
    assert encoded.startswith(
        b'{"id":"5b0e1c2d-0000-4000-8000-00000000000a","id_short":"5b0e1c2d",'
        b'"agent_type":"main","model":"Opus 4.6","status":"working","status_label":"working",'
        b'"activity_detail":"Bash","should_blink":false,"status_icon":">",'
        b'"context_percentage":21.5,"context_display":"21.5% (43K/200K)",'
        b'"context_warning":false,"context_critical":false,"cost_display":"$0.35",'
        b'"cost_usd":0.35,"duration_display":"2m 15s","duration_seconds":135.0,'
        b'"lines_display":"+150 -30","working_directory":"/home/ana/src/widget",'
        b'"needs_attention":false,"last_activity_display":"0s ago","age_display":"12m ago",'
        b'"started_at":"2026-05-04T11:48:00.000000+00:00",'
        b'"last_activity":"2026-05-04T12:00:00.000000+00:00","tmux_pane":"%5",'
        b'"project_root":"/home/ana/src/widget","worktree_path":"/home/ana/src/widget",'
        b'"worktree_branch":"main","first_prompt":"add a test",'
    )


def test_what_is_absent_is_null_or_left_out() -> None:
    fields = msgspec.json.decode(msgspec.json.encode(view_of()))
    assert [name for name, value in fields.items() if value is None] == [
        "activity_detail",
        "working_directory",
        "tmux_pane",
    ]
    absent = {"project_root", "worktree_path", "worktree_branch", "parent_session_id"}
    assert not fields.keys() & (absent | {"child_session_ids", "first_prompt", "evidence"})
    assert list(fields)[:25] == list(SessionView.__struct_fields__)[:25]


def test_relations_are_told_where_there_are_any() -> None:
    fields = msgspec.json.decode(
        msgspec.json.encode(view_of(parent_session_id="p", child_session_ids=["a", "b"]))
    )
    assert (fields["parent_session_id"], fields["child_session_ids"]) == ("p", ["a", "b"])


@pytest.mark.parametrize(
    ("status", "label", "icon", "alarms"),
    [
        ("idle", "idle", "-", False),
        ("working", "working", ">", False),
        ("attention_needed", "needs input", "!", True),
    ],
)
def test_the_three_words(status: str, label: str, icon: str, *, alarms: bool) -> None:
    view = view_of(status=status)
    assert (view.status, view.status_label, view.status_icon) == (status, label, icon)
    assert (view.should_blink, view.needs_attention) == (alarms, alarms)


@pytest.mark.parametrize(
    ("used", "size", "percentage", "display", "warning", "critical"),
    [
        (0, 200_000, 0.0, "0.0% (0/200K)", False, False),
        (159_999, 200_000, 79.9995, "80.0% (159K/200K)", False, False),
        (160_000, 200_000, 80.0, "80.0% (160K/200K)", True, False),
        (180_000, 200_000, 90.0, "90.0% (180K/200K)", True, True),
        (300_000, 200_000, 100.0, "100.0% (300K/200K)", True, True),
        (5, 0, 0.0, "0.0% (5/0)", False, False),
        (167_500, 1_000_000, 16.75, "16.8% (167K/1.0M)", False, False),
        (3 * 2**64, 2**32 - 1, 100.0, "100.0% (55340232221128.7M/4295.0M)", True, True),
    ],
)
def test_context(
    used: int, size: int, percentage: float, display: str, *, warning: bool, critical: bool
) -> None:
    view = view_of(context_used=used, context_size=size)
    assert view.context_percentage == pytest.approx(percentage)
    assert view.context_display == display
    assert (view.context_warning, view.context_critical) == (warning, critical)
    assert view.needs_attention == warning


def test_our_own_fields_come_last() -> None:
    view = view_of(
        cwd="/" + "x" * 40,
        source="gateway",
        agent="claude",
        app="app",
        session="ses_1",
        agent_session_id="u-1",
        pid=7,
        cost_microusd=3,
        state="tool",
        state_since=NOON - 1,
        evidence=(Evidence(signal="hook", says="PreToolUse", age_ms=12),),
    )
    fields = list(msgspec.json.decode(msgspec.json.encode(view)).items())
    assert fields[25:] == [
        ("cwd", "/" + "x" * 40),
        ("source", "gateway"),
        ("agent", "claude"),
        ("app", "app"),
        ("session", "ses_1"),
        ("agent_session_id", "u-1"),
        ("pid", 7),
        ("cost_microusd", 3),
        ("state", "tool"),
        ("state_since", "2026-05-04T11:59:59.000000+00:00"),
        (
            "evidence",
            [{"signal": "hook", "says": "PreToolUse", "age_ms": 12, "contradicts": False}],
        ),
    ]
    assert view.cost_usd == 0.000003


def test_a_view_of_the_original_is_read_too() -> None:
    told = msgspec.to_builtins(view_of())
    for name in SessionView.__struct_fields__[31:]:
        told.pop(name, None)
    assert msgspec.convert(told, SessionView).id == view_of().id


def test_no_view_shows_the_prompt() -> None:
    assert "secret" not in repr(view_of(first_prompt="secret"))
