"""Goes to a pane: the terminal of whoever asks shows it then."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import Pane, Terminal
from clawdforge.tmux.server import TmuxServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Jumped:
    """What has become of a jump."""

    pane: Pane
    terminal: str | None
    """The terminal that shows the pane now; None: none does yet."""
    attach: tuple[str, ...] = ()
    """The program that shows it in a terminal, where none does yet."""


async def jump(
    pane: Pane, environ: Mapping[str, str], *, move: bool = True, elsewhere: bool = True
) -> Jumped:
    """Make the pane the one that is shown, in the terminal that we run in where that is tmux.

    Inside tmux our own terminal goes there: to another session, and even to another server (it
    leaves this one, which goes on). Outside tmux a terminal that already shows that server does,
    the one that was used last; when there is none, `attach` of what is returned is to be run in
    a terminal (`clawdforge.processes.program.become`).

    Args:
        pane: Where to.
        environ: Tells where we run (`TMUX`, `TMUX_PANE`).
        move: Our terminal may leave its tmux server for another one.
        elsewhere: Outside tmux: another terminal may be used. Else always `attach`.

    Raises:
        TmuxError: as `TmuxServer.run`; `pane_gone`.
    """
    server = TmuxServer(pane.socket, environ)
    here = environ.get("TMUX", "").partition(",")[0]
    terminals = [one for one in await server.terminals() if not one.control]
    if here == pane.socket:
        own = await _own_terminal(server, environ, terminals)
    else:
        own = terminals[0] if terminals and elsewhere and not here else None
    session = await _session_for(server, pane, own)
    select = (
        ("select-window", "-t", f"{session}:{pane.window_id}"),
        ("select-pane", "-Z", "-t", pane.id),
    )
    if own is not None:
        await server.run(*select, ("switch-client", "-c", own.name, "-t", session))
        return Jumped(pane=pane, terminal=own.name)
    await server.run(*select)
    attach = (*server.argv, "attach-session", "-t", session)
    moved = await _leave(here, environ, attach) if here and here != pane.socket and move else None
    return Jumped(pane=pane, terminal=moved, attach=() if moved else attach)


async def _own_terminal(
    server: TmuxServer, environ: Mapping[str, str], terminals: list[Terminal]
) -> Terminal | None:
    """The terminal in which we are seen: it shows our pane's session; of several the last used."""
    own_pane = environ.get("TMUX_PANE", "")
    if not own_pane:
        return terminals[0] if terminals else None
    written = await server.run(("list-panes", "-a", "-F", "#{pane_id} #{session_id}"))
    ours = {
        session
        for line in written.decode("ascii", "replace").splitlines()
        for pane_id, _, session in [line.partition(" ")]
        if pane_id == own_pane
    }
    showing = [one for one in terminals if one.session_id in ours]
    return next(iter(showing or terminals), None)


async def _session_for(server: TmuxServer, pane: Pane, terminal: Terminal | None) -> str:
    """The session in which the pane is shown: the terminal's own where its window is in it too."""
    if terminal is None or terminal.session_id == pane.session_id:
        return pane.session_id
    written = await server.run(("list-windows", "-a", "-F", "#{session_id} #{window_id}"))
    known = set(written.decode("ascii", "replace").splitlines())
    is_there = f"{terminal.session_id} {pane.window_id}" in known
    return terminal.session_id if is_there else pane.session_id


async def _leave(here: str, environ: Mapping[str, str], attach: tuple[str, ...]) -> str | None:
    """Have our terminal leave its server and run this instead; None: we are in none."""
    server = TmuxServer(here, environ)
    try:
        terminals = [one for one in await server.terminals() if not one.control]
        own = await _own_terminal(server, environ, terminals)
        if own is None:
            return None
        await server.run(("detach-client", "-t", own.name, "-E", shlex.join(attach)))
    except TmuxError:
        return None
    return own.name
