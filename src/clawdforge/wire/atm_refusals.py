"""Why a message is refused, in the words that serde (and so atmd 0.2.2) has for it. Pure.

Only called for what msgspec has refused already: finds the first fault in serde's order (the
keys that are there by name, then those that are missing in the order of declaration).
"""

import functools
import json
from collections.abc import Callable

import msgspec
from msgspec import inspect

Describe = Callable[[bytes], str | None]
"""What is wrong with a value, by its JSON; None: nothing."""

MAX_SHOWN = 100
"""Characters of a refused text that are repeated to who sent it."""
MAX_DIGITS = 309
"""Longer integers are no floats, either."""
_RAW_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def fault_of(raw: bytes, kind: type[msgspec.Struct]) -> str | None:
    """What is wrong with a value that should be a `kind`; None: nothing is found."""
    return _struct(kind)(raw)


@functools.cache
def _struct(kind: type[msgspec.Struct]) -> Describe:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    checks = {field.encode_name: _check(field.type) for field in info.fields}
    required = [field.encode_name for field in info.fields if field.required]

    def describe(raw: bytes) -> str | None:
        if raw[:1] != b"{":
            return _unexpected(raw, f"struct {kind.__name__}")
        fields = _RAW_FIELDS.decode(raw)
        for name in sorted(fields):
            if name in checks and (fault := checks[name](bytes(fields[name]))) is not None:
                return fault
        missing = next((name for name in required if name not in fields), None)
        return None if missing is None else f"missing field `{missing}`"

    return describe


def _check(kind: inspect.Type) -> Describe:
    if isinstance(kind, inspect.UnionType):
        first, *others = (
            _check(one) for one in kind.types if not isinstance(one, inspect.NoneType)
        )
        optional = kind.includes_none
        return lambda raw: (
            None
            if (optional and raw == b"null") or any(check(raw) is None for check in others)
            else first(raw)
        )
    if isinstance(kind, inspect.StructType):
        return _struct(kind.cls)
    if isinstance(kind, inspect.IntType):
        return _integer(int(kind.le) if kind.le is not None else 2**64 - 1)
    if isinstance(kind, inspect.FloatType):
        return lambda raw: None if raw[:1] in b"-0123456789" else _unexpected(raw, "f64")
    if isinstance(kind, inspect.StrType):
        return lambda raw: None if raw[:1] == b'"' else _unexpected(raw, "a string")
    if isinstance(kind, inspect.BoolType):
        return lambda raw: None if raw in (b"true", b"false") else _unexpected(raw, "a boolean")
    if isinstance(kind, inspect.TupleType):
        return lambda raw: None if raw[:1] == b"[" else _unexpected(raw, "a pair")
    return lambda _: None


def _integer(most: int) -> Describe:
    expected = f"u{most.bit_length()}"

    def describe(raw: bytes) -> str | None:
        if not _is_integer(raw):
            return _unexpected(raw, expected)
        value = int(raw)
        if 0 <= value <= most:
            return None
        if -(2**63) <= value < 2**64:
            return f"invalid value: integer `{value}`, expected {expected}"
        return _unexpected(raw, expected)

    return describe


def _is_integer(raw: bytes) -> bool:
    """Whether it is written as an integer, and not of absurd length."""
    return len(raw) <= MAX_DIGITS and raw.removeprefix(b"-").isdigit()


def _unexpected(raw: bytes, expected: str) -> str:
    return f"invalid type: {_name(raw)}, expected {expected}"


def _name(raw: bytes) -> str:
    match raw[:1]:
        case b"{":
            return "map"
        case b"[":
            return "sequence"
        case b'"':
            text = msgspec.json.decode(raw, type=str)
            shown = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
            return f"string {json.dumps(shown, ensure_ascii=False)}"
        case b"n":
            return "null"
        case b"t" | b"f":
            return f"boolean `{raw.decode()}`"
    if _is_integer(raw) and -(2**63) <= (value := int(raw)) < 2**64:
        return f"integer `{value}`"
    return f"floating point `{float(raw)!r}`".replace("e+", "e")
