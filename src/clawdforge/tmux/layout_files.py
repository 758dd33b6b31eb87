"""Layouts of one's own: the TOML of atm 0.2.2, and a little more. Pure.

    [layout]
    name = "mine"

    [layout.root]
    direction = "horizontal"

    [[layout.root.children]]
    role = "agent"
    size = "75%"

    [[layout.root.children]]
    role = "panel"

Several in one file are `[layouts.NAME.root]`. A slot with `children` is a branch, whatever its
`role`; `direction` says how its children stand, and `count` makes several of a leaf.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, get_args

from clawdforge.errors import ConfigError
from clawdforge.tmux.agents import TERMINAL_AGENTS
from clawdforge.tmux.layouts import (
    BUILT_IN,
    NAMES,
    Branch,
    Cells,
    Direction,
    Layout,
    Leaf,
    Node,
    Share,
    Size,
    leaves,
)

MAX_PANES = 32
MAX_DEPTH = 16
_DIRECTIONS = get_args(Direction)
_SLOT = {"role", "size", "direction", "children", "count", "focus"}
_AGENT = {"agent", "model", "args"}
_FREE = {"command", "cwd"}
_OWN_FILE_ONLY = ("command", "args")
"""Whoever clones a repository has not agreed to run what it names."""


def read_layouts(text: str, origin: str, *, trusted: bool, base: str = "") -> list[Layout]:
    """The layouts of a file; none when it has none.

    Args:
        text: The file.
        origin: Its path, for messages.
        trusted: It is the person's own, not a project's: it may name programs.
        base: The folder that `cwd` is in; empty: the one in which the layout is used.

    Raises:
        ConfigError: something in it is wrong; the message says what, and where.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(origin, "", f"it is not valid TOML: {error}") from None
    given: list[tuple[str, object]] = []
    if "layout" in table:
        given.append(("layout", table["layout"]))
    several = table.get("layouts", {})
    if not isinstance(several, dict):
        raise _wrong(origin, "layouts", "it is no table")
    given += [(f"layouts.{name}", one) for name, one in several.items()]
    reading = _Reading(origin, base, trusted=trusted)
    return [reading.layout(where, one) for where, one in given]


def chosen(name: str, found: Iterable[Layout]) -> Layout:
    """The layout of that name: the first that is found, else the one that is built in.

    Raises:
        ConfigError: there is none (`unknown_layout`).
    """
    own = {layout.name: layout for layout in reversed(list(found))}
    known = {**BUILT_IN, **own}
    if name not in known:
        msg = f"there is no layout {name!r}"
        hint = f"there are {', '.join(known)}; `clawdforge layout` shows them"
        raise ConfigError(msg, code="unknown_layout", hint=hint)
    return known[name]


