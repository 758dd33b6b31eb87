"""`clawdforge token`: the apps that may call, and their tokens."""

import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, connected
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from clawdforge.wire.forge_sessions import PolicyMode

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke the tokens with which apps call.",
)
NAME = Annotated[
    str, typer.Argument(metavar="NAME", help="The app's name: a-z, 0-9, `_` and `-`, up to 64.")
]


@app.command()
def create(
    name: NAME,
    cidrs: Annotated[
        list[str] | None,
        typer.Option(
            "--cidr", metavar="CIDR", help="Network it may call from. Repeatable. Default: any."
        ),
    ] = None,
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", metavar="SCOPE", help="What it may do. Repeatable. Default: run agents."
        ),
    ] = None,
    permissions: Annotated[
        str | None,
        typer.Option(
            "--permissions",
            metavar="MODE",
            help="What agents may do for it: deny, allow-reads, ask or allow-all. "
            "Default: as the server is set.",
        ),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Make an app and print its token. It is shown this once only: the server keeps a hash."""
    from clawdforge.cli.screen import print_json, stderr

    with connected(url, data_dir) as client:
        made = client.create_token(
            name, cidrs or (), scopes or None, permissions=cast("PolicyMode | None", permissions)
        )
    if as_json:
        told = {"name": made.name, "token": made.token, "ip_cidrs": made.ip_cidrs}
        print_json(told | {"scopes": made.scopes})
        return
    sys.stdout.write(made.token + "\n")
    sys.stdout.flush()
    stderr().print(
        f"This is the token of {made.name}. Keep it now: it cannot be shown again.\n"
        "Its programs find it in CLAWDFORGE_TOKEN, or send it as `Authorization: Bearer …`.",
        markup=False,
    )


@app.command("list")
def list_tokens(as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None) -> None:
    """List the apps that have a token. The tokens themselves are known to nobody any more."""
    from clawdforge.cli.screen import ago, print_json, print_table

    with connected(url, data_dir) as client:
        found = client.list_tokens()
    if as_json:
        print_json({"tokens": found})
        return
    rows = (
        (
            info.name,
            ", ".join(info.scopes) or "-",
            ", ".join(info.ip_cidrs) or "any",
            ago(info.created_at),
            ago(info.last_used_at),
        )
        for info in found
    )
    print_table(("APP", "SCOPES", "FROM", "CREATED", "LAST USED"), rows, folded="FROM")


@app.command()
def revoke(
    name: NAME,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")] = False,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Take an app's token away. It stops working at once, and cannot be given back."""
    from clawdforge.cli.screen import print_json, stderr

    if not yes:
        _ask(name)
    with connected(url, data_dir) as client:
        client.revoke_token(name)
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        stderr().print(f"Revoked {name}.", markup=False)


def _ask(name: str) -> None:
    if not sys.stdin.isatty():
        msg = "nobody is there to be asked"
        raise InputError(msg, hint="add --yes to revoke without a question")
    if not typer.confirm(f"Revoke {name}? Its programs stop working at once.", err=True):
        raise typer.Exit(1)
