"""`clawdforge serve`: run a server in the foreground."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clawdforge.cli.config import FILE
from clawdforge.cli.screen import command_name

if TYPE_CHECKING:
    from clawdforge.config import Effective, Settings

MORE = "More"


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            "--host", metavar="ADDRESS", help="Address to listen on. Default: 127.0.0.1, here only."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", "-p", metavar="PORT", help="TCP port; 0 picks a free one. Default: 8800."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="FOLDER", help="Folder of the ledger and credentials."),
    ] = None,
    default_agent: Annotated[
        str | None,
        typer.Option(
            "--default-agent",
            metavar="AGENT",
            help="Agent of runs that name none. Default: claude if installed, else demo.",
        ),
    ] = None,
    allow_cidrs: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-cidrs",
            metavar="CIDR",
            help="Network that may call, beside this machine. Repeatable.",
        ),
    ] = None,
    file: FILE = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="Least severity to log: debug, info, warning, error.",
            rich_help_panel=MORE,
        ),
    ] = None,
    log_format: Annotated[
        Literal["auto", "json", "text"] | None,
        typer.Option(
            "--log-format",
            metavar="FORM",
            help="Form of the log lines: auto, json, text.",
            rich_help_panel=MORE,
        ),
    ] = None,
) -> None:
    """Start a server and keep it running until Ctrl-C or SIGTERM.

    Settings beyond these flags stand in the file and the environment: see `clawdforge config`.
    """
    from clawdforge.config import load_settings

    flags: dict[str, Any] = {
        "host": host,
        "port": port,
        "data_dir": None if data_dir is None else str(data_dir),
        "default_agent": default_agent,
        "allow_cidrs": allow_cidrs or None,
        "log_level": log_level,
        "log_format": log_format,
    }
    raise typer.Exit(_run(load_settings(flags=flags, config_file=file)))


def _run(effective: "Effective") -> int:
    import asyncio

    from clawdforge.config import environment
    from clawdforge.http.logs import configure_logging
    from clawdforge.processes.open_files import take_enough
    from clawdforge.server import serve as serve_until_stopped

    configure_logging(effective.settings.log_level, effective.settings.log_format)
    take_enough()
    environ = environment()
    default = default_agent_of(effective.settings, environ)

    def ready(url: str) -> None:
        for line in welcome(url, effective, default):
            print(line, flush=True)

    return asyncio.run(serve_until_stopped(effective.settings, environ, ready=ready))


def default_agent_of(settings: "Settings", environ: dict[str, str]) -> str:
    """The agent of runs that name none. Starts nothing."""
    from clawdforge.agents.catalog import Catalog
    from clawdforge.processes.containment import Containment
    from clawdforge.processes.launcher import Processes

    unused = Processes(Containment.SWEEP, folder_id="-", incarnation="-")
    return Catalog(settings, environ, unused).default()


def welcome(url: str, effective: "Effective", default: str) -> list[str]:
    """What is printed once the server accepts requests."""
    settings = effective.settings
    folder = f" --data-dir {settings.data_dir}" if _is_elsewhere(effective) else ""
    token = f'"$(cat {settings.data_dir}/local-token)"'
    me = command_name()
    lines = [
        f"clawdforge listens on {url}",
        "",
        "Try it, in another terminal:",
        f'  {me} run{folder} "Say hello."',
        f'  curl {url}/run --oauth2-bearer {token} --json \'{{"prompt": "Say hello."}}\'',
        "",
        "For your apps:",
        f"  {me} token create my-app{folder}",
        "",
        "See it in the browser:",
        f"  {me} open{folder}",
        "",
        f"Default agent: {default}",
    ]
    if default == "demo" and not settings.default_agent:
        lines += [
            "  claude was not found, so the built-in demo agent answers: it only pretends.",
            "  To get claude: npm install -g @anthropic-ai/claude-code, then run `claude` once",
            "  to log in, and start this server again. `clawdforge doctor` checks it.",
        ]
    return [*lines, "", "Ctrl-C stops it.", ""]


def _is_elsewhere(effective: "Effective") -> bool:
    """Whether other commands would not look into this data folder by themselves."""
    from clawdforge.config import default_data_dir

    if effective.origins["data_dir"].kind == "environment":
        return False
    return effective.settings.data_dir != str(default_data_dir())
