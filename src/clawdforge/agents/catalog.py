"""Which agents there are: the configuration's, each with the driver that speaks its language."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clawdforge.agents.claude.driver import ClaudeDriver
from clawdforge.agents.claude.driver import child_environment as claude_environment
from clawdforge.agents.demo.driver import DemoDriver, default_command
from clawdforge.agents.demo.driver import child_environment as demo_environment
from clawdforge.agents.demo.protocol import VERSION as DEMO_VERSION
from clawdforge.agents.driver import AgentStatus, Driver
from clawdforge.agents.lines import Program
from clawdforge.config import AgentSettings, Settings
from clawdforge.core.names import AGENT_NAME, MODEL_NAME, is_agent_name, is_model_name
from clawdforge.errors import AgentError, AgentMissingError, ConfigError
from clawdforge.processes.containment import Limits
from clawdforge.processes.launcher import Command, Processes

DRIVERS = ("claude", "demo")
STATUS_SECS = 30.0
"""How long a version look-up stays good."""
_LOOKUP_SECS = 10.0
_INSTALL_CLAUDE = (
    "install it with `npm install -g @anthropic-ai/claude-code`, then run `claude` once"
)


@dataclass(frozen=True, slots=True)
class _Cached:
    status: AgentStatus
    until: float


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
        self._cache: dict[str, _Cached] = {}
        self._asking: dict[str, asyncio.Lock] = {}
        _check_model("default_model", settings.default_model)
        for name, agent in settings.agents.items():
            _check(name, agent)

    def names(self) -> Sequence[str]:
        """All configured names."""
        return tuple(self._settings.agents)

    def default(self) -> str:
        """The configured default, else `claude` when its program is there, else `demo`."""
        if self._settings.default_agent:
            return self._settings.default_agent
        claude = self._settings.agents.get("claude")
        return "claude" if claude and self._program(claude) else "demo"

    def default_model(self, name: str) -> str | None:
        """The agent's own default model, else the server's."""
        agent = self._settings.agents[name]
        if agent.default_model is not None or agent.driver == "demo":
            return agent.default_model
        return self._settings.default_model

    def driver(self, name: str) -> Driver:
        """A driver for one conversation; its program is looked up each time."""
        agent = self._settings.agents[name]
        make, see = (
            (DemoDriver, demo_environment)
            if agent.driver == "demo"
            else (ClaudeDriver, claude_environment)
        )
        program = self._program(agent)
        if program is None:
            msg = f"the program of the agent {name!r} ({self._command(agent)[0]}) was not found"
            raise AgentMissingError(msg, hint=_INSTALL_CLAUDE)
        return make(
            self._processes,
            Program(
                argv=(program, *self._command(agent)[1:]),
                extra_args=agent.args,
                env=see(self._environ, agent.env),
                limits=limits_of(agent),
                max_output_bytes=self._settings.max_output_bytes,
            ),
        )

    async def status(self, name: str) -> AgentStatus:
        """Whether the agent is there, and its version. Asked once per `STATUS_SECS`."""
        agent = self._settings.agents[name]
        if agent.driver == "demo":
            return AgentStatus(name=name, driver="demo", available=True, version=DEMO_VERSION)
        return await self._looked_up(name, agent.driver, self._command(agent)[0], _INSTALL_CLAUDE)

    async def programs(self) -> tuple[AgentStatus, AgentStatus]:
        """The same for the programs that /healthz reports: claude and acpx."""
        agent = self._settings.agents.get("claude")
        command = self._command(agent)[0] if agent else self._settings.claude_bin
        claude = await self._looked_up("claude", "claude", command, _INSTALL_CLAUDE)
        acpx = self._settings.acpx_bin
        return claude, await self._looked_up("acpx", "acpx", acpx, "npm install -g acpx")

    async def _looked_up(self, name: str, driver: str, command: str, remedy: str) -> AgentStatus:
        async with self._asking.setdefault(name, asyncio.Lock()):
            cached = self._cache.get(name)
            if cached is None or cached.until <= self._clock():
                status = await self._look_up(name, driver, command, remedy)
                cached = self._cache[name] = _Cached(status, self._clock() + STATUS_SECS)
            return cached.status

    async def _look_up(self, name: str, driver: str, command: str, remedy: str) -> AgentStatus:
        program = self._find(command)
        if program is None:
            problem = f"{command} was not found; {remedy}"
            return AgentStatus(name=name, driver=driver, available=False, problem=problem)
        try:
            version = await self._version(program)
        except (AgentError, TimeoutError) as error:
            problem = f"`{program} --version` failed: {str(error) or 'it did not answer'}"
            return AgentStatus(
                name=name, driver=driver, available=False, program=program, problem=problem
            )
        return AgentStatus(
            name=name, driver=driver, available=True, program=program, version=version
        )

    async def _version(self, program: str) -> str | None:
        command = Command(
            argv=(program, "--version"),
            cwd=Path(tempfile.gettempdir()),
            env=claude_environment(self._environ),
        )
        child = await self._processes.start(command)
        try:
            async with asyncio.timeout(_LOOKUP_SECS):
                line = await child.read_line()
                exit_ = await child.wait()
        finally:
            await self._processes.stop(child, eof_secs=0.0, term_secs=0.5)
        if exit_.code != 0:
            raise AgentError(f"{exit_} {child.stderr_text[-200:].strip()}".strip())
        return line.decode("utf-8", "replace").strip()[:100] if line else None

    def _command(self, agent: AgentSettings) -> tuple[str, ...]:
        if agent.command:
            return agent.command
        return default_command() if agent.driver == "demo" else (self._settings.claude_bin,)

    def _program(self, agent: AgentSettings) -> str | None:
        return self._find(self._command(agent)[0])

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
    if agent.driver not in DRIVERS:
        msg = f"agents.{name}: there is no driver {agent.driver!r}"
        raise ConfigError(msg, hint=f"drivers: {', '.join(DRIVERS)}")
    if agent.default_model is not None:
        _check_model(f"agents.{name}", agent.default_model)


def _check_model(where: str, model: str) -> None:
    if not is_model_name(model):
        msg = f"{where}: {model!r} cannot be a model's name"
        raise ConfigError(msg, hint=f"names match {MODEL_NAME}")
