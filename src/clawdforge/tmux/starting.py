"""Starts an agent in a pane of its own, as a person would by hand."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from clawdforge.errors import AgentMissingError
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import Pane


async def program_path(argv: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """The same, with the program's whole path: a tmux server may have another PATH.

    Raises:
        AgentMissingError: there is no such program.
    """
    found = await asyncio.to_thread(_find, argv[0], environ.get("PATH"))
    if found is None:
        msg = f"{argv[0]} is not installed, or not in your PATH"
        raise AgentMissingError(msg)
    return [found, *argv[1:]]


def own_pane(panes: Sequence[Pane], environ: Mapping[str, str]) -> Pane | None:
    """The pane that we run in; None: we run in none. Pure."""
    here = environ.get("TMUX", "").partition(",")[0]
    pane_id = environ.get("TMUX_PANE", "")
    return next((one for one in panes if one.socket == here and one.id == pane_id), None)


def pane_to_split(panes: Sequence[Pane], own: Pane | None, chosen: Pane | None = None) -> Pane:
    """Where a new agent goes, when nobody says it. Pure.

    Beside the chosen one where that is in our window; else in the largest pane of our window but
    our own. Outside tmux: in the pane that is shown and used, of the session that somebody sees.

    Raises:
        TmuxError: there is no pane at all (`no_pane`).
    """
    if own is not None:
        around = [one for one in panes if one.window_id == own.window_id and _same(one, own)]
        if chosen is not None and chosen in around:
            return chosen
        others = [one for one in around if one.id != own.id and not one.dead]
        return max(others, key=lambda one: one.width * one.height, default=own)
    if chosen is not None:
        return chosen
    shown = [one for one in panes if one.active and one.window_active and not one.dead]
    if not shown:
        msg = "there is no tmux pane to split"
        hint = "start tmux first, or `clawdforge workspace create`"
        raise TmuxError(msg, code="no_pane", hint=hint)
    return max(shown, key=lambda one: one.attached > 0)


def _find(program: str, path: str | None) -> str | None:
    found = shutil.which(program, path=path)
    return None if found is None else str(Path(found).absolute())


def _same(one: Pane, other: Pane) -> bool:
    return one.socket == other.socket
