"""Writes the reference of the command line, `docs/cli.md`, from the commands themselves.

    python -m clawdforge.cli.reference            prints it
    python -m clawdforge.cli.reference --check F  exits with 1 when F is not up to date

It reads the commands' declarations, not their `--help`, so it does not depend on a terminal.
"""

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import typer.main

from clawdforge.cli.faults import EXIT_CODES
from clawdforge.cli.main import app

_HIDDEN = {"--help", "--install-completion", "--show-completion"}
_MARKUP = re.compile(r"\[/?[a-z ]*\]")


def reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join(_page()) + "\n"


def main(arguments: list[str]) -> int:
    """Print the page, or check a file against it."""
    match arguments:
        case []:
            sys.stdout.write(reference())
            return 0
        case ["--check", path]:
            if Path(path).exists() and Path(path).read_text(encoding="utf-8") == reference():
                return 0
            sys.stderr.write(
                f"{path} is not up to date: python -m clawdforge.cli.reference > {path}\n"
            )
            return 1
        case _:
            sys.stderr.write("usage: python -m clawdforge.cli.reference [--check FILE]\n")
            return 2


def _page() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    yield "# The `clawdforge` command\n"
    yield "<!-- Made by `python -m clawdforge.cli.reference`. Do not edit. -->\n"
    yield f"{_prose(root.help)}\n"
    yield from _options(root)
    yield "`clawdforge --install-completion` sets up completion for your shell.\n"
    for name, command in root.commands.items():
        if hasattr(command, "commands"):
            yield f"## clawdforge {name}\n\n{_prose(command.help)}\n"
            for part, leaf in command.commands.items():
                yield from _command(f"{name} {part}", leaf, level=3)
        else:
            yield from _command(name, command, level=2)
    yield from _endings()


def _command(name: str, command: Any, *, level: int) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    places = (param.metavar if param.required else f"[{param.metavar}]" for param in arguments)
    usage = " ".join(["clawdforge", name, "[OPTIONS]", *places])
    yield f"{'#' * level} clawdforge {name}\n"
    yield f"```\n{usage}\n```\n"
    yield f"{_prose(command.help)}\n"
    if arguments:
        yield "| argument | meaning |\n|---|---|"
        yield from (f"| `{param.metavar}` | {_cell(param.help)} |" for param in arguments)
        yield ""
    yield from _options(command)


def _options(command: Any) -> Iterator[str]:
    options = [
        param
        for param in command.params
        if param.param_type_name == "option" and not _HIDDEN & set(param.opts) and not param.hidden
    ]
    if options:
        yield "| option | meaning |\n|---|---|"
        yield from (
            f"| {_names(param)} | {_cell(param.help)}{_default(param)} |" for param in options
        )
        yield ""


def _names(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return names if option.is_flag else f"{names} `{_cell(option.metavar)}`"


def _default(option: Any) -> str:
    plain = isinstance(option.default, int | str) and not isinstance(option.default, bool)
    return f" Default: {option.default}." if plain else ""


def _endings() -> Iterator[str]:
    yield "## Exit codes\n\n| code | meaning |\n|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())


def _prose(text: str | None) -> str:
    return _MARKUP.sub("`", cleandoc(text or ""))


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
