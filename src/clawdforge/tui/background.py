"""Whether a terminal is light or dark: it is asked, and almost all answer.

xterm's OSC 11 asks for the background's colour. Behind it goes a question that every terminal
answers (primary device attributes, DA1), so that nobody waits for one that does not know OSC 11.
"""

import contextlib
import os
import re
import select
import termios
import time
import tty
from typing import Literal

Shade = Literal["dark", "light"]
_ASK = b"\x1b]11;?\x1b\\\x1b[c"
_COLOUR = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
_END = re.compile(rb"\x1b\[\?[0-9;]*c")
PATIENCE_SECS = 0.3
_MAX_BYTES = 4096


def shade_of(answer: bytes) -> Shade | None:
    """What a terminal's answer says; None: nothing."""
    found = _COLOUR.search(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "dark"


def shade_of_colorfgbg(value: str) -> Shade | None:
    """What rxvt and others leave in COLORFGBG: the colours' numbers."""
    last = value.split(";")[-1]
    if not last.isdecimal():
        return None
    return "light" if int(last) in {7, *range(9, 16)} else "dark"


def ask_terminal(stdin: int, stdout: int) -> Shade | None:
    """Ask the terminal; None: it does not say. What was typed meanwhile is lost."""
    try:
        before = termios.tcgetattr(stdin)
    except termios.error:
        return None
    try:
        tty.setcbreak(stdin, termios.TCSANOW)
        os.write(stdout, _ASK)
        return shade_of(_answer(stdin))
    except OSError:
        return None
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(stdin, termios.TCSANOW, before)


def _answer(stdin: int) -> bytes:
    answer = b""
    deadline = time.monotonic() + PATIENCE_SECS
    while not _END.search(answer) and len(answer) < _MAX_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([stdin], [], [], left)[0]:
            break
        answer += os.read(stdin, 256)
    return answer
