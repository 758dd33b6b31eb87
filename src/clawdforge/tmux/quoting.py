"""Commands as text: for tmux's configuration, for its hooks, and for the shell in them. Pure."""

import shlex
from collections.abc import Sequence

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@=+,^")


def quoted(text: str) -> str:
    """A text as one argument of a tmux command in a file or a hook, whatever is in it.

    Within single quotes tmux changes nothing; only these themselves stand outside of them.
    """
    if text and _PLAIN.issuperset(text) and not text.startswith(("=", "~")):
        return text
    if "'" in text and not any(char in text for char in '"$\\\n'):
        return f'"{text}"'
    return "'" + text.replace("'", "'\"'\"'") + "'"


def command_text(*words: str) -> str:
    """A tmux command as text."""
    return " ".join(quoted(word) if word != ";" else word for word in words)


def shell_text(argv: Sequence[str]) -> str:
    """A program and its arguments as a shell reads them."""
    return shlex.join(argv)


def unexpanded(text: str) -> str:
    """A text in which tmux expands formats (`run-shell`): as it is."""
    return text.replace("#", "##")
