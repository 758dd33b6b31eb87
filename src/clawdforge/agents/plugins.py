"""Drivers: those that ship with us, and those that other distributions bring.

Another distribution names a `DriverKind` as an entry point of the group `clawdforge.drivers`:

    [project.entry-points."clawdforge.drivers"]
    mine = "my_package.clawdforge:KIND"

Then `[agents.NAME]` with `driver = "mine"` uses it. Its driver keeps the rules of the port
(`clawdforge.agents.driver`), which `clawdforge.testing.driver_contract` tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from clawdforge.agents.driver import Driver
from clawdforge.agents.lines import Program
from clawdforge.agents.terminal import Terminal
from clawdforge.config import AgentSettings
from clawdforge.errors import ConfigError
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Processes

GROUP = "clawdforge.drivers"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverKind:
    """A driver: how one is made for a conversation, and what its agent needs."""

    make: Callable[[Processes, Program, AgentSettings], Driver]
    """A driver for one conversation with the program, as the configuration wants it."""
    environment: Callable[[Mapping[str, str], tuple[str, ...]], dict[str, str]] = select
    """What the agent gets to see of the server's environment, and of the variables (patterns)
    that the configuration names beyond that."""
    terminal: Callable[[Program, AgentSettings], Terminal] | None = None
    """For an agent whose conversations can change hands with a person's terminal."""
    command: tuple[str, ...] = ()
    """Program and first arguments, when the configuration names none."""
    install: str = "install it, or name its program as the `command` of the agent"
    """What to do when the program is missing."""


def find_plugin(name: str, taken: Mapping[str, DriverKind]) -> DriverKind | None:
    """The driver of that name which another distribution brings; None when none does.

    Reads from the disk which distributions there are.

    Args:
        name: The `driver` of a configuration.
        taken: Those that ship with us: their names are nobody else's.

    Raises:
        ConfigError: it cannot be loaded, is no driver, or two bring one of the same name.
    """
    if name in taken:
        return taken[name]
    found = [*entry_points(group=GROUP, name=name)]
    if not found:
        return None
    if len(found) > 1:
        msg = f"several distributions bring a driver {name!r}: {', '.join(map(_origin, found))}"
        raise ConfigError(msg, hint="uninstall all but one of them")
    try:
        kind = found[0].load()
    except Exception as error:
        msg = f"the driver {name!r} of {_origin(found[0])} cannot be loaded: {error}"
        raise ConfigError(msg) from error
    if not isinstance(kind, DriverKind):
        msg = f"the driver {name!r} of {_origin(found[0])} is not a `DriverKind`"
        raise ConfigError(msg)
    return kind


def plugin_names() -> tuple[str, ...]:
    """The names of all drivers that other distributions bring."""
    return tuple(sorted(entry_points(group=GROUP).names))


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
