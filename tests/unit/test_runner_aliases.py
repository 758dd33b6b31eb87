"""The import paths of 0.2, and what it promised behind them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.acpx_runner import (
    _extract_stop_reason,
    _format_prompt_with_files,
    _parse_ndjson,
)
from clawdforge.runner import RunResult

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acpx"
OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.text(max_size=20), st.integers(), st.none(), st.lists(st.booleans())),
    max_size=3,
)


def test_good_lines_are_parsed_and_bad_and_blank_ones_skipped() -> None:
    text = '{"a": 1}\nnot json {\n{"b": 2}\n\n   \n{"c": 3}\n'
    assert _parse_ndjson(text) == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize("line", ["5", '"text"', "null", "true", "[1, 2]", "[{}]", "", "\t", "{"])
def test_only_objects_count(line: str) -> None:
    assert _parse_ndjson(f'{line}\n{{"a": 1}}') == [{"a": 1}]


def test_windows_line_ends_do_no_harm() -> None:
    assert _parse_ndjson('{"a": 1}\r\n{"b": 2}\r\n') == [{"a": 1}, {"b": 2}]


@given(st.lists(OBJECTS), st.booleans())
def test_what_was_written_is_read_again(values: list[dict[str, Any]], ascii_only: bool) -> None:
    text = "\n".join(json.dumps(value, ensure_ascii=ascii_only) for value in values)
    assert _parse_ndjson(text) == values


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    assert all(isinstance(value, dict) for value in _parse_ndjson(text))


@given(st.lists(OBJECTS), st.text(alphabet="abc[]\"'\r\t\u2028 5", max_size=10))
def test_a_line_that_is_no_object_changes_nothing(
    values: list[dict[str, Any]], garbage: str
) -> None:
    lines = [json.dumps(value) for value in values]
    assert _parse_ndjson("\n".join([garbage, *lines, garbage])) == values


def test_the_stop_reason_is_that_of_the_last_answer_that_has_one() -> None:
    events: list[dict[str, Any]] = [
        {"id": 0, "result": {"protocolVersion": 1}},
        {"id": 2, "result": {"stopReason": "cancelled"}},
        {"method": "session/update", "params": {"update": {"sessionUpdate": "plan"}}},
        {"id": 3, "result": {"stopReason": "end_turn", "usage": {}}},
        {"method": "session/update", "params": {"update": {"sessionUpdate": "usage_update"}}},
    ]
    assert _extract_stop_reason(events) == "end_turn"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"result": None},
        {"result": []},
        {"result": {"stopReason": None}},
        {"stopReason": "end_turn"},
        {"params": {"result": {"stopReason": "end_turn"}}},
        {"error": {"code": -32603}},
    ],
)
def test_no_answer_is_no_stop_reason(event: dict[str, Any]) -> None:
    assert _extract_stop_reason([event]) is None
    assert _extract_stop_reason([]) is None


@pytest.mark.parametrize("name", ["exec_0.1.15.ndjson", "exec_0.19.1.ndjson"])
def test_real_output_of_acpx(name: str) -> None:
    events = _parse_ndjson((FIXTURES / name).read_text())
    assert len(events) > 20
    assert _extract_stop_reason(events) == "end_turn"


def test_a_prompt_without_files_stays_as_it_is() -> None:
    assert _format_prompt_with_files("Do it.\n", None) == "Do it.\n"
    assert _format_prompt_with_files("Do it.\n", []) == "Do it.\n"


@given(st.text(), st.lists(st.text(alphabet="abc/._- ", min_size=1), min_size=1, max_size=4))
def test_a_prompt_with_files_names_each_and_ends_with_the_prompt(
    prompt: str, names: list[str]
) -> None:
    paths = ["/data/" + name for name in names]
    made = _format_prompt_with_files(prompt, paths)
    assert made.endswith(prompt)
    assert all(path in made for path in paths)
    assert _format_prompt_with_files(prompt, [Path(path) for path in paths]).endswith(prompt)


def test_a_run_result_is_made_of_keywords_and_has_no_error_by_default() -> None:
    result = RunResult(
        ok=True,
        result={"a": 1},
        raw_stdout="out",
        raw_stderr="err",
        duration_ms=5,
        stop_reason="end_turn",
    )
    assert result.error is None
    assert (result.ok, result.result, result.raw_stdout) == (True, {"a": 1}, "out")
    assert (result.raw_stderr, result.duration_ms, result.stop_reason) == ("err", 5, "end_turn")


def test_a_run_result_shows_no_answer_in_its_repr() -> None:
    result = RunResult(
        ok=False,
        result="secret",
        raw_stdout="secret",
        raw_stderr="secret",
        duration_ms=1,
        stop_reason=None,
        error="claude exit 1",
    )
    assert "secret" not in repr(result)
    assert "claude exit 1" in repr(result)
