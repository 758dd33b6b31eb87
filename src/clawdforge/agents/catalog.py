"""Which agents there are: the configuration's, and those known to us whose program is here."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clawdforge.agents.acp.driver import AcpDriver
from clawdforge.agents.demo.agent import VERSION as DEMO_VERSION
from clawdforge.agents.driver import AgentStatus, Driver
from clawdforge.agents.kinds import CLAUDE, KINDS, is_claude, preset_agent, preset_kind
from clawdforge.agents.lines import Program
from clawdforge.agents.plugins import DriverKind, find_plugin, plugin_names
from clawdforge.agents.presets import PRESETS
from clawdforge.agents.status import STATUS_SECS, Statuses, flag_version, greeting_version
from clawdforge.agents.terminal import Terminal
from clawdforge.config import AgentSettings, Settings
from clawdforge.core.names import AGENT_NAME, MODEL_NAME, is_agent_name, is_model_name
from clawdforge.errors import AgentError, AgentMissingError, ConfigError
from clawdforge.processes.containment import Limits
from clawdforge.processes.launcher import Processes

DRIVERS = tuple(KINDS)
"""Those that ship with us; see `clawdforge.agents.plugins` for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """An agent, ready to be started."""

    name: str
    agent: AgentSettings
    kind: DriverKind
    command: tuple[str, ...]
    version_flag: str | None


