"""`clawdforge agents`: which agents the server has, and whether each can be used."""

from typing import TYPE_CHECKING

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, connected

if TYPE_CHECKING:
    from clawdforge.client import AgentInfo


def agents(as_json: AS_JSON = False, url: URL = None, data_dir: DATA_DIR = None) -> None:
    """List the agents of the server: which is the default, which can be used."""
    from clawdforge.cli.screen import print_json, print_table

    with connected(url, data_dir) as client:
        found = client.agents()
    if as_json:
        print_json({"agents": found})
        return
    columns = ("AGENT", "DRIVER", "DEFAULT", "AVAILABLE", "VERSION", "WHAT TO DO")
    print_table(columns, map(_row, found), folded="WHAT TO DO")


def _row(info: "AgentInfo") -> tuple[str, ...]:
    return (
        info.name,
        info.driver,
        "default" if info.default else "",
        "yes" if info.available else "no",
        info.version or "-",
        info.detail or "-",
    )
