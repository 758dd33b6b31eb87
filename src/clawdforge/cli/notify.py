"""`clawdforge notify`: be told that a session needs you, or has finished."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clawdforge.cli.connection import AS_JSON

if TYPE_CHECKING:
    from pathlib import Path

    from clawdforge.monitor.notifying.targets import Configured, Target

app = typer.Typer(
    no_args_is_help=True,
    help="Be told that a session needs you, or has finished: by bell, desktop, ntfy or webhook.",
)
KINDS = ("bell", "desktop", "ntfy", "webhook")
TOLD = typer.Argument(metavar="[TOPIC|URL]", help="Of ntfy the topic, of a webhook the address.")


@app.command()
def add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="bell, desktop, ntfy or webhook.")],
    address: Annotated[str | None, TOLD] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Default: its kind.")
    ] = None,
    after: Annotated[
        float | None,
        typer.Option(
            "--after",
            metavar="SECS",
            min=0,
            help="So long a session must have waited for you. Default: 5.",
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="EVENT", help="needs_you or finished. Default: both."),
    ] = None,
    always: Annotated[
        bool,
        typer.Option("--always", metavar="", help="Also when somebody looks at the session."),
    ] = False,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Of ntfy. Default: https://ntfy.sh."),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option("--token-file", metavar="FILE", help="Of ntfy: holds the access token."),
    ] = None,
    secret_file: Annotated[
        str | None,
        typer.Option(
            "--secret-file",
            metavar="FILE",
            help="Of a webhook: holds the secret (whsec_…). Default: one is made.",
        ),
    ] = None,
    may_answer: Annotated[
        bool,
        typer.Option(
            "--may-answer",
            metavar="",
            help="Of a webhook: its reply may answer what the session asks.",
        ),
    ] = False,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            metavar="",
            help="It may be an address of this machine or its network.",
        ),
    ] = False,
    as_json: AS_JSON = False,
) -> None:
    """Add somebody to tell, to notifications.toml. A monitor that runs notices it at once.

    For example:

      clawdforge notify add bell

      clawdforge notify add ntfy my-secret-topic --name phone --after 60

      clawdforge notify add webhook https://hooks.example.com/agents --may-answer
    """
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.monitor.notifying.editing import add_target, free_name

    path, _ = _configured()
    _check(kind, address)
    found = name or free_name(path, kind)
    settings: dict[str, Any] = {
        "kind": kind,
        "topic": address if kind == "ntfy" else None,
        "url": address if kind == "webhook" else None,
        "server": server,
        "token_file": token_file,
        "secret_file": secret_file,
        "needs_you_secs": after,
        "events": None if only is None else [only],
        "quiet": False if always else None,
        "may_answer": may_answer or None,
        "allow_private": allow_private or None,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    is_signed = kind == "webhook" and secret_file is None
    made = add_target(path, found, given, with_secret=is_signed)
    if as_json:
        secret = str(made) if is_signed else None
        print_json({"target": found, "file": str(path), "secret_file": secret})
        return
    screen = stderr()
    screen.print(f"Added {found} to {path}.", markup=False)
    if is_signed:
        screen.print(f"What it is sent is signed; the receiver needs the secret in {made}.")
    screen.print(f"Try it: `clawdforge notify test {found}`", markup=False)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="TARGET", help="Its name.")],
    as_json: AS_JSON = False,
) -> None:
    """Take somebody out of notifications.toml."""
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.monitor.notifying.editing import remove_target

    path, _ = _configured()
    remove_target(path, name)
    if as_json:
        print_json({"target": name, "file": str(path)})
    else:
        stderr().print(f"Removed {name} from {path}.", markup=False)


@app.command("test")
def try_targets(
    name: Annotated[
        str | None, typer.Argument(metavar="[TARGET]", help="Its name. Default: all.")
    ] = None,
    as_json: AS_JSON = False,
) -> None:
    """Tell it something now. Exit code 1: somebody was not told."""
    import asyncio

    from clawdforge.cli.notify_rows import complain
    from clawdforge.cli.screen import print_json, print_table
    from clawdforge.config import environment
    from clawdforge.monitor.notifying.editing import where_of
    from clawdforge.monitor.notifying.trying import try_target

    path, configured = _configured()
    targets = _chosen(configured, name)
    results = {
        target.name: asyncio.run(try_target(target, configured, environment(), path.parent))
        for target in targets
    }
    if as_json:
        tried = [{"target": one, "told": not why, "problem": why} for one, why in results.items()]
        print_json({"targets": tried, "problems": list(configured.problems)})
    else:
        rows = [(one.name, one.kind, where_of(one), results[one.name] or "told") for one in targets]
        print_table(("TARGET", "KIND", "WHERE", "RESULT"), rows, folded="RESULT")
        complain(configured)
    if any(results.values()) or configured.problems:
        raise typer.Exit(1)


@app.command()
def status(as_json: AS_JSON = False) -> None:
    """Say who is told what, what was told lately, what waits, and what went wrong.

    Exit code 1: the configuration has a problem.
    """
    from clawdforge.cli.notify_rows import last_told, show_rest, target_json, waiting_json, when
    from clawdforge.cli.screen import print_json, print_table
    from clawdforge.config import environment
    from clawdforge.monitor.notifying.editing import where_of
    from clawdforge.monitor.notifying.outbox import Outbox
    from clawdforge.monitor.paths import paths_of
    from clawdforge.monitor.pid_file import running

    path, configured = _configured()
    paths = paths_of(environment())
    outbox = Outbox(paths.state)
    pid, waiting, recent = running(paths), outbox.waiting(), outbox.recent()
    if as_json:
        told = {
            "file": str(path),
            "problems": list(configured.problems),
            "monitor": pid,
            "targets": [target_json(one) for one in configured.targets.values()],
            "waiting": [waiting_json(item) for item in waiting],
            "recent": recent,
        }
        print_json(told)
    else:
        last = {one.target: one for one in recent}
        rows = [
            (one.name, one.kind, where_of(one), when(one), *last_told(last.get(one.name)))
            for one in configured.targets.values()
        ]
        if rows:
            print_table(("TARGET", "KIND", "WHERE", "TELLS", "LAST", "RESULT"), rows)
        show_rest(path, configured, pid, waiting, recent)
    if configured.problems:
        raise typer.Exit(1)


def _configured() -> "tuple[Path, Configured]":
    from clawdforge.config import environment
    from clawdforge.monitor.notifying.files import read_file
    from clawdforge.monitor.notifying.place import notifications_file

    path = notifications_file(environment())
    return path, read_file(path)


def _check(kind: str, address: str | None) -> None:
    from clawdforge.errors import InputError

    if kind not in KINDS:
        raise InputError(f"there is no kind {kind}", hint=", ".join(KINDS))
    wanted = {"ntfy": "a topic", "webhook": "an address"}.get(kind)
    if wanted and address is None:
        hint = f"clawdforge notify add {kind} {'TOPIC' if kind == 'ntfy' else 'URL'}"
        raise InputError(f"{kind} needs {wanted}", hint=hint)
    if not wanted and address is not None:
        raise InputError(f"{kind} is on this machine: it has no address")


def _chosen(configured: "Configured", name: str | None) -> "list[Target]":
    from clawdforge.errors import ConfigError, NotFoundError

    if name is not None and name not in configured.targets:
        wrong = [one for one in configured.problems if f"targets.{name}" in one]
        if wrong:
            raise ConfigError(wrong[0])
        known = ", ".join(configured.targets) or "none; `clawdforge notify add bell`"
        raise NotFoundError(f"there is no target {name}", hint=f"there are: {known}")
    if not configured.targets and not configured.problems:
        msg = "nobody is to be told"
        raise NotFoundError(msg, hint="`clawdforge notify add bell`, desktop, ntfy or webhook")
    return [configured.targets[name]] if name else list(configured.targets.values())
