"""Where a chat's lines come from: a person at a terminal, or a pipe."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from clawdforge.errors import InputError

PROMPT = "> "
MAX_ANSWER_BYTES = 4096


class Lines(Protocol):
    """Gives what is to be said next."""

    @property
    def asks(self) -> bool:
        """Whether somebody is there who can be asked."""
        ...

    def next(self) -> str | None:
        """The next line; None: there is none any more. Blocks: nothing else is under way then.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        ...


class Pipe:
    """Every line of standard input; nobody can be asked."""

    asks = False

    def next(self) -> str | None:
        """The next line, without its end."""
        with _interruptible():
            line = sys.stdin.buffer.readline()
        if not line:
            return None
        try:
            return line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            msg = "a line of standard input is not UTF-8 text"
            raise InputError(msg) from None


class Keyboard:
    """A person, with line editing. What was said is kept nowhere but in this process."""

    asks = True

    def __init__(self) -> None:
        with contextlib.suppress(ImportError):
            import readline

            readline.set_auto_history(True)
        self._prompts_itself = not sys.stdout.isatty()

    def next(self) -> str | None:
        """The next line; one that ends with a backslash goes on in the one after."""
        lines: list[str] = []
        try:
            while True:
                line = self._line(PROMPT if not lines else ". ")
                lines.append(line.removesuffix("\\"))
                if not line.endswith("\\"):
                    return "\n".join(lines)
        except EOFError:
            sys.stderr.write("\n")
            return None

    def _line(self, prompt: str) -> str:
        if self._prompts_itself:  # stdout is for the answers only
            sys.stderr.write(prompt)
            sys.stderr.flush()
        with _interruptible():
            return input("" if self._prompts_itself else prompt)


class _Key:
    """Ctrl-C while a line is awaited: raises once, then only remembers."""

    def __init__(self) -> None:
        self.raises = True
        self.missed = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.raises:
            self.raises = False
            raise KeyboardInterrupt
        self.missed = True


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt here, although an event loop runs, which hears nothing."""
    key = _Key()
    with _held_back():
        loops = signal.set_wakeup_fd(-1)
        before = signal.signal(signal.SIGINT, key)
    try:
        try:
            yield
        finally:
            key.raises = False
    finally:
        # From here on nothing raises: what was changed is restored for certain.
        with _held_back():
            signal.signal(signal.SIGINT, before)
            signal.set_wakeup_fd(loops)
            if key.missed:
                signal.raise_signal(signal.SIGINT)  # for whoever listens now


@contextmanager
def _held_back() -> Iterator[None]:
    """A Ctrl-C of this moment comes after it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def on_interrupt(handle: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls `handle`, in the event loop, while the block runs."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, handle)
    try:
        yield
    finally:
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else before)


def hear_no_more_interrupts() -> None:
    """Ctrl-C does nothing from here on: this process is about to end in good order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def forget_what_was_typed() -> None:
    """Throw away what was typed before a question: it was not meant as its answer."""
    import termios

    with contextlib.suppress(termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


async def answer_line() -> str | None:
    """One line from the terminal, without blocking the loop; None at the end of input."""
    descriptor = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    try:
        line = os.read(descriptor, MAX_ANSWER_BYTES)
    except OSError:  # the terminal is gone
        line = b""
    return line.decode("utf-8", "replace").strip() if line else None
