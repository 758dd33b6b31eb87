"""Makes the panes of a layout in a real tmux, and starts what belongs in them."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from clawdforge.errors import InputError
from clawdforge.tmux import panels
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.layout_programs import Program
from clawdforge.tmux.layout_steps import Plan, plan
from clawdforge.tmux.layouts import Layout, Leaf
from clawdforge.tmux.protocol import measured, records
from clawdforge.tmux.server import TmuxServer

_PLACE = measured("session_id", "session_name", "window_id", "pane_id")
_SIZE = measured("pane_width", "pane_height")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """A pane that was made, or was there."""

    id: str
    leaf: Leaf
    shown: str
    """What runs in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A window that was divided."""

    session_id: str
    session: str
    window_id: str
    panes: tuple[Pane, ...]
    focus: str
    """The pane that has the keys."""


async def size_of(server: TmuxServer, target: str) -> tuple[int, int]:
    """Columns and lines of a pane, or of the active one of a window or session.

    Raises:
        TmuxError: it is gone.
    """
    written = await server.run(("display-message", "-p", "-t", target, _SIZE))
    [[width, height]] = records(written, 2)
    return int(width), int(height)


async def in_window(
    server: TmuxServer,
    layout: Layout,
    programs: Sequence[Program],
    env: Mapping[str, str],
    *,
    session_id: str | None,
) -> Built:
    """Make a window of its own.

    Args:
        server: Where.
        layout: Its division.
        programs: What runs in each of its leaves.
        env: Variables for all of them.
        session_id: In which session; None: the one that was used last.

    Raises:
        InputError: the window is too small.
        TmuxError: tmux could not do it; nothing of it is left then.
    """
    first = programs[0]
    pane_id = await server.new_window(
        session_id,
        first.argv,
        name=layout.name,
        cwd=first.cwd,
        env=env,
        keep_failed=first.lasts,
    )
    return await _or_nothing(server, layout, programs, env, pane_id)


async def in_session(
    server: TmuxServer,
    layout: Layout,
    programs: Sequence[Program],
    env: Mapping[str, str],
    *,
    name: str,
    size: tuple[int, int],
) -> Built:
    """Make a session of its own, and the server if it does not run.

    Args:
        server: Where.
        layout: As for `in_window`.
        programs: As for `in_window`.
        env: As for `in_window`.
        name: The session's; tmux replaces `:` and `.` in it.
        size: Columns and lines, until a terminal shows it.

    Raises:
        InputError: the window is too small, or the name is taken (`session_exists`).
        TmuxError: tmux could not do it; nothing of it is left then.
    """
    plan(layout, *size)  # before anything is made
    first = programs[0]
    try:
        pane_id = await server.new_session(
            name,
            first.argv,
            cwd=first.cwd,
            env=env,
            columns=size[0],
            lines=size[1],
            keep_failed=first.lasts,
        )
    except TmuxError as error:
        if "duplicate session" not in error.message:
            raise
        raise name_taken(name) from None
    return await _or_nothing(server, layout, programs, env, pane_id)


def name_taken(name: str) -> InputError:
    """There is a session of that name."""
    msg = f"there is a tmux session {name!r} already"
    hint = "choose another name, or `clawdforge workspace attach` goes to it"
    return InputError(msg, code="session_exists", hint=hint)


async def in_pane(
    server: TmuxServer,
    layout: Layout,
    programs: Sequence[Program],
    env: Mapping[str, str],
    pane_id: str,
    made: list[str] | None = None,
) -> Built:
    """Divide a pane. What runs in it stays, whatever the first leaf's program is.

    Args:
        server: Where.
        layout: As for `in_window`.
        programs: As for `in_window`.
        env: As for `in_window`.
        pane_id: Which.
        made: Is given the panes that were made, also when it fails.

    Raises:
        InputError: the pane is too small.
        TmuxError: tmux could not do it.
    """
    steps = plan(layout, *await size_of(server, pane_id))
    ids = [pane_id]
    for split in steps.splits:
        program = programs[split.leaf]
        ids.append(
            await server.split(
                ids[split.of],
                program.argv,
                side="right" if split.direction == "horizontal" else "below",
                size=str(split.cells),
                cwd=program.cwd,
                env=env,
                keep_failed=program.lasts,
            )
        )
        if made is not None:
            made.append(ids[-1])
    by_leaf = [ids[number] for number in steps.panes]
    ours = {*ids[1:], *(made or ())}
    await server.run(*_marks(steps, by_leaf, ours), ["select-pane", "-t", ids[steps.focus]])
    written = await server.run(("display-message", "-p", "-t", pane_id, _PLACE))
    [[session_id, session, window_id, _]] = records(written, 4)
    return Built(
        session_id=session_id,
        session=session,
        window_id=window_id,
        panes=tuple(
            Pane(id=one, leaf=leaf, shown=program.shown)
            for one, leaf, program in zip(by_leaf, steps.leaves, programs, strict=True)
        ),
        focus=ids[steps.focus],
    )


def _marks(steps: Plan, by_leaf: Sequence[str], ours: Collection[str]) -> list[list[str]]:
    marks = [
        command
        for pane_id, width in zip(by_leaf, steps.widths, strict=True)
        if width is not None
        for command in panels.marking(pane_id, width or panels.USUAL, made=pane_id in ours)
    ]
    return [*marks, *panels.keep_widths()] if marks else []


async def _or_nothing(
    server: TmuxServer,
    layout: Layout,
    programs: Sequence[Program],
    env: Mapping[str, str],
    pane_id: str,
) -> Built:
    made = [pane_id]
    try:
        return await in_pane(server, layout, programs, env, pane_id, made)
    except BaseException:
        for one in reversed(made):  # each is ours: made a moment ago
            with contextlib.suppress(TmuxError):
                await server.kill_pane(one)
        raise
