"""Between dialect and server: what to write, when, and how to end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from clawdforge.testing.model_api.request import HttpCall, Request
from clawdforge.testing.model_api.script import Step


class Ending(Enum):
    """What becomes of the connection after the last piece."""

    COMPLETE = "complete"
    """The reply is whole; the connection may be used again."""
    RESET = "reset"
    """The connection is reset."""
    STALL = "stall"
    """Nothing more is sent, and the connection stays open."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of the body that are written at once, after a pause in seconds."""

    data: bytes
    pause_secs: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP reply."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Without those of the framing (`content-length` and the like), which are the server's."""
    pieces: tuple[Piece, ...] = ()
    ending: Ending = Ending.COMPLETE
    wait_secs: float = 0.0
    """Before the first byte of the reply."""
    silent: bool = False
    """Not even a status line is sent before `ending`."""


class Dialect(Protocol):
    """How one vendor's API is spoken. Pure: bytes and values in, values out."""

    def environment(self, url: str) -> dict[str, str]:
        """The variables that point agents of this dialect at the server at `url`."""

    def read(self, call: HttpCall) -> Request | Exchange | None:
        """Understand a call; the server asks every dialect in turn.

        Returns:
            A request to the model; or the reply itself, where no model is asked; or
            `None` when the call is not of this dialect.

        Raises:
            ValueError: the call is of this dialect, and its body makes no sense.
        """

    def render(self, request: Request, step: Step, serial: str) -> Exchange:
        """Put a step into words. `serial` is unique, and makes the reply's ids so."""

    def render_side(self, request: Request, serial: str) -> Exchange:
        """Answer a request whose `side` is set, plausibly and without the script."""
