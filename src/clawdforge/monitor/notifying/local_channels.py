"""The channels of this machine: a bell in the terminal, a notification of the desktop.

Their texts are brief: other users can read the arguments of `tmux` and `notify-send`.
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from html import escape
from pathlib import Path

from clawdforge.core.observed.attention_values import Kind, Subject
from clawdforge.core.observed.attention_words import Words
from clawdforge.monitor.notifying.targets import Bell
from clawdforge.monitor.notifying.terminals import Survey, ring, terminal_of
from clawdforge.processes.program import run_program
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import verbatim

TIMEOUT_SECS = 5.0
SHOWN_MS = 5000
_BUS = "DBUS_SESSION_BUS_ADDRESS"
_DESKTOP_SEES = (
    "PATH", "HOME", "LANG", "LC_ALL", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
    "XDG_RUNTIME_DIR", _BUS,
)  # fmt: skip


class NotToldError(Exception):
    """It could not be told; says why."""


async def ring_bell(bell: Bell, words: Words, subject: Subject | None, found: Survey) -> None:
    """Ring in every terminal that is attached to the session's tmux server, else in its own.

    Args:
        bell: How.
        words: For tmux's status line.
        subject: The session; None: ring everywhere, for a test.
        found: The terminals, as they stand now.

    Raises:
        NotToldError: nobody is attached.
    """
    pane = None if subject is None else found.pane_of(subject.pid, subject.pane)
    clients = list(found.clients) if subject is None else []
    if pane is not None:
        clients = found.clients_of(pane)
    rung = [one for one in clients if await asyncio.to_thread(ring, Path(one.tty))]
    if bell.message:
        text = _literal(f"{words.title}: {words.text}" if words.text else words.title)
        for one in rung:
            show = ("display-message", "-c", one.tty, "-d", str(SHOWN_MS), "--", text)
            with contextlib.suppress(TmuxError):  # it rang
                await one.server.run(show)
    if rung:
        return
    if pane is None and subject is not None and subject.pid is not None:
        own = await asyncio.to_thread(terminal_of, subject.pid)
        if own is not None and await asyncio.to_thread(ring, own):
            return
    msg = "nobody is attached to tmux" if subject is None or pane else "it has no terminal here"
    raise NotToldError(msg)


async def show_on_desktop(words: Words, kind: Kind, environ: Mapping[str, str]) -> None:
    """Show a notification by `notify-send`.

    Raises:
        NotToldError: it is not installed, or there is no desktop.
    """
    env = {name: environ[name] for name in _DESKTOP_SEES if name in environ}
    if _BUS not in env and (bus := await asyncio.to_thread(_own_bus)) is not None:
        env[_BUS] = bus  # a monitor that was started over ssh finds the desktop, too
    urgency = "critical" if kind == "needs_you" else "normal"
    # The text may hold marks as of HTML; the title may not.
    text = escape(words.text, quote=False)
    options = ("--app-name=clawdforge", f"--urgency={urgency}")
    argv = ("notify-send", *options, "--", words.title, text)
    try:
        done = await run_program(argv, env=env, timeout_secs=TIMEOUT_SECS)
    except FileNotFoundError:
        msg = "notify-send is not installed: apt install libnotify-bin"
        raise NotToldError(msg) from None
    except (OSError, TimeoutError):
        msg = "notify-send did not end"
        raise NotToldError(msg) from None
    if done.code != 0:
        raise NotToldError(f"there is no desktop: notify-send failed ({done.code})")


def _own_bus() -> str | None:
    path = Path(f"/run/user/{os.getuid()}/bus")
    return f"unix:path={path}" if path.exists() else None


def _literal(text: str) -> str:
    """A text that tmux shows as it is: it would run what stands in `#(…)`."""
    return verbatim(text).replace("%", "%%")
