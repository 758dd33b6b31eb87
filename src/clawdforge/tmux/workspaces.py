"""Workspaces: tmux sessions with a sidebar in each window."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clawdforge.errors import InputError
from clawdforge.tmux import panels
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.layout_steps import panel_columns
from clawdforge.tmux.protocol import measured, records
from clawdforge.tmux.server import TmuxServer

_SESSION = measured("session_id", "session_name", "session_last_attached", panels.WORKSPACE)
_WINDOW = measured(
    "window_id",
    "window_width",
    "window_zoomed_flag",
    "pane_id",
    panels.MARK,
    panels.MADE,
    panels.ATM_MARK,
)
MAX_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session of a tmux server."""

    id: str
    name: str
    used: int
    """When a terminal last came to show it; seconds since 1970; 0: never."""
    is_workspace: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of a session."""

    id: str
    columns: int
    zoomed: bool
    """One pane fills it."""
    panels: tuple[str, ...]
    """The panes that were made for sidebars."""
    has_panel: bool
    """It has a sidebar, of ours or of atm."""


def socket_name(name: str) -> str:
    """The name of the server that a workspace has for itself."""
    return "clawdforge-" + re.sub(r"[^A-Za-z0-9_-]", "_", name)


def checked_name(name: str) -> str:
    """The name as tmux gives it to a session.

    Raises:
        InputError: it cannot be one.
    """
    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        msg = f"{name!r} cannot be the name of a session"
        raise InputError(msg, hint="give another with --name")
    return name.replace(":", "_").replace(".", "_")


async def sessions(server: TmuxServer) -> list[Session]:
    """Its sessions; none when it does not run.

    Raises:
        TmuxError: it cannot be asked.
    """
    try:
        written = await server.run(("list-sessions", "-F", _SESSION))
    except TmuxError as error:
        if error.code == "tmux_gone":
            return []
        raise
    return [
        Session(id=id_, name=name, used=int(used or 0), is_workspace=mark == "1")
        for id_, name, used, mark in records(written, 4)
    ]


async def session_named(server: TmuxServer, name: str | None) -> Session:
    """A session by its exact name or id; None: the one that a terminal came to show last.

    Raises:
        InputError: there is none (`not_found`).
        TmuxError: it cannot be asked.
    """
    found = await sessions(server)
    if name is None and found:
        return max(found, key=lambda one: (one.used, int(one.id.removeprefix("$") or 0)))
    for one in found:
        if name in {one.name, one.id}:
            return one
    msg = "no tmux session runs" if name is None else f"there is no tmux session {name!r}"
    names = ", ".join(one.name for one in found)
    hint = f"there are {names}" if names else "`clawdforge workspace create` makes one"
    raise InputError(msg, code="not_found", hint=hint)


async def windows(server: TmuxServer, session_id: str) -> list[Window]:
    """The windows of a session.

    Raises:
        TmuxError: it is gone.
    """
    written = await server.run(("list-panes", "-s", "-t", session_id, "-F", _WINDOW))
    found: dict[str, Window] = {}
    for window_id, columns, zoomed, pane_id, mark, made, atm_mark in records(written, 7):
        known = found.get(window_id)
        ours = (*(known.panels if known else ()), *([pane_id] if made else []))
        found[window_id] = Window(
            id=window_id,
            columns=int(columns),
            zoomed=zoomed == "1",
            panels=ours,
            has_panel=bool(mark or atm_mark or (known and known.has_panel)),
        )
    return list(found.values())


async def furnish(
    server: TmuxServer,
    session_id: str,
    panel: Sequence[str],
    env: Mapping[str, str],
) -> list[str]:
    """Make a session a workspace: a sidebar in each window that has none, and in those to come.

    Args:
        server: Where.
        session_id: Which session.
        panel: The dashboard in its compact form.
        env: Variables for it.

    Returns:
        The windows that got one. Those that are too narrow get none.

    Raises:
        TmuxError: tmux could not do it.
    """
    lacking = [
        one
        for one in await windows(server, session_id)
        if not one.has_panel and one.columns >= panels.FEWEST_COLUMNS
    ]
    for one in lacking:
        columns = panel_columns(one.columns)
        made = await server.run(panels.widen(one.id, panel, env, columns, zoomed=one.zoomed))
        await server.run(*panels.marking(made.decode("ascii", "replace").strip()))
    await claim(server, session_id, panel, env)
    return [one.id for one in lacking]


async def claim(
    server: TmuxServer, session_id: str, panel: Sequence[str], env: Mapping[str, str]
) -> None:
    """Have windows to come get a sidebar, and all sidebars keep their width.

    Raises:
        TmuxError: tmux could not do it.
    """
    await server.run(
        ["set-option", "-t", session_id, panels.WORKSPACE, "1"],
        *panels.keep_widths(),
        *panels.follow_new_windows(panel, env),
    )


async def clear(server: TmuxServer, session_id: str, *, last: str | None = None) -> list[str]:
    """Take the sidebars of a session away again, and nothing else; which there were.

    Args:
        server: Where.
        session_id: Which session.
        last: The pane that we are in ourselves: it goes last.

    Raises:
        TmuxError: tmux could not do it.
    """
    ours = [pane for one in await windows(server, session_id) for pane in one.panels]
    await server.run(["set-option", "-u", "-t", session_id, panels.WORKSPACE])
    if not any(one.is_workspace for one in await sessions(server)):
        marks = (await server.run(("list-panes", "-a", "-F", f"#{{{panels.MARK}}}"))).split()
        await server.run(*panels.forget(all_of_them=len(marks) <= len(ours)))
    for pane_id in sorted(ours, key=lambda one: one == last):
        await server.kill_pane(pane_id)
    return ours
