"""Types for a person into a pane: carefully, as nobody looks at it."""

from collections.abc import Sequence

from clawdforge.errors import InputError
from clawdforge.tmux.answering import asked_in
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.server import TmuxServer


async def say(
    server: TmuxServer, pane_id: str, text: str, *, enter: bool = True, force: bool = False
) -> None:
    """Say something to the program in a pane.

    Args:
        server: The pane's.
        pane_id: Which.
        text: What, as it is.
        enter: Press Enter after it.
        force: Also when the program asks something: then Enter would answer that.

    Raises:
        TmuxError: as `TmuxServer.send_text`; `question_open`: it asks something.
    """
    if not force:
        await _nothing_asked(server, pane_id)
    await server.send_text(pane_id, text)
    if not enter:
        return
    if not force:
        await _nothing_asked(server, pane_id)
    await server.send_keys(pane_id, "Enter")


async def press(server: TmuxServer, pane_id: str, keys: Sequence[str]) -> None:
    """Press keys, by tmux's names.

    Raises:
        InputError: that is no key. A text would be typed instead.
        TmuxError: as `TmuxServer.run`.
    """
    for key in keys:
        if not is_key(key):
            msg = f"{key!r} is no key"
            raise InputError(msg, hint="as tmux names them: Enter, Escape, Tab, Up, C-c, M-x, F1")
    await server.send_keys(pane_id, *keys)


def is_key(name: str) -> bool:
    """Whether tmux knows a key by this name; single characters are keys, too. Pure."""
    while len(name) > 2 and name[:2] in {"C-", "M-", "S-"}:
        name = name[2:]
    if len(name) == 1:
        return name.isprintable()
    return name.lower() in _KEYS or name in _FUNCTION_KEYS


_KEYS = frozenset(
    {
        "up", "down", "left", "right", "home", "end", "pageup", "pgup", "ppage", "pagedown",
        "pgdn", "npage", "tab", "btab", "bspace", "enter", "escape", "space", "delete", "dc",
        "insert", "ic",
    }
)  # fmt: skip
_FUNCTION_KEYS = frozenset(f"F{number}" for number in range(1, 21))


async def _nothing_asked(server: TmuxServer, pane_id: str) -> None:
    question = await asked_in(server, pane_id)
    if question is not None:
        msg = f"{pane_id} waits for an answer: a text would be taken for it"
        hint = "`clawdforge peek --prompt` shows what it asks, `clawdforge reply` answers it"
        raise TmuxError(msg, code="question_open", hint=hint)
