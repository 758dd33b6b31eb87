"""Where layouts of one's own come from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from clawdforge.errors import ConfigError

if TYPE_CHECKING:
    from clawdforge.tmux.layouts import Layout

MAX_BYTES = 256 * 1024
PROJECT_FILES = (".clawdforge/layout.toml", ".atm/layout.toml")


def own_layouts(environ: Mapping[str, str], folder: Path) -> "list[Layout]":
    """All layouts of one's own: the project's first, then the person's.

    Args:
        environ: Says where the home is.
        folder: The project's, or one in it.

    Raises:
        ConfigError: a file is wrong.
    """
    from clawdforge.tmux.layout_files import read_layouts

    found = []
    paths = [(path, str(path.parent.parent)) for path in _project_files(folder)]
    paths += [(path, "") for path in _own_files(environ)]
    for path, project in paths:
        there = read_layouts(_read(path), str(path), trusted=not project, base=project)
        if not there and path.name == "layout.toml":
            msg = f"{path}: it has no [layout], and no [layouts.NAME]"
            raise ConfigError(msg)
        found += there
    return found


def _project_files(folder: Path) -> Iterator[Path]:
    """Those of the folder, or of the nearest above it, up to the project's own."""
    for place in (folder, *folder.parents):
        here = [place / name for name in PROJECT_FILES if (place / name).is_file()]
        if here or (place / ".git").exists():
            yield from here
            return


def _own_files(environ: Mapping[str, str]) -> Iterator[Path]:
    from clawdforge.config import default_config_file

    home = environ.get("HOME")
    base = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
    paths = [default_config_file().with_name("layout.toml")]
    paths += [Path(base) / "atm" / "config.toml"] if base else []
    for path in paths:
        if path.is_file():
            yield path


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            msg = f"{path} is too large for a layout"
            raise ConfigError(msg)
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise ConfigError(msg) from None
