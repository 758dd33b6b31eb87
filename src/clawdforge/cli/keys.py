"""`clawdforge keys`: our keys in tmux."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON
from clawdforge.errors import ClawdforgeError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

app = typer.Typer(
    no_args_is_help=True,
    help="Keys for tmux: jump to who needs you, the dashboard, answers, new agents.",
)
KEY = Annotated[
    str, typer.Option("--key", metavar="KEY", help="After tmux's prefix, before each of ours.")
]
CONF = Annotated[
    Path | None,
    typer.Option(
        "--conf",
        metavar="FILE",
        help="tmux's configuration. Else ~/.tmux.conf or ~/.config/tmux/tmux.conf, which is there.",
        show_default=False,
    ),
]
DRY_RUN = Annotated[
    bool, typer.Option("--dry-run", metavar="", help="Show what would change, and change nothing.")
]
FILE = "tmux.conf"
"""Beside our own configuration."""


@app.command()
def show(key: KEY = "a") -> None:
    """Print the file with the keys: for a configuration that you manage yourself."""
    from clawdforge.cli.tmux_places import this_program
    from clawdforge.tmux.bindings import bindings_file

    sys.stdout.write(bindings_file(this_program(), key))


@app.command()
def install(
    key: KEY = "a", conf: CONF = None, dry_run: DRY_RUN = False, as_json: AS_JSON = False
) -> None:
    """Write a file with the keys, and one line into tmux's configuration that reads it.

    The configuration is replaced in one step, and kept as it was in a file beside it. tmux servers
    that run get the keys at once. Again: nothing changes.

    Then: prefix, a, and j jumps to the next agent that needs you; ? shows all keys.
    """
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.cli.tmux_places import this_program
    from clawdforge.config import environment
    from clawdforge.monitor.hooks import files
    from clawdforge.monitor.hooks.install import Change, carry_out
    from clawdforge.tmux.bindings import bindings_file, with_line

    environ = environment()
    path, ours = _conf(environ, conf), _file()
    text = bindings_file(this_program(), key)
    before = files.read(path)
    line = Change(path=path, before=before, after=with_line(before, str(ours)))
    keys = Change(path=ours, before=files.read(ours), after=text)
    if dry_run:
        _show_changes([line, keys], as_json=as_json)
        return
    taken = asyncio.run(_taken(environ, key))
    if taken:
        msg = f"prefix {key} does something in your tmux: {taken}"
        raise ConfigError(msg, code="key_taken", hint="choose another: --key A")
    _write_ours(ours, text)
    backup = carry_out(line)
    loaded = asyncio.run(_everywhere(environ, [["source-file", str(ours)]]))
    if as_json:
        facts = {"conf": str(path), "changed": line.is_needed, "keys": str(ours), "servers": loaded}
        print_json(facts | {"backup": str(backup) if backup else None})
        return
    screen = stderr()
    head = "Installed in" if line.is_needed else "Installed already:"
    screen.print(f"{head} {path}", markup=False)
    if backup is not None:
        screen.print(f"As it was: {backup}", markup=False)
    screen.print(f"prefix {key}, then ? shows the keys.", markup=False)


@app.command()
def uninstall(conf: CONF = None, dry_run: DRY_RUN = False, as_json: AS_JSON = False) -> None:
    """Take the line and the file out again, and the keys out of tmux servers that run."""
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.config import environment
    from clawdforge.monitor.hooks import files
    from clawdforge.monitor.hooks.install import Change, carry_out
    from clawdforge.tmux.bindings import key_of, unbinding, without_line

    environ = environment()
    path, ours = _conf(environ, conf), _file()
    before, text = files.read(path), files.read(ours)
    line = Change(path=path, before=before, after=without_line(before))
    keys = Change(path=ours, before=text, after="")
    if dry_run:
        _show_changes([line, keys], as_json=as_json)
        return
    carry_out(line)
    ours.unlink(missing_ok=True)
    if text:
        asyncio.run(_everywhere(environ, unbinding(key_of(text))))
    if as_json:
        print_json({"conf": str(path), "changed": line.is_needed})
    elif line.is_needed or text:
        stderr().print(f"Removed from {path}.", markup=False)
    else:
        stderr().print(f"Nothing of ours is in {path}.", markup=False)


def _conf(environ: "Mapping[str, str]", given: Path | None) -> Path:
    if given is not None:
        return given.expanduser().absolute()
    home = environ.get("HOME")
    if not home:
        msg = "there is no home folder: HOME is not set"
        raise ConfigError(msg, hint="name tmux's configuration with --conf")
    base = Path(environ.get("XDG_CONFIG_HOME") or f"{home}/.config")
    usual = Path(home) / ".tmux.conf"
    other = base / "tmux" / "tmux.conf"
    return other if other.exists() and not usual.exists() else usual


def _file() -> Path:
    from clawdforge.config import default_config_file

    return default_config_file().with_name(FILE)


def _write_ours(path: Path, text: str) -> None:
    made = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        made.write_text(text)
        made.replace(path)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise ConfigError(msg, hint="nothing was changed") from None


async def _taken(environ: "Mapping[str, str]", key: str) -> str | None:
    """What the key does now in the server that we are in; None: nothing, or ours."""
    from clawdforge.cli.tmux_places import server_here
    from clawdforge.tmux.bindings import TABLE

    try:
        said = await server_here(environ).run(("list-keys", "-T", "prefix", key))
    except ClawdforgeError:
        return None  # none runs, or the key is free
    text = said.decode("utf-8", "replace").strip()
    return None if TABLE in text else text


async def _everywhere(
    environ: "Mapping[str, str]", commands: "Sequence[Sequence[str]]"
) -> list[str]:
    """Have all servers that run do it; which did."""
    from clawdforge.tmux.servers import servers

    done = []
    for server in await asyncio.to_thread(servers, environ):
        try:
            await server.run(*commands)
        except ClawdforgeError:
            continue
        done.append(server.name)
    return done


def _show_changes(changes: "Sequence[object]", *, as_json: bool) -> None:
    from clawdforge.cli.screen import harmless, print_json, stderr
    from clawdforge.monitor.hooks.install import Change

    needed = [one for one in changes if isinstance(one, Change) and one.is_needed]
    if as_json:
        print_json({"changes": [{"path": str(one.path), "diff": one.diff} for one in needed]})
    elif needed:
        sys.stdout.write(harmless("".join(one.diff for one in needed)))
    else:
        stderr().print("Nothing would change.")
