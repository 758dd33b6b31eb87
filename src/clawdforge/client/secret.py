"""A token that does not show itself."""

from typing import NoReturn, Self

from clawdforge.client.errors import SettingsError

HIDDEN = "<hidden>"
MAX_CHARS = 4096


class Secret:
    """A token, kept out of repr, str, format, `vars`, pickles and tracebacks.

    There is no empty secret: what is missing is None, so the two can be told apart.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str, what: str = "the token") -> None:
        """Check and keep `value`; `what` names it in errors, which never quote it.

        Raises:
            SettingsError: it is empty, or cannot stand in an HTTP header.
        """
        problem = _problem(value)
        if problem:
            del value
            msg = f"{what} {problem}"
            raise SettingsError(msg, code="token_invalid")
        self._value = value

    def reveal(self) -> str:
        """The token itself."""
        return self._value

    def hide_in(self, body: bytes) -> bytes:
        """The body with this token blotted out, should a server or proxy echo it."""
        # A shorter one might be part of ordinary words, and no generated token is.
        return body.replace(self._value.encode(), b"[hidden]") if len(self._value) >= 8 else body

    def __repr__(self) -> str:
        return HIDDEN

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a token cannot be pickled"
        raise TypeError(msg)


def _problem(value: object) -> str | None:
    match value:
        case str() if not value.strip():
            return "is empty"
        case str() if len(value) > MAX_CHARS:
            return f"is longer than {MAX_CHARS} characters"
        case str() if value.strip() == value and value.isascii() and value.isprintable():
            return None
        case str():
            return "contains spaces, control or non-ASCII characters"
        case _:
            return "is not a string"
