"""The `clawdforge` command: its commands, its global options, its end."""

import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clawdforge import __version__
from clawdforge.cli import (
    adopt,
    agents,
    attach,
    chat,
    config,
    demo,
    doctor,
    explain,
    faults,
    hooks,
    interrupt,
    jump,
    keys,
    kill,
    layout,
    next_one,
    notify,
    open_page,
    peek,
    permissions,
    ps,
    reply,
    run,
    runs,
    send,
    serve,
    sessions,
    show,
    spawn,
    status,
    tokens,
    top,
    watch,
    workspace,
)
from clawdforge.errors import ClawdforgeError

START = "Start here"
USE = "Use a server"
SEE = "See all agents of this machine"
STEER = "Steer them"
TMUX = "Work in tmux"
MANAGE = "Look after it"

EPILOG = "Exit codes: " + "; ".join(
    f"[bold]{code}[/] {meaning}" for code, meaning in faults.EXIT_CODES.items()
)


class Reporting(TyperGroup):
    """Tells errors to people instead of showing tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except ClawdforgeError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            faults.report(error)
            raise typer.Exit(faults.exit_code(error)) from None
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(faults.INTERRUPTED) from None


app = typer.Typer(
    name="clawdforge",
    cls=Reporting,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clawdforge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Run coding agents for your apps over HTTP, and see what they do and cost.

    New here? [bold]clawdforge demo[/] shows it in ten seconds, [bold]clawdforge serve[/] starts it.
    """


app.command("demo", rich_help_panel=START)(demo.demo)
app.command("serve", rich_help_panel=START)(serve.serve)
app.command("open", rich_help_panel=START)(open_page.open_page)
app.command("doctor", rich_help_panel=START)(doctor.doctor)
app.command("top", rich_help_panel=SEE)(top.top)
app.command("ps", rich_help_panel=SEE)(ps.ps)
app.command("show", rich_help_panel=SEE)(show.show)
app.command("watch", rich_help_panel=SEE)(watch.watch)
app.command("explain", rich_help_panel=SEE)(explain.explain)
app.command("status", rich_help_panel=SEE)(status.status)
app.command("jump", rich_help_panel=STEER)(jump.jump)
app.command("peek", rich_help_panel=STEER)(peek.peek)
app.command("send", rich_help_panel=STEER, context_settings=send.SETTINGS)(send.send)
app.command("reply", rich_help_panel=STEER)(reply.reply)
app.command("interrupt", rich_help_panel=STEER)(interrupt.interrupt)
app.command("kill", rich_help_panel=STEER)(kill.kill)
app.command("spawn", rich_help_panel=STEER)(spawn.spawn)
app.command("next", rich_help_panel=STEER)(next_one.next_one)
app.command("layout", rich_help_panel=TMUX)(layout.layout)
app.add_typer(workspace.app, name="workspace", rich_help_panel=TMUX)
app.add_typer(keys.app, name="keys", rich_help_panel=TMUX)
app.command("adopt", rich_help_panel=USE)(adopt.adopt)
app.command("attach", rich_help_panel=USE)(attach.attach)
app.command("run", rich_help_panel=USE)(run.run)
app.command("chat", rich_help_panel=USE)(chat.chat)
app.add_typer(sessions.app, name="sessions", rich_help_panel=USE)
app.add_typer(permissions.app, name="permissions", rich_help_panel=USE)
app.command("approve", rich_help_panel=USE)(permissions.approve)
app.command("deny", rich_help_panel=USE)(permissions.deny)
app.command("agents", rich_help_panel=USE)(agents.agents)
app.add_typer(runs.app, name="runs", rich_help_panel=USE)
app.add_typer(tokens.app, name="token", rich_help_panel=MANAGE)
app.add_typer(hooks.app, name="hooks", rich_help_panel=MANAGE)
app.add_typer(notify.app, name="notify", rich_help_panel=MANAGE)
app.command("config", rich_help_panel=MANAGE)(config.config)


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="clawdforge")
