"""Options that every command for a server has, and the client that they make."""

import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.errors import ClawdforgeError

if TYPE_CHECKING:
    from clawdforge.client import AsyncClient, Client

PANEL = "Which server"
AS_JSON = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, for scripts.")]
URL = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The server. Else CLAWDFORGE_URL, else the one that runs on this machine.",
        rich_help_panel=PANEL,
    ),
]
DATA_DIR = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        help="Data folder of a server on this machine. Else CLAWDFORGE_DATA_DIR.",
        rich_help_panel=PANEL,
    ),
]
_OTHER = "set CLAWDFORGE_URL and CLAWDFORGE_TOKEN"
ADMIN_VARIABLE = "CLAWDFORGE_ADMIN_TOKEN"
BOOTSTRAP_VARIABLE = "ADMIN_BOOTSTRAP_TOKEN"
"""Another name of the same, which servers know, and clients do not."""
DATA_DIR_VARIABLE = "CLAWDFORGE_DATA_DIR"


@contextmanager
def connected(
    url: str | None, data_dir: Path | None, *, timeout_secs: float = 30.0
) -> "Iterator[Client]":
    """A client for the server that the options and the environment name.

    Raises:
        ConfigError: a URL, token or credential file is wrong.
    """
    from clawdforge.client import Client

    environ = client_environment(url, data_dir)
    with Client(url, environ=environ, timeout_secs=timeout_secs) as client:
        try:
            yield client
        except ClawdforgeError as error:
            _explain(error, url, environ)
            raise


@asynccontextmanager
async def connected_async(url: str | None, data_dir: Path | None) -> "AsyncIterator[AsyncClient]":
    """`connected` for asyncio."""
    from clawdforge.client import AsyncClient

    environ = client_environment(url, data_dir)
    async with AsyncClient(url, environ=environ) as client:
        try:
            yield client
        except ClawdforgeError as error:
            _explain(error, url, environ)
            raise


def same_server(url: str | None, data_dir: Path | None) -> str:
    """The options with which another command finds the same server."""
    options = [f"--url {url}"] if url else []
    if data_dir is not None:
        options.append(f"--data-dir {shlex.quote(str(data_dir))}")
    return "".join(f" {option}" for option in options)


def _explain(error: ClawdforgeError, url: str | None, environ: dict[str, str]) -> None:
    if error.code == "token_missing" and url is None and not _runs_here(environ):
        error.message = "no server runs here"
        error.hint = f"start one with `clawdforge serve`; for another one, {_OTHER}"


def _runs_here(environ: dict[str, str]) -> bool:
    from clawdforge.client.discovery import data_folder, read_server

    return bool(environ.get("CLAWDFORGE_URL")) or read_server(data_folder(environ)) is not None


def client_environment(url: str | None, data_dir: Path | None) -> dict[str, str]:
    """The environment with the data folder in it, also when a flag or the file names it."""
    from clawdforge.config import environment, load_settings

    environ = environment()
    if data_dir is not None:
        environ[DATA_DIR_VARIABLE] = str(data_dir)
    elif not environ.get(DATA_DIR_VARIABLE) and url is None:
        environ[DATA_DIR_VARIABLE] = load_settings(environ=environ).settings.data_dir
    if environ.get(BOOTSTRAP_VARIABLE):
        environ.setdefault(ADMIN_VARIABLE, environ[BOOTSTRAP_VARIABLE])
    return environ


def complete_agent(incomplete: str) -> list[str]:
    """The agents' names, for the shell's completion; none when no server answers."""
    try:
        with connected(None, None, timeout_secs=1.0) as client:
            return [info.name for info in client.agents() if info.name.startswith(incomplete)]
    except ClawdforgeError:
        return []
