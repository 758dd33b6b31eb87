"""`clawdforge run`: one prompt, one answer."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, complete_agent, connected
from clawdforge.core.names import EFFORTS, Effort, SystemMode
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from clawdforge.client import Client, FileToken, RunFailure, RunResult

STDERR_LINES = 12
"""How much of the agent's last words is shown."""


def run(
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="PROMPT", help="What to ask. `-`, or none: read from standard input."
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            "-a",
            metavar="AGENT",
            help="Who answers. Default: the server's; see `clawdforge agents`.",
            autocompletion=complete_agent,
        ),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            "-f",
            metavar="PATH",
            help="File to attach. Repeatable. `-` attaches standard input.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="Model. Default: the server's."),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="System prompt.")
    ] = None,
    system_mode: Annotated[
        SystemMode | None,
        typer.Option(
            "--system-mode",
            metavar="append|replace",
            help="Add --system to the agent's own prompt, or replace that by it.",
        ),
    ] = None,
    effort: Annotated[
        Effort | None,
        typer.Option(
            "--effort", metavar="LEVEL", help=f"How hard it thinks: {', '.join(EFFORTS)}."
        ),
    ] = None,
    timeout_secs: Annotated[
        int | None,
        typer.Option(
            "--timeout-secs",
            "-t",
            min=1,
            metavar="SECONDS",
            help="How long it may take. Default: the server's, usually 120.",
        ),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Have an agent answer one prompt. The answer goes to standard output.

    Ctrl-C cancels the run, also on the server.
    """
    from clawdforge.cli.waiting import waiting
    from clawdforge.client.errors import RunFailure

    attached = files or []
    text = _prompt(prompt, takes_stdin=Path("-") in attached)
    options: dict[str, Any] = {
        "agent": agent,
        "model": model,
        "system": system,
        "system_mode": system_mode,
        "effort": effort,
        "timeout_secs": timeout_secs,
    }
    try:
        with connected(url, data_dir) as client, waiting("waiting for the answer"):
            tokens = [_upload(client, path) for path in attached]
            answer = client.run(text, files=tokens, **options)
    except RunFailure as failure:
        tell_failure(failure, as_json=as_json)
        raise
    _print(answer, as_json=as_json)


def _prompt(given: str | None, *, takes_stdin: bool) -> str:
    if given is not None and given != "-":
        return given
    if takes_stdin:
        msg = "standard input is attached as a file and cannot be the prompt too"
        raise InputError(msg, hint='give the prompt: clawdforge run --file - "Summarise this."')
    if given is None and sys.stdin.isatty():
        msg = "there is no prompt"
        raise InputError(msg, hint='clawdforge run "Say hello."')
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        msg = "the prompt on standard input is not UTF-8 text"
        raise InputError(msg, hint="attach it as a file: --file PATH") from None
    if not text.strip():
        msg = "the prompt on standard input is empty"
        raise InputError(msg, hint='clawdforge run "Say hello."')
    return text


def _upload(client: "Client", path: Path) -> "FileToken":
    if path == Path("-"):
        return client.upload_file(sys.stdin.buffer, filename="stdin")
    return client.upload_file(path)


def _print(answer: "RunResult", *, as_json: bool) -> None:
    from clawdforge.cli.screen import print_json, print_text

    if not as_json:
        print_text(answer.as_text())
        return
    print_json(
        {
            "ok": True,
            "result": answer.result,
            "duration_ms": answer.duration_ms,
            "stop_reason": answer.stop_reason,
            "run_id": answer.run_id,
        }
    )


def tell_failure(failure: "RunFailure", *, as_json: bool = False) -> None:
    """The agent's last words, and what to do next; the error itself is told by whoever catches."""
    from clawdforge.cli.screen import harmless, print_json, stderr

    if failure.hint is None:
        failure.hint = _next_step(failure)
    if as_json:
        print_json(
            {
                "ok": False,
                "error": failure.error,
                "stderr": failure.stderr,
                "duration_ms": failure.duration_ms,
                "stop_reason": failure.stop_reason,
                "run_id": failure.run_id,
            }
        )
        return
    lines = failure.stderr.strip().splitlines()
    if lines:
        screen = stderr()
        screen.print("The agent's last words:", style="dim")
        for line in lines[-STDERR_LINES:]:
            screen.print(f"  {harmless(line)}", markup=False, style="dim")


def _next_step(failure: "RunFailure") -> str:
    if failure.timed_out:
        return f"it ran for {failure.duration_ms / 1000:.0f} s: allow more with --timeout-secs"
    look = f"; the ledger has it: clawdforge runs show {failure.run_id}" if failure.run_id else ""
    return f"`clawdforge doctor` checks that the agent is installed and logged in{look}"
