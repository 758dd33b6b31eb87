"""What runs in the panes of a layout. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clawdforge.errors import ConfigError
from clawdforge.tmux.agents import agent_command
from clawdforge.tmux.layouts import Leaf

AFTERWARDS = 'trap : INT QUIT; "$@"; trap - INT QUIT; exec "${SHELL:-/bin/sh}"'
"""A script that runs its arguments, and then the person's shell: who ends an agent keeps the pane.

Ctrl-C is the program's; were it not caught here, it would end the script too.
"""
PASSED = (
    "PATH",
    "ATM_SOCKET",
    "XDG_STATE_HOME",
    "CLAUDE_CONFIG_DIR",
    "CLAWDFORGE_DATA_DIR",
    "CLAWDFORGE_CONFIG",
    "CLAWDFORGE_URL",
)
"""Variables that say where things are, as here: the tmux server may be older. No secrets: other
users of the machine can read what tmux is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What runs in one pane."""

    argv: tuple[str, ...] = field(repr=False)
    """Empty: the person's shell."""
    cwd: str
    shown: str
    """In a word or two, for people."""
    lasts: bool = False
    """When it fails the pane stays, and shows why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all panes of a layout share."""

    folder: Path
    agent: str = "claude"
    model: str | None = None
    panel: Sequence[str] = ()
    """The dashboard in its compact form."""
    editor: Sequence[str] = ()
    """The person's editor; empty: a shell, in which they start one."""
    find: Callable[[str], str | None] = lambda name: name
    """Where a program is; None: it is not installed."""


def program_of(leaf: Leaf, setting: Setting) -> Program:
    """What runs in a pane.

    Raises:
        ConfigError: it is not installed (`agent_missing`).
        InputError: the agent is not known, or takes no model.
    """
    cwd = str(setting.folder / Path(leaf.cwd).expanduser()) if leaf.cwd else str(setting.folder)
    if leaf.command:
        return _kept(_found(leaf.command, setting), cwd, leaf.command[0])
    match leaf.role:
        case "agent":
            name = leaf.agent or setting.agent
            # A model is one of the agent that it was named for.
            model = leaf.model or (setting.model if name == setting.agent else None)
            command = agent_command(name, model=model, more=leaf.args)
            shown = f"{name} ({model})" if model else name
            return _kept(_found(command, setting), cwd, shown)
        case "editor" if setting.editor:
            return _kept(_found(setting.editor, setting), cwd, setting.editor[0])
        case "panel":
            shown = "clawdforge top --compact"
            return Program(argv=tuple(setting.panel), cwd=cwd, shown=shown, lasts=True)
        case _:
            return Program(argv=(), cwd=cwd, shown="a shell")


def passed(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for what is started."""
    return {name: environ[name] for name in PASSED if environ.get(name)}


def bare(program: Program) -> tuple[str, ...]:
    """The program without the shell after it: for a terminal that has one."""
    return program.argv[4:] if program.argv[2:3] == (AFTERWARDS,) else program.argv


def _kept(argv: Sequence[str], cwd: str, shown: str) -> Program:
    return Program(argv=("/bin/sh", "-c", AFTERWARDS, "sh", *argv), cwd=cwd, shown=shown)


def _found(argv: Sequence[str], setting: Setting) -> tuple[str, ...]:
    path = setting.find(argv[0])
    if path is None:
        msg = f"{argv[0]} is not installed, or not on the PATH"
        hint = "install it, or name another with --agent"
        raise ConfigError(msg, code="agent_missing", hint=hint)
    return (path, *argv[1:])
