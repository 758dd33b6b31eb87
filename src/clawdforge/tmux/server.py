"""One tmux server: what it shows, and what can be done with its panes.

Everything is said to it by its own command, with ids (`%5`, `@3`, `$1`), which mean one thing
each; names do not, and are never used as targets.
"""

import asyncio
import contextlib
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from clawdforge.tmux.calling import TmuxCalls, no_pane
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import (
    PANE_FORMAT,
    TERMINAL_FORMAT,
    Pane,
    Terminal,
    read_panes,
    read_terminals,
    typed,
    verbatim,
)

MAX_TEXT_BYTES = 1024 * 1024
"""A text that is typed into a pane. No program reads more with pleasure."""
Side = Literal["left", "right", "above", "below"]
_SPLITS: Mapping[str, tuple[str, ...]] = {
    "left": ("-h", "-b"),
    "right": ("-h",),
    "above": ("-v", "-b"),
    "below": ("-v",),
}
_KEEP_FAILED = (("set-option", "-p", "remain-on-exit", "failed"),)
"""Of the pane that was made just now."""
_BELOW_A_BLANK_LINE = ("/bin/sh", "-c", 'echo; exec "$@"', "sh")
"""tmux scrolls by a line to say that a pane is dead: that must not be the line that says why."""


class TmuxServer(TmuxCalls):
    """A tmux server, its panes and terminals."""

    # --- looking ------------------------------------------------------------------------------

    async def panes(self) -> list[Pane]:
        """All its panes, in one call.

        Raises:
            TmuxError: as `run`; `tmux_gone` when it does not run.
        """
        return read_panes(await self.run(("list-panes", "-a", "-F", PANE_FORMAT)), self.socket)

    async def pane(self, pane_id: str) -> Pane:
        """One of them.

        Raises:
            TmuxError: as `run`; `pane_gone`.
        """
        for pane in await self.panes():
            if pane.id == pane_id:
                return pane
        raise no_pane(pane_id)

    async def terminals(self) -> list[Terminal]:
        """The terminals that show it, who was used last first.

        Raises:
            TmuxError: as `run`.
        """
        written = await self.run(("list-clients", "-F", TERMINAL_FORMAT))
        found = read_terminals(written)
        return sorted(found, key=lambda one: one.activity, reverse=True)

    async def capture(
        self, pane_id: str, *, tail: int | None = None, colours: bool = False, join: bool = False
    ) -> str:
        """What stands on a pane's screen, without blanks at the ends of lines.

        Args:
            pane_id: Which.
            tail: Only so many last lines; also of what has scrolled away, when the screen has
                fewer. None: the screen.
            colours: With the colours, as a terminal writes them (SGR).
            join: Lines that the terminal has wrapped are one.

        Raises:
            TmuxError: as `run`.
        """
        options = [*(["-e"] if colours else []), *(["-J"] if join else [])]
        if tail is not None:
            options += ["-S", f"-{tail}"]
        written = await self.run(("capture-pane", "-p", "-t", pane_id, *options))
        lines = [line.rstrip() for line in written.decode("utf-8", "replace").split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        return "\n".join(lines if tail is None else lines[len(lines) - min(tail, len(lines)) :])

    async def picture(self, pane_id: str) -> str:
        r"""A pane's screen as it looks: every line of it, each with its `\n`, and its colours.

        Raises:
            TmuxError: as `run`.
        """
        written = await self.run(("capture-pane", "-p", "-e", "-t", pane_id))
        return written.decode("utf-8", "replace")

    # --- doing --------------------------------------------------------------------------------

    async def send_text(self, pane_id: str, text: str, *, enter: bool = False) -> None:
        """Type a text into a pane, exactly as it is, whatever it contains.

        It goes through a paste buffer of tmux over standard input: so it is in no argument list,
        may be long, and reaches the program also while somebody scrolls in the pane. Programs
        that know pastes (bracketed paste) are told that it is one, so newlines do not submit it.

        Args:
            pane_id: Which.
            text: What.
            enter: Press Enter after it.

        Raises:
            TmuxError: as `run`; `text_too_large`; `text_not_plain`: there are control characters
                in it, which would be taken as keys.
        """
        data = typed(text).encode("utf-8", "surrogateescape")
        if len(data) > MAX_TEXT_BYTES:
            msg = f"a text of {len(data):,} bytes is too long to be typed"
            hint = f"at most {MAX_TEXT_BYTES:,}; put it into a file and name that"
            raise TmuxError(msg, code="text_too_large", hint=hint)
        if data:
            buffer = f"clawdforge-{os.urandom(6).hex()}"
            await self.run(
                ("load-buffer", "-b", buffer, "-"),
                ("paste-buffer", "-p", "-d", "-b", buffer, "-t", pane_id),
                stdin=data,
            )
        if enter:
            await self.send_keys(pane_id, "Enter")

    async def send_keys(self, pane_id: str, *keys: str) -> None:
        """Press keys by tmux's names (`Enter`, `Escape`, `Up`, `C-c`). Scrolling is ended first.

        Raises:
            TmuxError: as `run`.
        """
        leave = f"copy-mode -q -t {pane_id}"
        await self.run(
            ("if-shell", "-F", "-t", pane_id, "#{pane_in_mode}", leave),
            ("send-keys", "-t", pane_id, *keys),
        )

    async def kill_pane(self, pane_id: str) -> None:
        """End a pane, and by that what runs in it (SIGHUP).

        Raises:
            TmuxError: as `run`.
        """
        await self.run(("kill-pane", "-t", pane_id))

    async def split(
        self,
        pane_id: str,
        argv: Sequence[str] = (),
        *,
        side: Side = "below",
        size: str | None = None,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        focus: bool = True,
        keep_failed: bool = True,
    ) -> str:
        """Split a pane and start a program in the new one.

        Args:
            pane_id: Which.
            argv: The program and its arguments, started as they are, by no shell; none: a shell.
            side: Where the new pane is.
            size: `30` (lines or columns) or `40%`; None: half.
            cwd: Where the program starts; None: where the tmux session does.
            env: Variables that it gets besides; they stand in argument lists: no secrets.
            focus: The new pane gets the keys.
            keep_failed: When the program fails, the pane stays and shows what it said.

        Returns:
            The new pane's id.

        Raises:
            TmuxError: as `run`; there may be no room.
        """
        options = [*_SPLITS[side], *(("-l", size) if size else ())]
        keep_failed = keep_failed and bool(argv)
        start = _start(argv, cwd, env, keep_failed=keep_failed)
        after: list[Sequence[str]] = [*(_KEEP_FAILED if keep_failed else ())]
        if not focus:
            after.append(("select-pane", "-Z", "-t", pane_id))
        split = ["split-window", "-t", pane_id, *options, *start]
        return _last_word(await self.run(split, *after))

    async def new_window(
        self,
        session_id: str | None,
        argv: Sequence[str] = (),
        *,
        name: str | None = None,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        focus: bool = True,
        keep_failed: bool = False,
    ) -> str:
        """Start a program in a window of its own; the id of its pane.

        Args:
            session_id: In which session (`$1`); None: the one that was used last.
            argv: As for `split`.
            name: The window's.
            cwd: As for `split`.
            env: As for `split`.
            focus: The session shows it.
            keep_failed: As for `split`.

        Raises:
            TmuxError: as `run`.
        """
        options = [] if session_id is None else ["-t", f"{session_id}:"]
        options += [] if name is None else ["-n", verbatim(name)]
        keep_failed = keep_failed and bool(argv)
        start = _start(argv, cwd, env, keep_failed=keep_failed)
        if focus:
            window = ["new-window", *options, *start]
            return _last_word(await self.run(window, *(_KEEP_FAILED if keep_failed else ())))
        made = _last_word(await self.run(["new-window", "-d", *options, *start]))
        if keep_failed:  # what follows in one call would mean the pane that has the focus
            with contextlib.suppress(TmuxError):
                await self.run(("set-option", "-p", "-t", made, "remain-on-exit", "failed"))
        return made

    async def new_session(
        self,
        name: str | None,
        argv: Sequence[str] = (),
        *,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        columns: int = 120,
        lines: int = 40,
        keep_failed: bool = False,
        config: str | None = None,
    ) -> str:
        """Start a program in a session of its own, and the server if it does not run.

        Args:
            name: The session's; tmux replaces `:` and `.` in it.
            argv: As for `split`.
            cwd: As for `split`.
            env: As for `split`.
            columns: Of the screen until a terminal shows it.
            lines: The same.
            keep_failed: As for `split`.
            config: As for `run`.

        Returns:
            The id of its pane.

        Raises:
            TmuxError: as `run`; the name may be taken.
        """
        await asyncio.to_thread(_make_folder, Path(self.socket).parent)
        options = ["-d", "-x", str(columns), "-y", str(lines)]
        options += [] if name is None else ["-s", verbatim(name)]
        keep_failed = keep_failed and bool(argv)
        made = ["new-session", *options, *_start(argv, cwd, env, keep_failed=keep_failed)]
        written = await self.run(made, *(_KEEP_FAILED if keep_failed else ()), config=config)
        return _last_word(written)


def _start(
    argv: Sequence[str],
    cwd: Path | str | None,
    env: Mapping[str, str] | None,
    *,
    keep_failed: bool,
) -> list[str]:
    """The options that all commands which start a program share."""
    if keep_failed:
        argv = (*_BELOW_A_BLANK_LINE, *argv)
    options = ["-P", "-F", "#{pane_id}"]
    if cwd is not None:
        options += ["-c", verbatim(str(cwd))]
    for name, value in (env or {}).items():
        options += ["-e", f"{name}={value}"]
    # One argument alone would be read by a shell.
    program = [shlex.quote(argv[0])] if len(argv) == 1 else list(argv)
    return [*options, "--", *program] if program else options


def _last_word(written: bytes) -> str:
    return written.decode("utf-8", "replace").strip()


def _make_folder(path: Path) -> None:
    """The folder of the sockets: tmux makes it for `-L`, but not for `-S`."""
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700)
