"""`clawdforge demo`: all of it once, on a server of its own that leaves nothing behind.

The conversation in it is in `demo_talk`.
"""

import asyncio
import signal
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli import faults
from clawdforge.cli.demo_page import say, step
from clawdforge.cli.screen import command_name

if TYPE_CHECKING:
    from clawdforge.cli.child_server import ChildServer
    from clawdforge.client import AsyncClient, RunResult
    from clawdforge.config import Settings

APP = "demo-app"
FILE_NAME = "coffee.csv"
FILE_TEXT = """\
weekday,cups
Monday,41
Tuesday,28
Wednesday,33
Thursday,25
Friday,57
"""
PROMPT = "Which weekday needs the most coffee, and how many cups? Answer in one short sentence."
CLAUDE_MODEL = "haiku"
RUN_SECS = 15
"""How long the run may take, so that the whole demo stays under half a minute."""


def demo(
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="AGENT",
            help="claude or demo. Default: claude if it is installed and logged in.",
        ),
    ] = None,
) -> None:
    """See all of it in ten seconds: a file and a run, a conversation, streaming, a permission.

    Starts a server on a free port with a throw-away folder, and removes both afterwards.
    """
    if agent not in {None, "claude", "demo"}:
        raise typer.BadParameter("it is claude or demo", param_hint="--agent")
    try:
        asyncio.run(_until_done(agent))
    except asyncio.CancelledError:  # SIGTERM
        raise typer.Exit(faults.INTERRUPTED) from None


async def _until_done(agent: str | None) -> None:
    """Run the demo; SIGTERM ends it as Ctrl-C does, everything cleaned up."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    await _demo(agent)


async def _demo(wanted: str | None) -> None:
    from clawdforge.cli.child_server import child_server
    from clawdforge.config import environment, load_settings

    begun = time.monotonic()
    environ = environment()
    settings = load_settings().settings
    agent, why = await _choose(wanted, settings, environ)
    say("[bold]clawdforge runs coding agents for your apps, over HTTP.[/] One round, for real:")
    step(1, "A server of its own, on a free port")
    async with child_server(settings, agent, environ) as server:
        say(f"   {server.url}  (up in {server.startup_secs:.1f} s)")
        say(f"   agent: [bold]{agent}[/], {why}")
        await _tour(server, agent)
    step(9, f"Done in {time.monotonic() - begun:.0f} s, and nothing is left behind")
    _goodbye(agent)


async def _choose(
    wanted: str | None, settings: "Settings", environ: Mapping[str, str]
) -> tuple[str, str]:
    """Which agent answers, and why."""
    from clawdforge.cli.checks.agents import look_for_claude

    if wanted:
        return wanted, "as you asked"
    claude = await look_for_claude(settings, environ)
    if claude.usable:
        return "claude", "which is installed and logged in"
    problem = "is not logged in" if claude.present else "is not installed"
    return "demo", f"which only pretends, because claude {problem}"


async def _tour(server: "ChildServer", agent: str) -> None:
    from clawdforge.cli.demo_talk import converse
    from clawdforge.client import AsyncClient

    async with AsyncClient(environ=server.environ) as admin:
        token = (await admin.create_token(APP)).token
    step(2, "Your app gets a token (the server keeps only its hash)")
    say(f"   $ clawdforge token create {APP}\n   {token[:9]}…")
    async with AsyncClient(server.url, token, environ={}) as client:
        file = await client.upload_file(FILE_TEXT.encode(), filename=FILE_NAME)
        step(3, f"It uploads a file, {FILE_NAME}, which only this app can use")
        say(f"   {file.size} bytes, {file.file_token[:9]}…, kept for {file.ttl_secs // 60} minutes")
        step(4, "It asks. The same call with curl, and with Python:")
        _show_call(server.url, agent)
        answer = await _ask(client, file.file_token, agent)
        if answer is not None:
            await _show_record(client, answer)
        await converse(client)


async def _ask(client: "AsyncClient", file_token: str, agent: str) -> "RunResult | None":
    from clawdforge.cli.run import tell_failure
    from clawdforge.cli.screen import duration, harmless
    from clawdforge.cli.waiting import waiting
    from clawdforge.client import ForgeError, RunFailure

    model = CLAUDE_MODEL if agent == "claude" else None
    try:
        with waiting(f"{agent} is thinking"):
            answer = await client.run(
                PROMPT, files=[file_token], agent=agent, model=model, timeout_secs=RUN_SECS
            )
    except ForgeError as error:
        if agent == "demo":
            raise
        if isinstance(error, RunFailure):
            tell_failure(error)
        say(f"   {error.message}", markup=False)
        say("   claude could not do it now, so the demo agent takes over:")
        return await _ask(client, file_token, "demo")
    say("\n   [bold green]answer[/]", end="  ")
    say(harmless(answer.as_text()).replace("\n", "\n           "), markup=False)
    say(f"   [dim]in {duration(answer.duration_ms)}[/]")
    return answer


async def _show_record(client: "AsyncClient", answer: "RunResult") -> None:
    from clawdforge.cli.runs import print_run

    if answer.run_id is None:
        return
    step(5, "The ledger has it: who, what, how long, what it cost")
    say(f"   $ clawdforge runs show {answer.run_id}")
    print_run(await client.get_run(answer.run_id), indent="   ")


def _show_call(url: str, agent: str) -> None:
    model = f', "model": "{CLAUDE_MODEL}"' if agent == "claude" else ""
    body = f'{{"prompt": "Which weekday …", "files": ["ff_…"], "agent": "{agent}"{model}}}'
    option = f', model="{CLAUDE_MODEL}"' if agent == "claude" else ""
    lines = (
        "curl $CLAWDFORGE_URL/run --oauth2-bearer $CLAWDFORGE_TOKEN \\",
        f"     --json '{body}'",
        "",
        "from clawdforge import Client",
        f'with Client("{url}", token) as client:',
        f'    file = client.upload_file("{FILE_NAME}")',
        f'    answer = client.run("Which weekday …", files=[file], agent="{agent}"{option})',
        "    print(answer.as_text())",
    )
    say("\n".join(f"   {line}".rstrip() for line in lines), markup=False, style="cyan")


def _goodbye(agent: str) -> None:
    me = command_name()
    say("\nKeep it running:")
    say(f"   {me} serve", style="bold")
    say("\nThen, in another terminal, see every agent session, and answer what they ask:")
    say(f"   {me} top       # the dashboard in the terminal", style="bold")
    say(f"   {me} open      # the page in the browser, logged in", style="bold")
    say(f"   {me} hooks install --approvals   # those you start yourself, too", style="bold")
    say("\nTry more:")
    say(f"   {me} chat", style="bold")
    say(f'   {me} run --file report.pdf "What are the three main points?"', style="bold")
    if agent == "demo":
        say(
            "\nFor real answers: npm install -g @anthropic-ai/claude-code, run `claude` once to log"
            f" in.\nThen: {me} demo",
            markup=False,
        )
