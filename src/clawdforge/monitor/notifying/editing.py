"""Adds targets to `notifications.toml` and takes them out, all else in it stays as it is. Blocks.

Files of secrets that were made here (0600) lie beside it, and go with their target.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from clawdforge.config.folders import make_private_folder, write_private_file
from clawdforge.errors import ConfigError, ConflictError, NotFoundError
from clawdforge.monitor.notifying.files import read_file
from clawdforge.monitor.notifying.signing import MIN_BYTES, made_secret
from clawdforge.monitor.notifying.targets import NAME, Configured, Target, read_targets

_HEAD: Final = """\
# Whom clawdforge tells that a session needs you, or has finished: docs/notifications.md
# A change holds at once. `clawdforge notify test` tries it.
"""
_TABLE = re.compile(r"^\s*\[")


def add_target(path: Path, name: str, settings: Mapping[str, Any], *, with_secret: bool) -> Path:
    """Add a target.

    Args:
        path: The file; it is made.
        name: Of the target.
        settings: Its keys and values.
        with_secret: Make a secret for its signatures.

    Returns:
        Where the secret is, or the file.

    Raises:
        ConflictError: there is one of that name.
        ConfigError: the file, or the new target, makes no sense.
    """
    before = _usable(path)
    if NAME.fullmatch(name) is None:
        msg = f"{name!r} cannot be a name"
        raise ConfigError(msg, hint="letters, digits, - and _")
    if name in before.targets or _cut(_text(path), name) != _text(path):
        msg = f"there is a target {name} already"
        hint = f"another --name, or `clawdforge notify remove {name}` first"
        raise ConflictError(msg, hint=hint)
    secret = _secret_file(path, name)
    settings = dict(settings) | ({"secret_file": secret.name} if with_secret else {})
    text = _text(path) or _HEAD
    text = text.rstrip("\n") + "\n\n" + _table(name, settings)
    made = read_targets(text, str(path))
    if name not in made.targets:
        raise ConfigError(_of(made.problems, name), hint="nothing was changed")
    _make_folder(path.parent)
    if with_secret:
        write_private_file(secret, made_secret(secrets.token_bytes(MIN_BYTES)) + "\n")
    write_private_file(path, text)
    return secret if with_secret else path


def remove_target(path: Path, name: str) -> None:
    """Take a target out.

    Raises:
        NotFoundError: there is none of that name.
        ConfigError: it is written in a way that we do not take apart.
    """
    text = _text(path)
    rest = _cut(text, name)
    left = read_targets(rest, str(path))
    before = read_file(path)
    if rest == text or set(left.targets) != set(before.targets) - {name}:
        if name not in before.targets and rest == text:
            known = ", ".join(before.targets) or "none"
            raise NotFoundError(f"there is no target {name}", hint=f"there are: {known}")
        msg = f"{path}: the target {name} has no table of its own"
        raise ConfigError(msg, hint="remove it there by hand")
    write_private_file(path, rest)
    _secret_file(path, name).unlink(missing_ok=True)


def free_name(path: Path, kind: str) -> str:
    """A name for a target that was given none."""
    text, number = _text(path), 1
    if kind in {"bell", "desktop"}:
        return kind  # one is enough
    while _cut(text, name := kind if number == 1 else f"{kind}-{number}") != text:
        number += 1
    return name


def where_of(target: Target) -> str:
    """Where a target is, as it may be shown: never more of an address than its host."""
    channel: Any = target.channel
    address = getattr(channel, "url", None) or getattr(channel, "server", None)
    if address is None:
        return "this machine"
    return str(address).partition("://")[2].partition("/")[0]


def _usable(path: Path) -> Configured:
    configured = read_file(path)
    if configured.problems and not configured.targets:
        raise ConfigError(configured.problems[0], hint="mend it first")
    return configured


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise ConfigError(msg) from None


def _cut(text: str, name: str) -> str:
    """The text without a target's table; comments before the next table belong to that."""
    own = re.compile(rf"^\s*\[\s*targets\s*\.\s*(?:{re.escape(name)}|\"{re.escape(name)}\")\s*\]")
    kept: list[str] = []
    loose: list[str] = []
    is_own = False
    for line in text.splitlines(keepends=True):
        if _TABLE.match(line):
            kept += loose if "".join(loose).strip() else []
            is_own, loose = own.match(line) is not None, []
        if not is_own:
            kept.append(line)
        elif line.strip() and not line.lstrip().startswith("#"):
            loose = []
        elif loose or line.strip() or not kept or kept[-1].strip():
            loose.append(line)
    return "".join(kept).rstrip("\n") + "\n" if is_own else "".join(kept)


def _table(name: str, settings: Mapping[str, Any]) -> str:
    lines = [f"[targets.{name}]"]
    lines += [f"{key} = {_value(value)}" for key, value in settings.items() if value is not None]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """A value in TOML: its strings, numbers and lists are written as those of JSON."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _of(problems: Sequence[str], name: str) -> str:
    named = [one for one in problems if f"targets.{name}" in one]
    return (named or list(problems))[0]


def _secret_file(path: Path, name: str) -> Path:
    return path.with_name(f"notify-{name}.secret")


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        make_private_folder(folder)
