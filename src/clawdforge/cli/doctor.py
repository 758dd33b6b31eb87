"""`clawdforge doctor`: what is well, what is not, and how to mend it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.config import FILE, config_path
from clawdforge.cli.connection import AS_JSON

if TYPE_CHECKING:
    from clawdforge.cli.checks.finding import Finding

OLDEST_PYTHON = (3, 11)


def doctor(
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="FOLDER", help="The data folder to look at."),
    ] = None,
    file: FILE = None,
    as_json: AS_JSON = False,
) -> None:
    """Check this machine: folder, ledger, port, agents, login. Says how to mend what is not well.

    Changes nothing. The exit code is 1 when a check failed, warnings do not count.
    """
    from clawdforge.cli.checks.finding import Level
    from clawdforge.cli.screen import print_json

    findings = list(_findings(data_dir, file))
    failed = any(finding.level is Level.FAIL for finding in findings)
    if as_json:
        print_json({"ok": not failed, "checks": findings})
    else:
        _print(findings)
    raise typer.Exit(1 if failed else 0)


def _findings(data_dir: Path | None, file: Path | None) -> "Iterator[Finding]":
    import asyncio

    from clawdforge.cli.checks import agents, finding, folder, server
    from clawdforge.config import environment, load_settings
    from clawdforge.errors import ConfigError

    yield _python()
    flags = {"data_dir": None if data_dir is None else str(data_dir)}
    try:
        settings = load_settings(flags=flags, config_file=file).settings
    except ConfigError as error:
        mend = error.hint or "`clawdforge config --example` shows what can be set"
        yield finding.fail("configuration", error.message, mend)
        return
    path = config_path(file)
    yield finding.ok("configuration", f"{path}" if path.exists() else "defaults and environment")
    data = Path(settings.data_dir)
    yield from folder.check_folder(data)
    yield from folder.check_credentials(data)
    url = server.running_url(data)
    if url:
        yield from server.check_running(url)
    else:
        yield from folder.check_ledger(data)
        yield from server.check_port(settings)
    try:
        yield from asyncio.run(agents.check_agents(settings, environment()))
    except ConfigError as error:
        yield finding.fail("agents", error.message, error.hint or "mend the configuration")


def _python() -> "Finding":
    from clawdforge.cli.checks.finding import fail, ok

    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return fail("Python", version, "install Python 3.11 or newer")
    return ok("Python", version)


def _print(findings: "list[Finding]") -> None:
    from rich.text import Text

    from clawdforge.cli.checks.finding import Level
    from clawdforge.cli.screen import harmless, stdout

    styles = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
    width = max(len(finding.check) for finding in findings)
    screen = stdout()
    for finding in findings:
        said = harmless(f"  {finding.check:<{width}}  {finding.said}")
        screen.print(Text.assemble((f"{finding.level:<4}", styles[finding.level]), said))
        if finding.mend:
            screen.print(Text(harmless(f"      {'':<{width}}  to do: {finding.mend}")))
    counts = {level: sum(found.level is level for found in findings) for level in Level}
    screen.print(
        f"\n{counts[Level.OK]} ok, {counts[Level.WARN]} warnings, {counts[Level.FAIL]} failed"
    )
