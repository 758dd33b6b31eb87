"""`clawdforge permissions`, `approve`, `deny`: what agents ask, and the answers."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, connected

if TYPE_CHECKING:
    from clawdforge.client import PermissionInfo

app = typer.Typer(
    invoke_without_command=True,
    help="See what agents ask, and wait for.",
)
PERMISSION = Annotated[
    str,
    typer.Argument(metavar="PERMISSION", help="The question's id, or its beginning."),
]


@app.callback()
def waiting(context: typer.Context, as_json: AS_JSON = False) -> None:
    """See what agents ask, and wait for. Alone: the list.

    Of sessions that the server drives, and of Claude Code in a terminal where that was wanted
    (`clawdforge hooks install --approvals`).

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
    from clawdforge.cli.approvals import Askers
    from clawdforge.cli.screen import print_json, print_table, stderr

    found = Askers(url, data_dir).all(every=every, limit=limit)
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
    from clawdforge.cli.approvals import Askers, check_given
    from clawdforge.cli.ids import permission_id
    from clawdforge.cli.screen import print_facts, print_json

    check_given(permission)
    info: PermissionInfo | None = Askers(url, data_dir).approval(permission)
    if info is None:
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
        typer.Option("--always", metavar="", help="Also the like of it: `show` says what."),
    ] = False,
    answers: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            metavar="TEXT",
            help="To a question: a text, or the number of an option. Once for each question.",
        ),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            metavar="MODE",
            help="What a session in a terminal goes on with, after a plan: acceptEdits, default.",
        ),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Let an agent do what it asked for. `clawdforge permissions show ID` shows what exactly.

    For example:

      clawdforge approve pm_3f0c

      clawdforge approve pm_3f0c --always

      clawdforge approve ap_81bd --answer 2
    """
    from clawdforge.cli.approvals import Askers, answers_of, check_given
    from clawdforge.cli.ids import permission_id

    check_given(permission)
    askers = Askers(url, data_dir)
    scope: Literal["once", "always"] = "always" if always else "once"
    approval = askers.approval(permission)
    if approval is not None:
        told = answers_of(approval.args, answers) if answers else None
        answered = askers.answer(approval, allow=True, scope=scope, answers=told, mode=mode)
        _tell(answered, as_json=as_json)
        return
    _only_in_terminals("--mode", given=mode is not None)
    with connected(url, data_dir) as client:
        name = permission_id(client, permission)
        args = None
        if answers:
            asked = client.get_permission(name).args
            args = {**asked, "answers": answers_of(asked, answers)}
        info = client.answer_permission(name, allow=True, scope=scope, args=args)
    _tell(info, as_json=as_json)


def deny(
    permission: PERMISSION,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", metavar="TEXT", help="Tell the agent why, or what else."),
    ] = None,
    interrupt: Annotated[
        bool,
        typer.Option("--interrupt", metavar="", help="In a terminal: also end the turn."),
    ] = False,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Refuse what an agent asked for. It goes on without it.

    Example: clawdforge deny pm_3f0c --message "Use the staging database."
    """
    from clawdforge.cli.approvals import Askers, check_given
    from clawdforge.cli.ids import permission_id

    check_given(permission)
    askers = Askers(url, data_dir)
    approval = askers.approval(permission)
    if approval is not None:
        answered = askers.answer(approval, allow=False, message=message, interrupt=interrupt)
        _tell(answered, as_json=as_json)
        return
    _only_in_terminals("--interrupt", given=interrupt)
    with connected(url, data_dir) as client:
        info = client.answer_permission(
            permission_id(client, permission), allow=False, message=message
        )
    _tell(info, as_json=as_json)


def _only_in_terminals(option: str, *, given: bool) -> None:
    from clawdforge.errors import InputError

    if given:
        msg = f"{option} is for sessions in a terminal"
        raise InputError(msg, hint="`clawdforge sessions cancel SESSION` ends a turn")


def _tell(info: "PermissionInfo", *, as_json: bool) -> None:
    from clawdforge.cli.screen import print_json, stderr

    if as_json:
        print_json(info)
    else:
        stderr().print(f"{info.state}: {_what(info)}".rstrip(), markup=False)


def _what(info: "PermissionInfo") -> str:
    return f"{info.tool} {_gist(info)}"


def _gist(info: "PermissionInfo") -> str:
    """What it wants, in a few words."""
    from clawdforge.cli.approvals import question_words
    from clawdforge.cli.screen import in_short, one_line

    words = question_words(info.args)
    return one_line(words, 60) or in_short(info.args, 60) or one_line(info.title or "", 60)


def _row(info: "PermissionInfo") -> tuple[str, ...]:
    from clawdforge.cli.screen import ago

    return (
        ago(info.asked_at),
        info.state,
        info.tool,
        _gist(info) or "-",
        info.session_id[:8],
        info.permission_id,
    )


def _left(info: "PermissionInfo") -> str | None:
    """How long it still waits."""
    import time

    from clawdforge.cli.screen import duration

    if info.expires_at is None:
        return None
    return f"{duration(max(0, info.expires_at - int(time.time())) * 1000)} more"


def _details(info: "PermissionInfo") -> tuple[tuple[str, object], ...]:
    import msgspec

    from clawdforge.cli.approvals import approval_details
    from clawdforge.cli.screen import moment
    from clawdforge.client.approvals import ApprovalInfo

    args = msgspec.json.format(msgspec.json.encode(info.args), indent=2).decode()
    offers = "; ".join(option.name or option.option_id for option in info.options)
    answer = info.answer or {}
    more = approval_details(info) if isinstance(info, ApprovalInfo) else ()
    cut = isinstance(info, ApprovalInfo) and info.cut
    return (
        ("permission", info.permission_id),
        ("state", info.state),
        ("session", info.session_id),
        ("turn", info.turn),
        ("tool", info.tool),
        ("kind", info.kind),
        ("about", info.title),
        ("files", ", ".join(info.paths)),
        ("attention", "this is not all of it: look at its terminal" if cut else None),
        ("exactly", args.replace("\n", "\n" + " " * 13)),
        ("it offers", offers),
        *more,
        ("asked", moment(info.asked_at)),
        ("waits", _left(info) if info.state == "pending" else None),
        ("answered", moment(info.answered_at)),
        ("by", info.answered_by),
        ("scope", answer.get("scope")),
        ("message", answer.get("message")),
    )
