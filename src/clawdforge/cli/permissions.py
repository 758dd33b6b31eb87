"""`clawdforge permissions`, `approve`, `deny`: what agents ask, and the answers."""

from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, connected

if TYPE_CHECKING:
    from clawdforge.client import PermissionInfo

app = typer.Typer(
    invoke_without_command=True,
    help="See what the agents of your sessions ask, and wait for.",
)
PERMISSION = Annotated[
    str,
    typer.Argument(metavar="PERMISSION", help="The question's id, or its beginning."),
]


@app.callback()
def waiting(context: typer.Context, as_json: AS_JSON = False) -> None:
    """See what the agents of your sessions ask, and wait for. Alone: the list.

    To answer: `clawdforge approve ID`, `clawdforge deny ID`.
    """
    if context.invoked_subcommand is None:
        list_permissions(as_json=as_json)


@app.command("list")
def list_permissions(
    every: Annotated[
        bool, typer.Option("--all", metavar="", help="Also those that were answered.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=200, metavar="N", help="How many at most.")
    ] = 50,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """List what agents ask, newest first."""
    from clawdforge.cli.screen import print_json, print_table, stderr

    with connected(url, data_dir) as client:
        found = client.permissions(state="all" if every else "pending", limit=limit)
    if as_json:
        print_json({"permissions": found})
        return
    if not found:
        stderr().print("No agent asks for anything." if not every else "No agent ever asked.")
        return
    columns = ("ASKED", "STATE", "TOOL", "WHAT", "SESSION", "PERMISSION")
    print_table(columns, map(_row, found))
    if not every:
        stderr().print("To answer: clawdforge approve PERMISSION, clawdforge deny PERMISSION")


@app.command("show")
def show_permission(
    permission: PERMISSION, as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None
) -> None:
    """Show exactly what an agent wants to do."""
    from clawdforge.cli.ids import permission_id
    from clawdforge.cli.screen import print_facts, print_json

    with connected(url, data_dir) as client:
        info = client.get_permission(permission_id(client, permission))
    if as_json:
        print_json(info)
    else:
        print_facts(_details(info))


def approve(
    permission: PERMISSION,
    always: Annotated[
        bool,
        typer.Option("--always", metavar="", help="Also the like of it, in this session."),
    ] = False,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Let an agent do what it asked for. `clawdforge permissions show ID` shows what exactly.

    For example:

      clawdforge approve pm_3f0c

      clawdforge approve pm_3f0c --always
    """
    from clawdforge.cli.ids import permission_id

    with connected(url, data_dir) as client:
        info = client.answer_permission(
            permission_id(client, permission), allow=True, scope="always" if always else "once"
        )
    _tell(info, as_json=as_json)


def deny(
    permission: PERMISSION,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", metavar="TEXT", help="Tell the agent why, or what else."),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Refuse what an agent asked for. It goes on without it.

    Example: clawdforge deny pm_3f0c --message "Use the staging database."
    """
    from clawdforge.cli.ids import permission_id

    with connected(url, data_dir) as client:
        info = client.answer_permission(
            permission_id(client, permission), allow=False, message=message
        )
    _tell(info, as_json=as_json)


def _tell(info: "PermissionInfo", *, as_json: bool) -> None:
    from clawdforge.cli.screen import print_json, stderr

    if as_json:
        print_json(info)
    else:
        stderr().print(f"{info.state}: {_what(info)}".rstrip(), markup=False)


def _what(info: "PermissionInfo") -> str:
    from clawdforge.cli.screen import in_short, one_line

    return f"{info.tool} {in_short(info.args, 60) or one_line(info.title or '', 60)}"


def _row(info: "PermissionInfo") -> tuple[str, ...]:
    from clawdforge.cli.screen import ago, in_short, one_line

    return (
        ago(info.asked_at),
        info.state,
        info.tool,
        in_short(info.args, 60) or one_line(info.title or "", 60) or "-",
        info.session_id[:8],
        info.permission_id,
    )


def _details(info: "PermissionInfo") -> tuple[tuple[str, object], ...]:
    import msgspec

    from clawdforge.cli.screen import moment

    args = msgspec.json.format(msgspec.json.encode(info.args), indent=2).decode()
    offers = ", ".join(option.name or option.option_id for option in info.options)
    answer = info.answer or {}
    return (
        ("permission", info.permission_id),
        ("state", info.state),
        ("session", info.session_id),
        ("turn", info.turn),
        ("tool", info.tool),
        ("kind", info.kind),
        ("about", info.title),
        ("files", ", ".join(info.paths)),
        ("exactly", args.replace("\n", "\n" + " " * 13)),
        ("it offers", offers),
        ("asked", moment(info.asked_at)),
        ("waits until", moment(info.expires_at) if info.state == "pending" else None),
        ("answered", moment(info.answered_at)),
        ("by", info.answered_by),
        ("scope", answer.get("scope")),
        ("message", answer.get("message")),
    )
