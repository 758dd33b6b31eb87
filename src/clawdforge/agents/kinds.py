"""The drivers that ship with us."""

from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from clawdforge.agents.acp.driver import AcpDriver
from clawdforge.agents.acp.driver import child_environment as acp_environment
from clawdforge.agents.acpx.driver import AcpxDriver
from clawdforge.agents.acpx.driver import child_environment as acpx_environment
from clawdforge.agents.claude.driver import MAY_SEE as CLAUDE_SEES
from clawdforge.agents.claude.driver import ClaudeDriver
from clawdforge.agents.claude.driver import child_environment as claude_environment
from clawdforge.agents.claude.terminal import ClaudeTerminal
from clawdforge.agents.demo.agent import child_environment as demo_environment
from clawdforge.agents.demo.agent import default_command, demo_driver
from clawdforge.agents.lines import Program
from clawdforge.agents.plugins import DriverKind
from clawdforge.agents.presets import Preset
from clawdforge.config import AgentSettings
from clawdforge.processes.launcher import Processes

CLAUDE = "claude"


def _acp(
    processes: Processes, program: Program, agent: AgentSettings, mode: str | None = None
) -> AcpDriver:
    return AcpDriver(
        processes, program, flavour=agent.flavour, auth_method=agent.auth_method, mode=mode
    )


def _acpx(processes: Processes, program: Program, agent: AgentSettings) -> AcpxDriver:
    return AcpxDriver(processes, program, agent=agent.agent or CLAUDE)


KINDS: Mapping[str, DriverKind] = {
    CLAUDE: DriverKind(
        make=lambda processes, program, _: ClaudeDriver(processes, program),
        environment=claude_environment,
        terminal=lambda program, agent: ClaudeTerminal(program, (*CLAUDE_SEES, *agent.env)),
        install=(
            "install it with `npm install -g @anthropic-ai/claude-code`, then run `claude` once"
        ),
    ),
    "acp": DriverKind(make=_acp, environment=acp_environment),
    "acpx": DriverKind(make=_acpx, environment=acpx_environment, install="npm install -g acpx"),
    "demo": DriverKind(
        make=lambda processes, program, _: demo_driver(processes, program),
        environment=demo_environment,
        command=default_command(),
    ),
}


def preset_kind(preset: Preset) -> DriverKind:
    """The driver `acp` as an agent needs it that is known to us."""
    see = claude_environment if preset.flavour == CLAUDE else acp_environment

    def environment(environ: Mapping[str, str], more: tuple[str, ...]) -> dict[str, str]:
        return {**see(environ, (*preset.env, *more)), **preset.always}

    return DriverKind(
        make=partial(_acp, mode=preset.mode),
        environment=environment,
        command=preset.command,
        install=preset.install,
    )


def preset_agent(
    preset: Preset, given: AgentSettings | None, environ: Mapping[str, str]
) -> AgentSettings:
    """The configuration of such an agent: what is given, and for the rest what is known."""
    agent = given or AgentSettings(driver="acp")
    logs_in = preset.auth_variable is not None and environ.get(preset.auth_variable)
    return replace(
        agent,
        flavour=agent.flavour or preset.flavour,
        auth_method=agent.auth_method or (preset.auth_method if logs_in else None),
    )


def is_claude(agent: AgentSettings) -> bool:
    """Whether Claude answers, so that the server's default model is a model of it."""
    return (
        agent.driver == CLAUDE
        or (agent.driver == "acp" and agent.flavour == CLAUDE)
        or (agent.driver == "acpx" and agent.agent in {None, CLAUDE})
    )
