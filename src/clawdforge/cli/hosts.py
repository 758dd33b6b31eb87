"""The option for other machines, and the machines that it means."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clawdforge.client.hosts import Way
    from clawdforge.remote.host import Host
    from clawdforge.remote.tunnel import Tunnel

HOSTS = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="MACHINE",
        help="Also the sessions of another machine, over ssh: user@machine, a Host of "
        "~/.ssh/config, ssh://user@machine:port. Can be repeated.",
        show_default=False,
    ),
]


def named_hosts(
    given: Sequence[str] | None, environ: Mapping[str, str], *, by_setting: bool
) -> "tuple[Host, ...]":
    """The machines that are meant.

    Args:
        given: By the option.
        environ: The environment, for the setting.
        by_setting: Where the option names none, those of the setting `hosts`.

    Raises:
        InputError: a text names no machine.
        ConfigError: the settings are wrong.
    """
    if given:
        from clawdforge.remote.host import parse_hosts

        return parse_hosts(given)
    if not by_setting:
        return ()
    from clawdforge.config import load_settings

    named = load_settings(environ=environ).settings.hosts
    if not named:
        return ()
    from clawdforge.remote.host import parse_hosts

    return parse_hosts(named)


def ways_to(tunnels: "Sequence[Tunnel]") -> "list[Way]":
    """How the monitors of these machines are reached."""
    from clawdforge.client.hosts import Way

    return [Way(tunnel.host.name, tunnel.connect) for tunnel in tunnels]
