"""Asking a terminal whether it is light: a real pseudo-terminal, and one that answers it."""

import os
import pty
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clawdforge.tui import background
from clawdforge.tui.background import ask_terminal

QUESTION = b"\x1b]11;?\x1b\\\x1b[c"


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A terminal that answers so, once it has been asked; the program's end of it."""
    master, slave = pty.openpty()

    def reply() -> None:
        asked = b""
        while QUESTION not in asked:
            asked += os.read(master, 64)
        if answer:
            os.write(master, answer)

    thread = threading.Thread(target=reply)
    thread.start()
    try:
        yield slave
    finally:
        thread.join()
        os.close(slave)
        os.close(master)


@pytest.mark.parametrize(
    ("answer", "shade"),
    [
        (b"\x1b]11;rgb:fefe/fefe/f0f0\x1b\\\x1b[?62;22c", "light"),
        (b"\x1b]11;rgb:1010/1010/2020\x07\x1b[?6c", "dark"),
        (b"\x1b[?6c", None),
        (b"", None),
    ],
)
def test_a_terminal_says_whether_it_is_light(
    answer: bytes, shade: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not answer:
        monkeypatch.setattr(background, "PATIENCE_SECS", 0.05)
    with answering(answer) as terminal:
        before = termios.tcgetattr(terminal)
        assert ask_terminal(terminal, terminal) == shade
        assert termios.tcgetattr(terminal) == before


def test_what_is_no_terminal_is_not_asked() -> None:
    reading, writing = os.pipe()
    try:
        assert ask_terminal(reading, writing) is None
    finally:
        os.close(reading)
        os.close(writing)
