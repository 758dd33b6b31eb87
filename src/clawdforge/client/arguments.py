"""What callers hand in, checked before anything is sent. Pure."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from clawdforge.client.errors import RequestError
from clawdforge.client.results import FileToken
from clawdforge.core.names import APP_NAME
from clawdforge.wire import forge_json

_APP_NAME = re.compile(APP_NAME)
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NOT_BLANK = re.compile(r"\s*+\S.*+", re.DOTALL)
_CURSOR = re.compile(r"[\x21-\x7e]{1,512}")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,200}")


def encode(kind: type[msgspec.Struct], **fields: Any) -> bytes:
    """The JSON of a request, its types checked.

    Raises:
        RequestError: one of them is wrong.
    """
    try:
        return msgspec.json.encode(msgspec.convert(fields, kind, from_attributes=True))
    except UnicodeEncodeError:
        problem = "a text contains lone surrogates, which UTF-8 cannot carry"
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        # The latter three: `meta` or `args` that are no JSON.
        problem = forge_json.shown(str(error))
    raise RequestError(problem)


def several(values: object) -> Iterable[Any]:
    """Refuse one string where several are expected: it would be taken letter by letter."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        msg = "a list is expected, not a single value"
        raise RequestError(msg)
    return values


def prompt(value: object) -> str:
    """A prompt: a text that is not blank."""
    return matching(value, _NOT_BLANK, "the prompt is not a text, or is blank")


def files(values: object) -> tuple[Any, ...] | None:
    """The tokens of uploaded files; None: there are none."""
    tokens = (file.file_token if isinstance(file, FileToken) else file for file in several(values))
    return tuple(tokens) or None


def app_name(value: object) -> str:
    """The name of an app."""
    return matching(value, _APP_NAME, "an app's name has 1 to 64 of a-z, 0-9, `_` and `-`")


def identifier(value: object, what: str) -> str:
    """An id that may stand in a URL's path; `what` it names is for the error."""
    return matching(value, _ID, f"a {what}'s id has only letters, digits, `_` and `-`")


def cursor(value: object) -> str:
    """The `next` of a page."""
    return matching(value, _CURSOR, "`before` is not the `next` of a page")


def idempotency_key(value: object) -> str:
    """A key that names one request, so that the server carries it out once."""
    return matching(value, _IDEMPOTENCY_KEY, "an idempotency key has 1 to 200 of `!` to `~`")


def matching(value: object, pattern: re.Pattern[str], problem: str) -> str:
    """The value, if it is a string of that form as a whole: what goes into a URL must be."""
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise RequestError(problem)


def natural(value: object, what: str, *, least: int = 1) -> int:
    """A whole number."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    msg = f"{what} is not a whole number from {least}"
    raise RequestError(msg)
