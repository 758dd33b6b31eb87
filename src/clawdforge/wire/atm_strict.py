"""What msgspec lets pass and serde does not, in parts of a message that nobody reads. Pure.

`is_plain` first: it costs next to nothing. The rest is for the lines that it is not sure of.
"""

import itertools
import json
import math
import re
from collections.abc import Iterator

MAX_DEPTH = 128
"""How deep a message may be nested."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = [0] * 256
_STEPS[ord("[")] = _STEPS[ord("{")] = 1
_STEPS[ord("]")] = _STEPS[ord("}")] = -1
# The exponent of a large number and its end; one that begins with a certain letter is searched
# for fast.
_EXPONENT = re.compile(rb"e(?<=\de)\+?(?:[2-9]\d\d|\d{4})\d*(?=[,\]}\s])")
_CAPITAL_EXPONENT = re.compile(rb"E(?<=\dE)\+?(?:[2-9]\d\d|\d{4})\d*(?=[,\]}\s])")
_ENOUGH = 50
"""So many are looked at one by one."""
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_PAIRS = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str)


def is_plain(line: bytes) -> bool:
    """Whether none of what follows can be wrong with it: so of most lines, and fast."""
    # To look for a second one is faster than to count, and most lines have none.
    has_lists = line.find(b"[", line.find(b"[") + 1) >= 0
    return (
        line.isascii()
        and line.count(b"{") + (line.count(b"[") if has_lists else 1) <= MAX_DEPTH
        and b"E" not in line
        and line.find(b'"type"') == line.rfind(b'"type"')
        and line.rfind(b'"protocol_version"') == 1
        and (_EXPONENT.search(line) is None or not has_overflow(line))
    )


def is_utf8(line: bytes) -> bool:
    """Whether it is text."""
    if line.isascii():
        return True
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_too_deep(line: bytes) -> bool:
    """Whether it is nested deeper than `MAX_DEPTH`."""
    if line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", line).translate(None, _NOT_BRACKETS)
    return max(itertools.accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH


def has_overflow(line: bytes) -> bool:
    """Whether a number that has an exponent is too large for a float."""
    found = _EXPONENT.search(line)
    if found is None and b"E" in line:
        found = _CAPITAL_EXPONENT.search(line)
    if found is None:
        return False
    first = list(itertools.islice(_exponents(line), _ENOUGH))
    if len(first) < _ENOUGH and not any(map(_ends_number, first)):
        return False
    return any(math.isinf(float(number)) for number in _NUMBER.findall(_STRING.sub(b"", line)))


def _exponents(line: bytes) -> Iterator[re.Match[bytes]]:
    yield from _EXPONENT.finditer(line)
    yield from _CAPITAL_EXPONENT.finditer(line)


def _ends_number(exponent: re.Match[bytes]) -> bool:
    """Whether it may be a number's; most are in an id of hexadecimal digits."""
    at = exponent.start()
    before = exponent.string[max(at - 400, 0) : at].rstrip(b"0123456789.").removesuffix(b"-")
    return before[-1:] in b" \t\r:,["


def repeated(envelope: bytes) -> str | None:
    """The field of a valid envelope, without its payload, that is there twice; None: none."""
    names = [name for name, _ in _PAIRS.decode(envelope.decode())]
    return next((name for name in ("protocol_version", "type") if names.count(name) > 1), None)
