"""`clawdforge hooks`: let Claude Code report to the monitor what it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR

if TYPE_CHECKING:
    from clawdforge.monitor.hooks.building import Form
    from clawdforge.monitor.hooks.install import Change, Standing
    from clawdforge.monitor.hooks.settings import Approvals

app = typer.Typer(
    no_args_is_help=True,
    help="Let Claude Code report to the monitor: put its hooks in, take them out, look at them.",
)
DRY_RUN = Annotated[
    bool, typer.Option("--dry-run", metavar="", help="Show what would change, and change nothing.")
]


@app.command()
def install(
    form: Annotated[
        str | None,
        typer.Option(
            "--form",
            metavar="FORM",
            help="What the client is: native, shell or python. Default: the fastest that works.",
        ),
    ] = None,
    approvals: Annotated[
        bool | None,
        typer.Option(
            "--approvals/--no-approvals",
            metavar="",
            help="Let what Claude Code asks be answered from anywhere, too, beside its terminal.",
        ),
    ] = None,
    wait: Annotated[
        int | None,
        typer.Option(
            "--wait",
            metavar="SECS",
            min=10,
            max=86_400,
            help="So long it can be answered from anywhere; then in its terminal only. "
            "Default: 600.",
        ),
    ] = None,
    subagents: Annotated[
        int | None,
        typer.Option(
            "--subagents",
            metavar="SECS",
            min=0,
            max=86_400,
            help="So long also what subagents in the background ask. Claude Code shows their "
            "dialogs only after that. Default: 0, they are shown at once.",
        ),
    ] = None,
    headless: Annotated[
        bool | None,
        typer.Option(
            "--headless/--no-headless",
            metavar="",
            help="Also what `claude -p` asks: it waits then, where it is denied at once else.",
        ),
    ] = None,
    dry_run: DRY_RUN = False,
    as_json: AS_JSON = False,
    data_dir: DATA_DIR = None,
) -> None:
    """Put hooks and a status line into Claude Code's settings, beside your own.

    What you have there stays; your own status line is still shown. The settings are replaced in
    one step, and kept as they were in a file beside them. Sessions that run notice it at once.
    Again: nothing changes. In another place than ~/.claude when CLAUDE_CONFIG_DIR is set.

    With --approvals you can answer what Claude Code asks wherever you are: `clawdforge approve`,
    the dashboard, the page. Its own dialog stays, and whoever answers first wins.

    For example:

      clawdforge hooks install --dry-run

      clawdforge hooks install --approvals
    """
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.config import environment
    from clawdforge.monitor.hooks.building import build
    from clawdforge.monitor.hooks.install import approvals_wanted, carry_out, planned

    environ, program = environment(), _program(data_dir)
    wanted = _form(form)
    asked = approvals_wanted(
        environ, given=approvals, secs=wait, subagent_secs=subagents, headless=headless
    )
    _check_approvals(asked, wait, subagents, headless)
    change = planned(environ, program, asked)
    if dry_run:
        _show(change, as_json=as_json)
        return
    used = build(program, environ, wanted, approvals=asked is not None)
    backup = carry_out(change)
    if as_json:
        facts = {"settings": str(change.path), "changed": change.is_needed, "form": used.value}
        facts |= {"program": str(program), "backup": str(backup) if backup else None}
        print_json(facts | {"approvals": _approvals_json(asked)})
        return
    screen = stderr()
    if not change.is_needed:
        screen.print(f"Installed already: {change.path}", markup=False)
        return
    screen.print(f"Installed in {change.path} ({used.value} client).", markup=False)
    if backup is not None:
        screen.print(f"As it was: {backup}", markup=False)
    screen.print("To see your sessions: start `atmd start -d`, or `clawdforge serve`.")
    if asked is not None:
        screen.print(
            "To answer what they ask: `clawdforge permissions`, then `clawdforge approve`."
        )


@app.command()
def uninstall(
    dry_run: DRY_RUN = False, as_json: AS_JSON = False, data_dir: DATA_DIR = None
) -> None:
    """Take our hooks and status line out again, and nothing else. Yours is as it was."""
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.config import environment
    from clawdforge.monitor.hooks.install import carry_out, planned_removal, remove_program

    change = planned_removal(environment())
    if dry_run:
        _show(change, as_json=as_json)
        return
    carry_out(change)
    remove_program(_program(data_dir))
    if as_json:
        print_json({"settings": str(change.path), "changed": change.is_needed})
    elif change.is_needed:
        stderr().print(f"Removed from {change.path}.", markup=False)
    else:
        stderr().print(f"Nothing of ours is in {change.path}.", markup=False)


@app.command()
def status(as_json: AS_JSON = False, data_dir: DATA_DIR = None) -> None:
    """Say which hooks are installed, and whether a monitor hears them. Exit code 1: not all."""
    from clawdforge.cli.screen import print_facts, print_json
    from clawdforge.config import environment
    from clawdforge.monitor.asking import facts_of
    from clawdforge.monitor.hooks.install import standing
    from clawdforge.monitor.paths import paths_of

    environ = environment()
    found = standing(environ, _program(data_dir))
    socket = paths_of(environ).socket
    monitor = facts_of(socket)
    if as_json:
        facts = {
            "settings": str(found.path),
            "program": str(found.program),
            "form": found.form.value if found.form else None,
            "events": list(found.events),
            "missing": list(found.missing),
            "status_line": found.status_line,
            "approvals": _approvals_json(found.approvals),
            "other_clients": list(found.strangers),
            "whole": found.is_whole,
            "monitor": monitor,
        }
        print_json(facts)
    else:
        print_facts(_facts(found, socket, running=monitor is not None))
    if not found.is_whole:
        raise typer.Exit(1)


def _facts(found: "Standing", socket: Path, *, running: bool) -> tuple[tuple[str, object], ...]:
    missing = f"; missing: {', '.join(found.missing)}" if found.missing and found.events else ""
    return (
        ("settings", found.path),
        ("events", f"{len(found.events)} reported{missing}" if found.events else "none reported"),
        ("status line", "reported" if found.status_line else "not reported"),
        ("approvals", _approvals_text(found.approvals)),
        ("client", f"{found.program} ({found.form.value})" if found.form else "not installed"),
        ("other clients", ", ".join(found.strangers) or None),
        ("monitor", f"{socket}: {'it answers' if running else 'none runs: atmd start -d'}"),
        ("to do", None if found.is_whole else "clawdforge hooks install"),
    )


def _approvals_text(approvals: "Approvals | None") -> str:
    if approvals is None:
        return "in their terminals only: clawdforge hooks install --approvals"
    also = ", also of claude -p" if approvals.headless else ""
    if approvals.subagent_secs:
        also += f"; of subagents for {approvals.subagent_secs} s"
    return f"from anywhere, for {approvals.secs} s{also}"


def _approvals_json(approvals: "Approvals | None") -> dict[str, object] | None:
    if approvals is None:
        return None
    return {
        "wait_secs": approvals.secs,
        "subagent_secs": approvals.subagent_secs,
        "headless": approvals.headless,
    }


def _check_approvals(
    approvals: "Approvals | None",
    wait: int | None,
    subagents: int | None,
    headless: bool | None,
) -> None:
    from clawdforge.errors import InputError

    if approvals is None and (wait is not None or subagents or headless):
        msg = "--wait, --subagents and --headless say how approvals are asked for, and none are"
        raise InputError(msg, hint="add --approvals")


def _show(change: "Change", *, as_json: bool) -> None:
    import sys

    from clawdforge.cli.screen import harmless, print_json, stderr

    if as_json:
        print_json({"settings": str(change.path), "diff": change.diff})
    elif change.is_needed:
        sys.stdout.write(harmless(change.diff))
    else:
        stderr().print("Nothing would change.")


def _program(data_dir: Path | None) -> Path:
    from clawdforge.config import default_data_dir
    from clawdforge.monitor.hooks.settings import PROGRAM

    folder = data_dir or default_data_dir()
    return folder.absolute() / "bin" / PROGRAM


def _form(given: str | None) -> "Form | None":
    from clawdforge.errors import InputError
    from clawdforge.monitor.hooks.building import Form

    if given is None:
        return None
    try:
        return Form(given)
    except ValueError:
        msg = f"there is no form {given}"
        raise InputError(msg, hint="native, shell or python") from None