class Catalog:
    """The port `Agents` over the settings.

    Args:
        environ: The server's environment, of which each agent sees its allow-list.

    Raises:
        ConfigError: an agent's entry makes no sense.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        processes: Processes,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._processes = processes
        self._clock = clock
        self._statuses = Statuses(clock)
        self._here: tuple[str, ...] = ()
        self._here_until = float("-inf")
        _check_model("default_model", settings.default_model)
        self._entries = {name: self._entry(name, agent) for name, agent in settings.agents.items()}
        self._offered = {
            name: self._entry(name, None) for name in PRESETS if name not in self._entries
        }

    def names(self) -> Sequence[str]:
        """All configured names, then those known to us whose program is here."""
        if self._offered and self._here_until <= self._clock():
            here = (name for name, entry in self._offered.items() if self._program(entry))
            self._here, self._here_until = tuple(here), self._clock() + STATUS_SECS
        return (*self._entries, *self._here)

    def default(self) -> str:
        """The configured default, else `claude` when its program is there, else `demo`."""
        if self._settings.default_agent:
            return self._settings.default_agent
        claude = self._entries.get(CLAUDE)
        return CLAUDE if claude and self._program(claude) else "demo"

    def default_model(self, name: str) -> str | None:
        """The agent's own default model; for Claude else the server's."""
        agent = self._known(name).agent
        if agent.default_model is not None or not is_claude(agent):
            return agent.default_model
        return self._settings.default_model

    def driver(self, name: str) -> Driver:
        """A driver for one conversation; its program is looked up each time."""
        entry = self._known(name)
        program = self._program(entry)
        if program is None:
            msg = f"the program of the agent {name!r} ({entry.command[0]}) was not found"
            raise AgentMissingError(msg, hint=entry.kind.install)
        return self._make(entry, program)

    def terminal(self, name: str) -> Terminal | None:
        """How conversations of that agent change hands with a terminal.

        None: they cannot, there is no such agent, or its program is missing.
        """
        entry = self._entries.get(name) or self._offered.get(name)
        program = self._program(entry) if entry is not None else None
        if entry is None or entry.kind.terminal is None or program is None:
            return None
        return entry.kind.terminal(self._started(entry, program), entry.agent)

    async def status(self, name: str) -> AgentStatus:
        """Whether the agent is there, and its version. Asked once per `STATUS_SECS`."""
        entry = self._known(name)
        if entry.agent.driver == "demo":
            return AgentStatus(name=name, driver="demo", available=True, version=DEMO_VERSION)
        return await self._statuses.of(name, lambda: self._look_up(entry))

    async def programs(self) -> tuple[AgentStatus, AgentStatus]:
        """The same for the programs that /healthz reports: claude and acpx."""
        claude = self._entries.get(CLAUDE)
        if claude is None or claude.agent.driver != CLAUDE:
            agent = AgentSettings(driver=CLAUDE, command=(self._settings.claude_bin,))
            claude = self._entry(CLAUDE, agent)
        acpx_agent = AgentSettings(driver="acpx", command=(self._settings.acpx_bin,))
        acpx = self._entry("acpx", acpx_agent)
        return (
            await self._statuses.of(CLAUDE, lambda: self._look_up(claude)),
            await self._statuses.of("/acpx", lambda: self._look_up(acpx)),
        )

    async def _look_up(self, entry: _Entry) -> AgentStatus:
        name, driver = entry.name, entry.agent.driver
        program = self._program(entry)
        if program is None:
            problem = f"{entry.command[0]} was not found; {entry.kind.install}"
            return AgentStatus(name=name, driver=driver, available=False, problem=problem)
        try:
            version = await self._version(entry, program)
        except (AgentError, TimeoutError) as error:
            asked = f"{program} {entry.version_flag}" if entry.version_flag else program
            problem = f"`{asked}` failed: {str(error) or 'it did not answer'}"
            return AgentStatus(
                name=name, driver=driver, available=False, program=program, problem=problem
            )
        return AgentStatus(
            name=name, driver=driver, available=True, program=program, version=version
        )

    async def _version(self, entry: _Entry, program: str) -> str | None:
        if entry.version_flag is not None:
            env = entry.kind.environment(self._environ, entry.agent.env)
            return await flag_version(self._processes, (program, entry.version_flag), env)
        driver = self._make(entry, program)
        assert isinstance(driver, AcpDriver)
        return await greeting_version(driver)

    def _make(self, entry: _Entry, program: str) -> Driver:
        return entry.kind.make(self._processes, self._started(entry, program), entry.agent)

    def _started(self, entry: _Entry, program: str) -> Program:
        agent = entry.agent
        return Program(
            argv=(program, *entry.command[1:]),
            extra_args=agent.args,
            env=entry.kind.environment(self._environ, agent.env),
            limits=limits_of(agent),
            max_output_bytes=self._settings.max_output_bytes,
        )

    def _known(self, name: str) -> _Entry:
        return self._entries.get(name) or self._offered[name]

    def _entry(self, name: str, given: AgentSettings | None) -> _Entry:
        """An agent of the configuration, or (None) as it is known to us.

        Raises:
            ConfigError: the configuration makes no sense.
        """
        if given is not None:
            _check(name, given)
        preset = PRESETS.get(name)
        if preset is not None and (given is None or (given.driver == "acp" and not given.command)):
            kind = preset_kind(preset)
            agent = preset_agent(preset, given, self._environ)
            flag = preset.version_flag
        else:
            assert given is not None
            agent, kind = given, self._kind(name, given)
            flag = "--version" if given.driver != "acp" else None
        command = agent.command or kind.command or self._own_command(agent)
        if not command:
            msg = f"agents.{name}: needs a command"
            raise ConfigError(msg, hint=f'command = ["PROGRAM", …], or a name of {[*PRESETS]}')
        return _Entry(name=name, agent=agent, kind=kind, command=command, version_flag=flag)

    def _own_command(self, agent: AgentSettings) -> tuple[str, ...]:
        programs = {CLAUDE: self._settings.claude_bin, "acpx": self._settings.acpx_bin}
        program = programs.get(agent.driver)
        return (program,) if program else ()

    def _kind(self, name: str, agent: AgentSettings) -> DriverKind:
        kind = find_plugin(agent.driver, KINDS)
        if kind is None:
            msg = f"agents.{name}: there is no driver {agent.driver!r}"
            raise ConfigError(msg, hint=f"drivers: {', '.join((*DRIVERS, *plugin_names()))}")
        return kind

    def _program(self, entry: _Entry) -> str | None:
        return self._find(entry.command[0])

    def _find(self, command: str) -> str | None:
        expanded = str(Path(command).expanduser()) if "/" in command else command
        found = shutil.which(expanded, path=self._environ.get("PATH"))
        return str(Path(found).absolute()) if found else None


def limits_of(agent: AgentSettings) -> Limits:
    """The resource limits of the agent's configuration."""
    return Limits(
        open_files=agent.max_open_files,
        file_bytes=agent.max_file_bytes,
        cpu_secs=agent.max_cpu_secs,
    )


def _check(name: str, agent: AgentSettings) -> None:
    if not is_agent_name(name):
        msg = f"agents: {name!r} cannot be an agent's name"
        raise ConfigError(msg, hint=f"names match {AGENT_NAME}")
    if agent.default_model is not None:
        _check_model(f"agents.{name}", agent.default_model)


def _check_model(where: str, model: str) -> None:
    if not is_model_name(model):
        msg = f"{where}: {model!r} cannot be a model's name"
        raise ConfigError(msg, hint=f"names match {MODEL_NAME}")
