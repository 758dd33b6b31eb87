"""Anything at all: the readers of the monitor's socket take it or refuse it, and never fail."""

import json
import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.core.observed.signals import (
    ContextWindow,
    Cost,
    CurrentUsage,
    Hook,
    Model,
    StatusLine,
)
from clawdforge.wire import atm, atm_refusals


def line_of(kind: str, rest: str = "") -> str:
    return f'{{"protocol_version":{{"major":1,"minor":0}},"type":"{kind}"{rest and ","}{rest}}}'


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def payloads(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, object]]:
    """Objects with fields of a kind, or of its parts, and values of all sorts."""
    names = [
        name
        for one in (kind, Cost, Model, ContextWindow, CurrentUsage)
        for name in one.__struct_fields__
    ]
    fields = st.sampled_from(names)
    some = JSON | st.just("s")
    nested = st.dictionaries(fields, some, max_size=4)
    return st.dictionaries(fields, some | nested, max_size=5).map(
        lambda data: {"session_id": "s", **data}
    )


def faults(line: bytes) -> Iterator[atm.WireError]:
    """What each reader has against a line; other errors come through."""
    for reading in (atm.read_request, atm.read_hello, atm.read_reply):
        try:
            reading(line)
        except atm.WireError as error:
            yield error


@given(st.sampled_from(["status_update", "hook_event", "ping", "connect", "subscribe"]), st.data())
def test_any_json_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    value = data.draw(payloads(StatusLine) | payloads(Hook) | JSON)
    rest = value if isinstance(value, dict) and data.draw(st.booleans()) else {"data": value}
    line = json.dumps({"protocol_version": [1, 0], **rest, "type": kind}).encode()
    for fault in faults(line):
        assert fault.message.startswith(("Parse error: ", "Registry error: parse error: "))
        assert atm.encode_error(fault.message, code=fault.code)


@given(st.binary() | st.text().map(str.encode), st.sampled_from([line_of("discover"), "", "{"]))
def test_any_bytes_are_read_or_refused(junk: bytes, start: str) -> None:
    for line in (start.encode()[:-1] + junk, junk + start.encode()):
        assert all(fault.message for fault in faults(line))


@given(payloads(StatusLine), st.sampled_from([StatusLine, Hook]))
def test_what_is_refused_has_a_fault_in_the_words_of_serde(
    data: dict[str, object], kind: type[msgspec.Struct]
) -> None:
    raw = json.dumps(data).encode()
    fault = atm_refusals.fault_of(raw, kind)
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        assert fault is not None
        assert re.match("missing field `|invalid (type|value): ", fault)
    else:
        assert fault is None or fault.endswith("expected u64")


NESTED = st.recursive(
    st.integers() | st.text(alphabet='[]{}"\\a'),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet='[]{}"\\b', max_size=3), inner, max_size=3)
    ),
)


@given(NESTED, st.integers(0, 140))
def test_depth_is_counted_exactly(value: object, more: int) -> None:
    for _ in range(more):
        value = [value]
    line = line_of("discover", f'"x":{json.dumps(value)}')
    if _depth(value) + 1 > 128:
        with pytest.raises(atm.WireError, match="recursion limit exceeded"):
            atm.read_request(line.encode())
    else:
        assert isinstance(atm.read_request(line.encode()), atm.Discover)


def _depth(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
        case list():
            return 1 + max(map(_depth, value), default=0)
        case _:
            return 0
