"""The demo's conversation: two turns that share memory, streaming, and a permission."""

import sys
from typing import TYPE_CHECKING

from clawdforge.cli.demo_page import say, step
from clawdforge.cli.screen import duration, harmless, in_short
from clawdforge.client import events

if TYPE_CHECKING:
    from clawdforge.client import AsyncClient, AsyncSession

AGENT = "demo"
"""Whoever answered the run: it does as it is told, so that everything can be shown."""
WORD = "blue"
COUNT = 20
COMMAND = "touch hello.txt"
TURN_SECS = 10


async def converse(client: "AsyncClient") -> None:
    """Hold a conversation with the demo agent, and show it."""
    async with await client.create_session(agent=AGENT, permissions="ask") as session:
        step(6, "A conversation: the second turn knows the first, also after a restart")
        say("   with client.create_session() as session:", style="cyan")
        for prompt in (f"/remember {WORD}", "/recall"):
            say(f'       session.turn("{prompt}").text()', style="cyan", end="")
            result = await session.turn(prompt, timeout_secs=TURN_SECS)
            say(f"  [dim]in {duration(result.duration_ms)}[/]")
            say(f"   [bold green]answer[/]  {harmless(result.text())}")
        step(7, "Streaming: every event once and in order, whatever becomes of the connection")
        await _stream(session)
        step(8, "A permission: the agent asks, and waits for your answer")
        await _permit(session)


async def _stream(session: "AsyncSession") -> None:
    prompt = f"/stream {COUNT}"
    say(f'   for event in session.stream("{prompt}"):', style="cyan")
    say("   [bold green]answer[/]  ", end="")
    count = 0
    async with session.stream(prompt, timeout_secs=TURN_SECS) as stream:
        async for event in stream:
            count += 1
            if isinstance(event, events.Text):
                say(harmless(event.text), markup=False, end="")
                sys.stdout.flush()
    say(f"\n   [dim]{count} events, numbered {stream.after - count + 1} to {stream.after}[/]")


async def _permit(session: "AsyncSession") -> None:
    prompt = f"/ask {COMMAND}"
    say(f'   session.stream("{prompt}", on_permission=decide)', style="cyan")

    def decide(request: events.PermissionRequest) -> bool:
        say(f"   [bold yellow]asks[/]    {request.tool}: {in_short(request.args)}", end="")
        say("   [dim](in `clawdforge chat` you would be asked)[/]")
        say("   [bold yellow]you[/]     yes, this once")
        return True

    done = ""
    async with session.stream(prompt, timeout_secs=TURN_SECS, on_permission=decide) as stream:
        async for event in stream:
            if isinstance(event, events.ToolCall) and event.status:
                done = event.status
        result = await stream.result()
    say(f"   [bold green]tool[/]    {done}")
    say(f"   [bold green]answer[/]  {harmless(result.text())}")
