"""`clawdforge config`: the settings in force, and where each comes from."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clawdforge.cli.connection import AS_JSON

if TYPE_CHECKING:
    from clawdforge.config import Effective

FILE = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="The TOML file. Else CLAWDFORGE_CONFIG, else the user's."
    ),
]


def config(
    example: Annotated[
        bool,
        typer.Option("--example", metavar="", help="Print a file to start from."),
    ] = False,
    file: FILE = None,
    as_json: AS_JSON = False,
) -> None:
    """Show the settings a server would have now, and where each of them comes from."""
    if example:
        print("\n".join(example_lines()))
        return
    from clawdforge.cli.screen import print_json, print_table, stderr
    from clawdforge.config import load_settings

    effective = load_settings(config_file=file)
    path = config_path(file)
    if as_json:
        print_json({"file": str(path), "file_exists": path.exists(), "settings": _json(effective)})
        return
    rows = [(name, value or "-", str(origin)) for name, value, origin, _ in effective.rows()]
    print_table(("SETTING", "VALUE", "FROM"), rows, folded="VALUE")
    state = "" if path.exists() else " (not there; `clawdforge config --example` prints one)"
    stderr().print(f"\nFile: {path}{state}", markup=False)


def config_path(given: Path | None) -> Path:
    """The configuration file that is read, if it is there."""
    from clawdforge.config import default_config_file, environment
    from clawdforge.config.load import CONFIG_VARIABLE

    named = environment().get(CONFIG_VARIABLE)
    return given or (Path(named) if named else default_config_file())


def example_lines() -> Iterator[str]:
    """A TOML file in which every setting stands with its default, commented out."""
    from clawdforge.config import Effective, Origin, Settings

    origins = dict.fromkeys(Settings.__struct_fields__, Origin("default"))
    defaults = Settings()
    yield "# Settings of clawdforge. Flags and the environment come before this file."
    for name, _, _, meaning in Effective(defaults, origins).rows():
        if name == "agents":
            continue
        yield f"\n# {meaning}\n# {name} = {_toml(getattr(defaults, name))}"
    yield from _AGENT_EXAMPLE


_AGENT_EXAMPLE = (
    "\n# Another agent, beside claude and demo: `clawdforge run --agent reviewer`",
    "# [agents.reviewer]",
    '# driver = "claude"                   # the language it speaks: claude or demo',
    '# command = ["claude"]                # program and its first arguments',
    '# args = ["--allowedTools", "Read"]   # further arguments',
    '# env = ["MY_VARIABLE"]               # variables it may see beyond the driver\'s own',
    '# default_model = "opus"',
)


def _json(effective: "Effective") -> list[dict[str, Any]]:
    rows = []
    for name, shown, origin, meaning in effective.rows():
        value = getattr(effective.settings, name)
        rows.append(
            {
                "name": name,
                "value": shown if name == "admin_token" else value,
                "origin": {"kind": origin.kind, "detail": origin.detail},
                "meaning": meaning,
            }
        )
    return rows


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case str():
            return f'"{value}"'
        case _:
            return str(value)