class _Reading:
    def __init__(self, origin: str, base: str, *, trusted: bool) -> None:
        self._origin = origin
        self._base = base
        self._trusted = trusted

    def layout(self, where: str, given: object) -> Layout:
        table = self._table(where, given)
        self._known(where, table, {"name", "root", "about"})
        name = self._text(where, table, "name") or where.partition(".")[2] or "custom"
        if "root" not in table:
            raise self._wrong(where, "it has no root")
        root = self._node(f"{where}.root", table["root"], 0)
        if sum(1 for _ in leaves(root)) > MAX_PANES:
            raise self._wrong(where, f"it has more than {MAX_PANES} panes")
        about = self._text(where, table, "about") or ""
        return Layout(name=name, root=root, about=about, origin=self._origin)

    def _node(self, where: str, given: object, depth: int) -> Node:
        table = self._table(where, given)
        if depth > MAX_DEPTH:
            raise self._wrong(where, "it is too deep")
        self._known(where, table, _SLOT | _AGENT | _FREE)
        children = table.get("children", [])
        if not isinstance(children, list):
            raise self._wrong(f"{where}.children", "it is no list of slots")
        size = self._size(where, table)
        direction = self._direction(where, table)
        if not children:
            return self._leaf(where, table, size, direction)
        nodes = [
            self._node(f"{where}.children[{number}]", child, depth + 1)
            for number, child in enumerate(children)
        ]
        self._check_shares(where, nodes)
        return Branch(direction=direction, children=tuple(nodes), size=size)

    def _leaf(
        self, where: str, table: Mapping[str, Any], size: Size | None, direction: Direction
    ) -> Node:
        role = NAMES.get(given := self._text(where, table, "role") or "shell")
        if role is None:
            raise self._wrong(f"{where}.role", f"there is no role {given!r}", list(NAMES)[:4])
        if role != "agent" and (strange := _AGENT & table.keys()):
            raise self._wrong(f"{where}.{min(strange)}", "only a slot with an agent has it")
        for key in _OWN_FILE_ONLY:
            if key in table and not self._trusted:
                msg = "a project's file may not name programs or their options"
                hint = "put the layout into a file of your own: ~/.config/clawdforge/layout.toml"
                raise ConfigError(f"{self._origin}: {where}.{key}: {msg}", hint=hint)
        agent = self._text(where, table, "agent")
        if agent is not None and agent not in TERMINAL_AGENTS:
            raise self._wrong(
                f"{where}.agent", f"there is no agent {agent!r}", list(TERMINAL_AGENTS)
            )
        cwd = self._text(where, table, "cwd")
        leaf = Leaf(
            role=role,
            size=size,
            agent=agent,
            model=self._text(where, table, "model"),
            args=self._words(where, table, "args"),
            command=self._words(where, table, "command"),
            cwd=cwd if cwd is None else str(PurePath(self._base, cwd)),
            focus=self._is(where, table, "focus"),
        )
        count = table.get("count", 1)
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_PANES:
            raise self._wrong(f"{where}.count", f"{count!r} is no number from 1 to {MAX_PANES}")
        if count == 1:
            return leaf
        one = Leaf(**{name: getattr(leaf, name) for name in Leaf.__slots__ if name != "size"})
        return Branch(direction=direction, children=(one,) * count, size=size)

    def _size(self, where: str, table: Mapping[str, Any]) -> Size | None:
        given = table.get("size")
        if given is None:
            return None
        text = str(given) if isinstance(given, (str, int)) and given is not True else ""
        number = text.removesuffix("%").strip()
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if text.endswith("%") and 0 < value <= 100:
            return Share(value)
        if number.isdecimal() and 0 < value < 10_000 and not text.endswith("%"):
            return Cells(int(value))
        raise self._wrong(f"{where}.size", f'{given!r} is neither as "75%" nor a number of cells')

    def _direction(self, where: str, table: Mapping[str, Any]) -> Direction:
        match self._text(where, table, "direction"):
            case "horizontal":
                return "horizontal"
            case "vertical" | None:
                return "vertical"
            case given:
                raise self._wrong(f"{where}.direction", f"there is no {given!r}", _DIRECTIONS)

    def _check_shares(self, where: str, nodes: list[Node]) -> None:
        rest = sum(one.size.percent for one in nodes[1:] if isinstance(one.size, Share))
        if rest >= 100:
            raise self._wrong(where, f"{rest:g}% for the others leave nothing for the first")

    def _table(self, where: str, given: object) -> Mapping[str, Any]:
        if not isinstance(given, dict):
            raise self._wrong(where, "it is no table")
        return given

    def _known(self, where: str, table: Mapping[str, Any], names: set[str]) -> None:
        for key in table:
            if key not in names:
                raise self._wrong(f"{where}.{key}", "there is no such setting", sorted(names))

    def _text(self, where: str, table: Mapping[str, Any], key: str) -> str | None:
        given = table.get(key)
        if given is None:
            return None
        if not isinstance(given, str) or not given or not given.isprintable():
            raise self._wrong(f"{where}.{key}", "it is no text")
        return given

    def _words(self, where: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        given = table.get(key, [])
        if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
            raise self._wrong(f"{where}.{key}", 'it is no list of texts, as ["vim", "notes.md"]')
        if any("\0" in word for word in given):
            raise self._wrong(f"{where}.{key}", "no program can be given a zero byte")
        return tuple(given)

    def _is(self, where: str, table: Mapping[str, Any], key: str) -> bool:
        given = table.get(key, False)
        if not isinstance(given, bool):
            raise self._wrong(f"{where}.{key}", "it is neither true nor false")
        return given

    def _wrong(self, where: str, what: str, allowed: Iterable[str] = ()) -> ConfigError:
        return _wrong(self._origin, where, what, allowed)


def _wrong(origin: str, where: str, what: str, allowed: Iterable[str] = ()) -> ConfigError:
    place = f"{origin}: {where}: " if where else f"{origin}: "
    names = ", ".join(allowed)
    return ConfigError(f"{place}{what}", hint=f"one of {names}" if names else None)
