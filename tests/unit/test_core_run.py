"""An agent's text as a JSON value, and the names of attachments."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.core.run import (
    MAX_RESULT_DEPTH,
    attachment_name,
    parse_result,
    strip_fence,
    whole_text,
    with_attachments,
)

any_text = st.text(st.characters(codec=None, exclude_categories=()))
json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\n", [1, 2]),
        ("true", True),
        ("null", None),
        ("12", 12),
        ('"text"', "text"),
        ("plain words", "plain words"),
        ("", ""),
        ("   ", "   "),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ("```\n[1]\n```\n", [1]),
        ("\n~~~json\n[1]\n~~~", [1]),
        ("````json\n[1]\n````", [1]),
        ("```json\n[1]\n````", [1]),
        ("```json\n[1]\n   ```  ", [1]),
        ("```json\n[1]```", [1]),
        ("```json\r\n[1]\r\n```", [1]),
        ("```\n```", ""),
        ("```text\nplain words\n```", "plain words"),
        ("```\nno end", "```\nno end"),
        ("````\n[1]\n```", "````\n[1]\n```"),
        ("before\n```json\n[1]\n```", "before\n```json\n[1]\n```"),
        ("```json\n[1]\n```\nafter", "```json\n[1]\n```\nafter"),
        ("```a\n1\n```\nand\n```b\n2\n```", "```a\n1\n```\nand\n```b\n2\n```"),
        ('{"a": 1} {"b": 2}', '{"a": 1} {"b": 2}'),
        ("NaN", "NaN"),
        ('{"a": NaN}', '{"a": NaN}'),
        ("[Infinity, -Infinity]", "[Infinity, -Infinity]"),
        ("[1e999]", "[1e999]"),
        ("[-1e999]", "[-1e999]"),
        (r'"\ud800"', r'"\ud800"'),
        (r'{"\udfff": 1}', r'{"\udfff": 1}'),
        (r'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        ("1" * 5000, "1" * 5000),
        (str(2**200), 2**200),
        ("\N{ZERO WIDTH NO-BREAK SPACE}[1]", "\N{ZERO WIDTH NO-BREAK SPACE}[1]"),
    ],
)  # fmt: skip
def test_results(text: str, value: Any) -> None:
    assert parse_result(text) == value
    assert type(parse_result(text)) is type(value)


def nested(depth: int, inner: str = "1") -> str:
    return "[" * depth + inner + "]" * depth


def test_depth_is_bounded() -> None:
    assert isinstance(parse_result(nested(MAX_RESULT_DEPTH)), list)
    assert parse_result(nested(MAX_RESULT_DEPTH + 1)) == nested(MAX_RESULT_DEPTH + 1)
    assert isinstance(parse_result(nested(200_000)), str)
    assert isinstance(parse_result("[" * 200_000), str)


def test_brackets_in_strings_are_not_depth() -> None:
    assert parse_result(json.dumps("[" * 100)) == "[" * 100
    assert parse_result(json.dumps({'\\"' + "{" * 100: 1})) == {'\\"' + "{" * 100: 1}


@pytest.mark.parametrize(
    "text",
    [
        "```\n" + " " * 300_000,
        "```\n" + "\n" * 300_000 + "x",
        "```\n" + "``` " * 100_000 + "x",
        "`" * 300_000,
        '"' + '\\"' * 300_000,
        '"' * 300_001,
        "\\" * 300_001,
        '["' + "\\" * 300_001,
    ],
    ids=range(8),
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    assert parse_result(text) is not None
    assert time.process_time() - began < 5, "the time grows faster than the text"


@given(json_value)
def test_json_comes_back(value: Any) -> None:
    text = json.dumps(value)
    assert parse_result(text) == value
    assert parse_result(f"```json\n{text}\n```") == value


@given(any_text)
def test_any_text_gives_something_that_can_be_sent(text: str) -> None:
    result = parse_result(whole_text(text))
    json.dumps(result, allow_nan=False, ensure_ascii=False).encode()


@given(
    st.lists(st.sampled_from(["```", "~~~", "`", " ", "\n", "\t", "json", "[1]", '"']), max_size=12)
)
def test_fences_never_raise_and_only_remove(parts: list[str]) -> None:
    text = "".join(parts)
    assert strip_fence(text) in text


def test_text_is_made_whole() -> None:
    assert whole_text("a\ud800b") == "a?b"
    assert whole_text("\N{GRINNING FACE} ä") == "\N{GRINNING FACE} ä"


@pytest.mark.parametrize(
    ("original", "name"),
    [
        ("a.TXT", "attachment-1.txt"),
        ("report.tar.gz", "attachment-1.gz"),
        ("noextension", "attachment-1"),
        (".bashrc", "attachment-1.bashrc"),
        ("../../etc/passwd", "attachment-1"),
        ("a./../x", "attachment-1"),
        ("a.b/c", "attachment-1"),
        ("a.t t", "attachment-1"),
        ("a.txt\n", "attachment-1"),
        ("a.ü", "attachment-1"),
        ("a.\N{ARABIC-INDIC DIGIT ONE}", "attachment-1"),
        ("a." + "x" * 17, "attachment-1"),
        ("", "attachment-1"),
    ],
)
def test_attachment_names(original: str, name: str) -> None:
    assert attachment_name(1, original) == name


@given(st.integers(1, 99), any_text)
def test_attachment_names_are_plain(number: int, original: str) -> None:
    name = attachment_name(number, original)
    assert name.isascii()
    assert "/" not in name
    assert name.startswith(f"attachment-{number}")


def test_attachments_are_told_after_the_prompt() -> None:
    assert with_attachments("hi", []) == "hi"
    told = with_attachments("hi", ["attachment-1.txt", "attachment-2"])
    assert told.startswith("hi\n\n")
    assert told.endswith("- attachment-1.txt\n- attachment-2\n")
