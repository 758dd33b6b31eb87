"""`clawdforge runs`: what the ledger keeps about the runs of an app."""

from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, connected

if TYPE_CHECKING:
    from clawdforge.client import RunInfo

app = typer.Typer(
    invoke_without_command=True,
    help="See the runs of your app: state, agent, tokens, cost.",
)


@app.callback()
def latest(context: typer.Context, as_json: AS_JSON = False) -> None:
    """See the runs of your app: state, agent, tokens, cost. Alone: the latest."""
    if context.invoked_subcommand is None:
        list_runs(as_json=as_json)


@app.command("list")
def list_runs(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=200, metavar="N", help="How many at most.")
    ] = 20,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="NEXT", help="Go on where a list ended: its `next`."),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """List the latest runs of your app, newest first."""
    from clawdforge.cli.screen import print_json, print_table, stderr

    with connected(url, data_dir) as client:
        page = client.runs(limit=limit, before=before)
    if as_json:
        print_json(page)
        return
    if not page.runs:
        stderr().print('No runs yet. Try: clawdforge run "Say hello."')
        return
    columns = ("WHEN", "STATE", "AGENT", "MODEL", "TOOK", "TOKENS", "COST", "RUN")
    print_table(columns, map(_row, page.runs))
    if page.next:
        stderr().print(f"More: clawdforge runs list --limit {limit} --before {page.next}")


@app.command("show")
def show_run(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Show everything the ledger keeps about one run. Never its prompt or its answer."""
    from clawdforge.cli.screen import print_json

    with connected(url, data_dir) as client:
        info = client.get_run(run_id)
    if as_json:
        print_json(info)
    else:
        print_run(info)


def print_run(info: "RunInfo", *, indent: str = "") -> None:
    """A run, a line for each thing that is known about it."""
    from clawdforge.cli.screen import print_facts

    print_facts(_details(info), indent=indent)


def _details(info: "RunInfo") -> tuple[tuple[str, str | int | None], ...]:
    from clawdforge.cli.screen import cost, duration, moment, size

    cache = f"{info.cache_read_tokens} read, {info.cache_write_tokens} written"
    return (
        ("run", info.run_id),
        ("state", info.state),
        ("error", info.error),
        ("stop reason", info.stop_reason),
        ("agent", info.agent),
        ("model", info.model),
        ("effort", info.effort),
        ("started", moment(info.started_at)),
        ("duration", duration(info.duration_ms)),
        ("waited", duration(info.waited_ms) if info.waited_ms else None),
        ("prompt", size(info.prompt_bytes)),
        ("files", info.file_count),
        ("answer", size(info.result_bytes)),
        ("tokens in", info.input_tokens),
        ("tokens out", info.output_tokens),
        ("cache", cache if info.cache_read_tokens or info.cache_write_tokens else None),
        ("cost", cost(info.cost_microusd)),
    )


def _row(info: "RunInfo") -> tuple[str, ...]:
    from clawdforge.cli.screen import ago, cost, duration

    known = info.input_tokens is not None or info.output_tokens is not None
    return (
        ago(info.started_at),
        info.state,
        info.agent,
        info.model or "-",
        duration(info.duration_ms),
        f"{info.input_tokens or 0} in, {info.output_tokens or 0} out" if known else "-",
        cost(info.cost_microusd),
        info.run_id,
    )
