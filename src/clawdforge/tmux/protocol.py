r"""What tmux says, as values, and what we say to it, as arguments. Pure.

Names and folders may contain anything, also newlines, tabs and `#{}`. So each value comes with
its length before it (`5:a b\nc`), as netstrings do, and no separator can be mistaken.
Written for tmux 3.2 and later, tested with 3.3a.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clawdforge.tmux.errors import TmuxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """A pane of a tmux server."""

    socket: str
    """Path of the server's socket: ids of two servers may be the same."""
    id: str
    """On that server, as `%5`."""
    pid: int
    """The process that it was made for: an agent, or a shell that has started it."""
    session: str
    """The name of the tmux session."""
    session_id: str
    """As `$1`."""
    window_id: str
    """As `@3`."""
    window_index: int
    window: str
    """The window's name."""
    index: int
    """Of the pane in its window."""
    title: str
    path: str
    """The folder that its process is in."""
    command: str
    """What runs in it."""
    active: bool
    """The one of its window that has the keys."""
    window_active: bool
    """Its window is the one that its session shows."""
    attached: int
    """How many terminals show its session."""
    width: int
    height: int
    left: int
    top: int
    dead: bool
    """Its process has ended, and it stays."""
    in_mode: bool
    """Somebody scrolls or copies in it: keys would not reach the program."""

    @property
    def place(self) -> str:
        """Where it is, as tmux writes it: `work:0.1`."""
        return f"{self.session}:{self.window_index}.{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A terminal that shows a session of a tmux server (a tmux *client*)."""

    name: str
    """As `/dev/pts/3`."""
    session_id: str
    """What it shows; empty: nothing yet."""
    activity: int
    """When somebody last pressed a key there; seconds since 1970."""
    control: bool
    """A program that listens, no screen."""


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PANE_FIELDS = (
    "pane_id",
    "pane_pid",
    "session_name",
    "session_id",
    "window_id",
    "window_index",
    "window_name",
    "pane_index",
    "pane_title",
    "pane_current_path",
    "pane_current_command",
    "pane_active",
    "window_active",
    "session_attached",
    "pane_width",
    "pane_height",
    "pane_left",
    "pane_top",
    "pane_dead",
    "pane_in_mode",
)
_TERMINAL_FIELDS = ("client_name", "session_id", "client_activity", "client_control_mode")


def measured(*names: str) -> str:
    """A format that gives these variables, each with its length before it."""
    return "".join(f"#{{n:{name}}}:#{{{name}}}," for name in names)


PANE_FORMAT = measured(*_PANE_FIELDS)
TERMINAL_FORMAT = measured(*_TERMINAL_FIELDS)


def read_panes(written: bytes, socket: str) -> list[Pane]:
    """The panes that `list-panes -a` tells, each once.

    A window may be in several sessions: then the one that a terminal shows is told.

    Raises:
        TmuxError: that is not what `PANE_FORMAT` gives.
    """
    found: dict[str, Pane] = {}
    for values in records(written, len(_PANE_FIELDS)):
        pane = _pane(values, socket)
        known = found.get(pane.id)
        if known is None or (pane.attached and not known.attached):
            found[pane.id] = pane
    return list(found.values())


def read_terminals(written: bytes) -> list[Terminal]:
    """The terminals that `list-clients` tells.

    Raises:
        TmuxError: that is not what `TERMINAL_FORMAT` gives.
    """
    return [
        Terminal(name=name, session_id=session, activity=_number(activity), control=control == "1")
        for name, session, activity, control in records(written, len(_TERMINAL_FIELDS))
    ]


def records(written: bytes, width: int) -> Iterator[list[str]]:
    """Lines of a `measured` format with so many values each.

    Raises:
        TmuxError: it is something else.
    """
    at = 0
    while at < len(written):
        values = []
        for _ in range(width):
            value, at = _value(written, at)
            values.append(value)
        if written[at : at + 1] not in {b"\n", b""}:
            raise _strange()
        at += 1
        yield values


def command_line(commands: Sequence[Sequence[str]]) -> list[str]:
    r"""Several commands as arguments of one `tmux`: they are done one after the other, at once.

    An argument that ends with `;` would end its command: tmux takes `\;` there as what it is.
    """
    arguments: list[str] = []
    for command in commands:
        if arguments:
            arguments.append(";")
        arguments += (f"{one[:-1]}\\;" if one.endswith(";") else one for one in command)
    return arguments


def verbatim(text: str) -> str:
    """A text for an argument in which tmux expands formats (`-c`, `-n`, titles): as it is."""
    return text.replace("#", "##")


def typed(text: str) -> str:
    """A text as it is typed: line ends are newlines, and there are no control characters.

    Those would be keys: Ctrl-C, Escape, or the end of a paste, after which the rest is taken as
    typed by hand.

    Raises:
        TmuxError: there are some (`text_not_plain`).
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = _CONTROL.search(text)
    if found is not None:
        msg = f"the text contains a control character (U+{ord(found[0]):04X})"
        raise TmuxError(msg, code="text_not_plain", hint="keys are pressed by name: --key Escape")
    return text


def sizes(given: str) -> str:
    """A size as `split-window -l` takes it: `30` (lines or columns) or `40%`.

    Raises:
        ValueError: it is none.
    """
    number = given.removesuffix("%")
    if not (number.isascii() and number.isdecimal() and int(number) > 0):
        raise ValueError(given)
    if given.endswith("%") and int(number) > 99:
        raise ValueError(given)
    return given


def _pane(values: Sequence[str], socket: str) -> Pane:
    one = dict(zip(_PANE_FIELDS, values, strict=True))
    return Pane(
        socket=socket,
        id=one["pane_id"],
        pid=_number(one["pane_pid"]),
        session=one["session_name"],
        session_id=one["session_id"],
        window_id=one["window_id"],
        window_index=_number(one["window_index"]),
        window=one["window_name"],
        index=_number(one["pane_index"]),
        title=one["pane_title"],
        path=one["pane_current_path"],
        command=one["pane_current_command"],
        active=one["pane_active"] == "1",
        window_active=one["window_active"] == "1",
        attached=_number(one["session_attached"]),
        width=_number(one["pane_width"]),
        height=_number(one["pane_height"]),
        left=_number(one["pane_left"]),
        top=_number(one["pane_top"]),
        dead=one["pane_dead"] == "1",
        in_mode=_number(one["pane_in_mode"]) > 0,
    )


def _value(written: bytes, at: int) -> tuple[str, int]:
    colon = written.find(b":", at, at + 12)
    digits = written[at:colon] if colon > 0 else b""
    if not digits.isdigit():
        raise _strange()
    end = colon + 1 + int(digits)
    if written[end : end + 1] != b",":
        raise _strange()
    return written[colon + 1 : end].decode("utf-8", "surrogateescape"), end + 1


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


def _strange() -> TmuxError:
    return TmuxError("tmux says something that cannot be read", code="tmux_failed")
