"""`clawdforge sessions`: the conversations of an app, what happened in them, and their end."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, connected

if TYPE_CHECKING:
    from clawdforge.client import Client, Session

app = typer.Typer(
    invoke_without_command=True,
    help="See the sessions of your app, follow what happens in them, cancel and close them.",
)
SESSION = Annotated[
    str, typer.Argument(metavar="SESSION", help="The session's id, or its beginning.")
]


@app.callback()
def latest(context: typer.Context, as_json: AS_JSON = False) -> None:
    """See the sessions of your app, follow what happens in them, cancel and close them.

    Alone: the latest. To talk in one: `clawdforge chat --session ID`.
    """
    if context.invoked_subcommand is None:
        list_sessions(as_json=as_json)


@app.command("list")
def list_sessions(
    only_open: Annotated[
        bool, typer.Option("--open", metavar="", help="Only those that are not closed.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=500, metavar="N", help="How many at most.")
    ] = 20,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="NEXT", help="Go on where a list ended: its `next`."),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """List the latest sessions of your app, newest first."""
    from clawdforge.cli.screen import print_json, print_table, stderr
    from clawdforge.cli.session_rows import session_row

    with connected(url, data_dir) as client:
        page = client.list_sessions(include_closed=not only_open, limit=limit, before=before)
    if as_json:
        print_json(page)
        return
    if not page.sessions:
        stderr().print("No sessions yet. Try: clawdforge chat")
        return
    columns = ("MADE", "STATE", "AGENT", "MODEL", "TURNS", "LAST TURN", "COST", "SESSION")
    print_table(columns, map(session_row, page.sessions))
    if page.next:
        stderr().print(f"More: clawdforge sessions list --limit {limit} --before {page.next}")


@app.command("show")
def show_session(
    session: SESSION, as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None
) -> None:
    """Show everything about one session, but nothing of what was said in it."""
    from clawdforge.cli.screen import print_facts, print_json
    from clawdforge.cli.session_rows import session_facts

    with connected(url, data_dir) as client:
        info = _found(client, session).state()
    if as_json:
        print_json(info)
    else:
        print_facts(session_facts(info))


@app.command("turns")
def turns(
    session: SESSION,
    number: Annotated[
        int | None,
        typer.Argument(metavar="TURN", min=1, help="A turn's number: all about that one."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=200, metavar="N", help="How many at most.")
    ] = 20,
    before: Annotated[
        int | None,
        typer.Option("--before", min=1, metavar="TURN", help="Only turns before this one."),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """List the turns of a session, newest first, or show one and what the agent said in it."""
    from clawdforge.cli.screen import print_json, print_table
    from clawdforge.cli.session_rows import show_turn, turn_row

    with connected(url, data_dir) as client:
        found = _found(client, session)
        if number is not None:
            show_turn(found.get_turn(number), as_json=as_json)
            return
        page = found.turns(limit=limit, before=before)
    if as_json:
        print_json(page)
        return
    columns = ("TURN", "WHEN", "STATE", "BY", "TOOK", "WAITED", "TOKENS", "COST", "ERROR")
    print_table(columns, map(turn_row, page.turns), folded="ERROR")


@app.command("events")
def show_events(
    session: SESSION,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", metavar="", help="Go on with new ones as they happen, until Ctrl-C."
        ),
    ] = False,
    after: Annotated[
        int, typer.Option("--after", min=0, metavar="SEQ", help="Only those after this number.")
    ] = 0,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Print what happened in a session, one event a line; with --json one JSON object a line.

    With --follow new events come as they happen. None is missed and none comes twice, also when
    the connection breaks or the server starts again.

    Example: clawdforge sessions events 3f0c --follow --json | jq -r 'select(.text).text'
    """
    from clawdforge.cli.event_lines import event_line
    from clawdforge.cli.screen import print_json_line, stdout
    from clawdforge.client import events

    screen = stdout()

    def show(event: events.Event) -> None:
        if as_json:
            print_json_line(events.as_json(event))
        else:
            screen.print(event_line(event), markup=False)

    with connected(url, data_dir) as client:
        found = _found(client, session)
        if follow:
            with found.events(after) as stream:
                for event in stream:
                    show(event)
            return
        start: int | None = after
        while start is not None:
            page = found.event_page(start)
            for event in page.events:
                show(event)
            start = page.next


@app.command("cancel")
def cancel(
    session: SESSION, as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None
) -> None:
    """Cancel the turn that runs in a session. The session stays open."""
    from clawdforge.cli.screen import print_json, stderr

    with connected(url, data_dir) as client:
        done = _found(client, session).cancel()
    if as_json:
        print_json(done)
    elif done.cancelled:
        stderr().print(f"Turn {done.turn_index} is cancelled.")
    else:
        stderr().print("Nothing is running there.")


@app.command("close")
def close(
    session: SESSION, as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None
) -> None:
    """Close a session. It can be read for a day, and `clawdforge chat --session` reopens it."""
    from clawdforge.cli.screen import print_json, stderr

    with connected(url, data_dir) as client:
        found = _found(client, session)
        found.close()
    if as_json:
        print_json({"session_id": found.id, "closed": True})
    else:
        stderr().print(f"Closed {found.id}.", markup=False)


@app.command("resume")
def resume(
    session: SESSION, as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None
) -> None:
    """Open a closed session again, where its agent can go on with the conversation."""
    from clawdforge.cli.screen import print_json, stderr

    with connected(url, data_dir) as client:
        info = _found(client, session).resume()
    if as_json:
        print_json(info)
    else:
        hint = f"clawdforge chat --session {info.session_id}"
        stderr().print(f"{info.session_id} is open. To talk: {hint}", markup=False)


@app.command("fork")
def fork(
    session: SESSION, as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None
) -> None:
    """Make a new session that goes on with a copy of this one's conversation and folder."""
    from clawdforge.cli.screen import print_json, stderr

    with connected(url, data_dir) as client:
        made = _found(client, session).fork()
        info = made.state()
    if as_json:
        print_json(info)
        return
    sys.stdout.write(made.id + "\n")
    sys.stdout.flush()
    stderr().print(f"To talk in the copy: clawdforge chat --session {made.id}", markup=False)


def _found(client: "Client", given: str) -> "Session":
    from clawdforge.cli.ids import session_id

    return client.session(session_id(client, given))
