"""What is done with tmux panes of another machine: small scripts that its `sh` runs. Pure.

The tmux server is found by the environment of the session's process, which also proves that the
pane is still its own: what is typed must never reach somebody else's shell. Texts go over stdin.
"""

import re
from collections.abc import Sequence

from clawdforge.errors import InputError

MAX_TEXT_BYTES = 1024 * 1024
_PANE = re.compile(r"%[0-9]{1,9}")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,20}")

# One line each, with neither single quotes nor exclamation marks: they pass through any login
# shell. $1: the pane; $2: the process, 0 where it is not known.
_FIND = (
    's=""; if [ "$2" -gt 0 ] && [ -d /proc/self ]; then '
    'e=$(tr "\\0" "\\n" </proc/"$2"/environ 2>/dev/null) || '
    '{ echo "its process has ended" >&2; exit 3; }; '
    's=$(echo "$e" | sed -n "s/^TMUX=//p"); s=${s%%,*}; '
    'p=$(echo "$e" | sed -n "s/^TMUX_PANE=//p"); '
    '[ "$p" = "$1" ] || { echo "it is not in that pane" >&2; exit 3; }; fi; '
    't() { if [ -n "$s" ]; then tmux -S "$s" "$@"; else tmux "$@"; fi; }; '
)
_LEAVE = 't if-shell -F -t "$1" "#{pane_in_mode}" "copy-mode -q -t $1"; '
_SEND = (
    't load-buffer -b clawdforge-"$$" - && '
    't paste-buffer -p -d -b clawdforge-"$$" -t "$1" && '
    + _LEAVE
    + 'sleep 0.2; t send-keys -t "$1" Enter'
)
_PRESS = _LEAVE + 'w=$1; shift 2; t send-keys -t "$w" "$@"'
_LOOK = 't capture-pane -e -p -t "$1"'
_KILL = 't kill-pane -t "$1"'
_SHOW = (
    't select-window -t "$1" && t select-pane -t "$1" && '
    'if [ -n "$s" ]; then exec tmux -S "$s" attach-session -t "$1"; '
    'else exec tmux attach-session -t "$1"; fi'
)


def sending(pane: str, pid: int | None) -> list[str]:
    """Type what comes over stdin, and press Enter.

    Raises:
        InputError: that is no pane.
    """
    return _script(_SEND, pane, pid)


def pressing(pane: str, pid: int | None, keys: Sequence[str]) -> list[str]:
    """Press keys by tmux's names.

    Raises:
        InputError: that is no pane, or no key.
    """
    if not all(_KEY.fullmatch(key) for key in keys):
        msg = "that is no key"
        raise InputError(msg)
    return [*_script(_PRESS, pane, pid), *keys]


def looking(pane: str, pid: int | None) -> list[str]:
    """What stands on its screen, with colours.

    Raises:
        InputError: that is no pane.
    """
    return _script(_LOOK, pane, pid)


def killing(pane: str, pid: int | None) -> list[str]:
    """Close it, and what runs in it.

    Raises:
        InputError: that is no pane.
    """
    return _script(_KILL, pane, pid)


def showing(pane: str, pid: int | None) -> list[str]:
    """Show it in the terminal that this runs in.

    Raises:
        InputError: that is no pane.
    """
    return _script(_SHOW, pane, pid)


def _script(text: str, pane: str, pid: int | None) -> list[str]:
    if _PANE.fullmatch(pane) is None:
        msg = "it runs in no tmux pane"
        raise InputError(msg)
    return ["sh", "-c", _FIND + text, "sh", pane, str(pid or 0)]
