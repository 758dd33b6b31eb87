"""The keys for tmux, as a file that its configuration reads, and a line for its status bar. Pure.

All keys are in a table of their own: prefix, one key of the person's choice, and then ours. So
there is one key of tmux that may be taken already, not ten.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clawdforge.errors import InputError
from clawdforge.tmux.panels import MARK, fit_text
from clawdforge.tmux.quoting import command_text, quoted, shell_text, unexpanded

TABLE = "clawdforge"
DEFAULT_KEY = "a"
POPUP = ("-w", "90%", "-h", "85%")
SMALL_POPUP = ("-w", "80%", "-h", "60%")
_WAIT = "printf '\\n[Enter] '; read -r _"
_FOCUS = f"#{{P:#{{?#{{{MARK}}},select-pane -t #{{pane_id}} ;,}}}}"
_TELL = (
    'told=$("$@" 2>&1 >/dev/null) || '
    "tmux display-message \"$(printf '%s' \"$told\" | tr '\\n' ' ' | sed 's/[#%]/&&/g')\""
)
"""Runs its arguments; what goes wrong stands in the status bar. tmux expands what it is told to
show there: not what others have written."""
_SEND = (
    '"$@" ps; printf \'\\nto (its id, or a pane as %%5): \'; read -r to; [ -n "$to" ] || exit 0; '
    "printf 'say: '; read -r text; [ -n \"$text\" ] || exit 0; "
    f'"$@" send "$to" "$text" || {{ {_WAIT}; }}'
)
"""What is typed goes into variables, never into a command."""
_PEEK = (
    'first=$("$@" ps is:needs --ids | head -n 1); '
    "if [ -z \"$first\" ]; then echo 'Nobody needs you.'; "
    'else "$@" peek "$first" --prompt; fi; ' + _WAIT
)
_LAYOUTS = (("solo", "1"), ("pair", "2"), ("squad", "3"), ("grid", "4"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One key."""

    key: str
    does: str
    """For `list-keys -N`, and for people."""
    command: str = ""
    """The tmux command, as text."""


def bindings(program: Sequence[str]) -> tuple[Binding, ...]:
    """All keys of our table.

    Args:
        program: How `clawdforge` is started, without a shell.
    """

    def shown(script: str, *size: str) -> str:
        run = shell_text(["sh", "-c", script, "sh", *program])
        return command_text("display-popup", "-E", *size, "-d", "#{pane_current_path}", run)

    def done(rest: str) -> str:
        run = unexpanded(shell_text(["sh", "-c", _TELL, "sh", *program]))
        return command_text("run-shell", "-b", f"{run} {rest}")

    at = "--dir #{q:pane_current_path}"
    menu = [
        word
        for name, key in _LAYOUTS
        for word in (name, key, done(f"layout {name} {at} --to #{{q:session_id}}"))
    ]
    top = shell_text([*program, "top", "--pick"])
    return (
        Binding(
            key="j",
            does="jump to the next agent that needs you",
            command=done("next --from #{q:pane_id}"),
        ),
        Binding(
            key="d",
            does="the dashboard in a popup; Enter jumps",
            command=command_text("display-popup", "-E", *POPUP, top),
        ),
        Binding(key="p", does="what the next one asks", command=shown(_PEEK, *SMALL_POPUP)),
        Binding(key="s", does="say something to an agent", command=shown(_SEND, *SMALL_POPUP)),
        Binding(
            key="n",
            does="another agent below this pane",
            command=done("spawn --target-pane #{q:pane_id}"),
        ),
        Binding(
            key="l",
            does="a layout of agents in a new window",
            command=command_text("display-menu", "-T", "agents", *menu),
        ),
        Binding(
            key="w",
            does="sidebars in the windows of this session",
            command=done("workspace attach --detached #{q:session_id}"),
        ),
        Binding(
            key="b",
            does="go to the sidebar",
            command=command_text("run-shell", "-C", _FOCUS),
        ),
        Binding(key="r", does="sidebars back to their width", command=fit_text()),
        Binding(
            key="?",
            does="these keys",
            command=command_text("display-popup", "-E", *SMALL_POPUP, _help()),
        ),
    )


def bindings_file(program: Sequence[str], key: str = DEFAULT_KEY) -> str:
    """The file with all keys.

    Args:
        program: How `clawdforge` is started, without a shell.
        key: After tmux's prefix, before each of ours.

    Raises:
        InputError: that is no key.
    """
    if not key or not key.isprintable() or any(char.isspace() for char in key):
        msg = f"{key!r} is no key"
        raise InputError(msg, hint="as tmux names them: a, A, C-a, M-a, F5")
    lines = [
        "# Made by `clawdforge keys install`; changes here are lost at the next one.",
        f"# prefix, {key}, and then:",
    ]
    all_keys = bindings(program)
    lines += [f"#   {one.key}  {one.does}" for one in all_keys]
    lines += [
        "",
        command_text("bind-key", "-N", "agents: then ? shows the keys", key)
        + f" {command_text('switch-client', '-T', TABLE)}",
    ]
    for one in all_keys:
        head = command_text("bind-key", "-T", TABLE, "-N", one.does, one.key)
        lines.append(f"{head} {one.command}")
    return "\n".join(lines) + "\n"


def unbinding(key: str = DEFAULT_KEY) -> list[list[str]]:
    """The commands that take the keys out of a running server."""
    return [["unbind-key", "-q", key], ["unbind-key", "-a", "-q", "-T", TABLE]]


def key_of(text: str) -> str:
    """The key that a file of ours was made with."""
    found = re.search(r"^# prefix, (\S+), and then:$", text, re.MULTILINE)
    return found[1] if found else DEFAULT_KEY


def source_line(path: str) -> str:
    """The line for tmux.conf that reads the file with the keys."""
    return f"source-file -q {quoted(path)} {MARKER}"


MARKER = "# clawdforge keys"
"""By this our line is known again."""


def with_line(conf: str, path: str) -> str:
    """The configuration with our line, once, at its end."""
    rest = without_line(conf)
    if rest and not rest.endswith("\n"):
        rest += "\n"
    return f"{rest}{source_line(path)}\n"


def without_line(conf: str) -> str:
    """The configuration without our line; all else is as it was."""
    kept = [line for line in conf.splitlines(keepends=True) if not _is_ours(line)]
    return "".join(kept)


def status_bar_lines(argv: Sequence[str], interval_secs: int) -> str:
    """The lines for tmux.conf that show what a program prints.

    Raises:
        InputError: its path cannot be named there.
    """
    command = shell_text(argv)
    if "(" in command or ")" in command or "\n" in command:
        msg = f"tmux cannot be told of {command}: it has parentheses, or a line break"
        raise InputError(msg, hint="leave them out of --format, or choose another --data-dir")
    shown = quoted(f"#({_in_status(command)}) ")
    return f"set-option -g status-interval {interval_secs}\nset-option -ga status-right {shown}\n"


def _in_status(command: str) -> str:
    """A shell's command in a status line: times and formats are expanded, `#[…]` is a style."""
    return command.replace("%", "%%").replace("#", "##").replace("##[", "#[")


def _is_ours(line: str) -> bool:
    return line.startswith("source-file ") and line.rstrip().endswith(MARKER)


def _help() -> str:
    return shell_text(["sh", "-c", f"tmux list-keys -N -T {TABLE}; {_WAIT}"])
