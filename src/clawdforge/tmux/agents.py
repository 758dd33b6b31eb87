"""The agents as people start them in a terminal, and the keys that they understand. Pure.

Written for claude 2.1.329, codex 0.9x, gemini-cli 0.61, opencode 1.18, qwen-code 0.15,
goose 0.20, aider 0.86.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clawdforge.errors import InputError

ESCAPE = ("Escape",)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalAgent:
    """An agent's own terminal program."""

    command: tuple[str, ...]
    """Program and arguments of a new conversation."""
    model_option: str | None = "--model"
    """The option that names the model; None: it has none."""
    interrupt: tuple[str, ...] = ESCAPE
    """The keys that end a turn and leave the program running, by tmux's names."""


TERMINAL_AGENTS: Mapping[str, TerminalAgent] = {
    # Ctrl-C would interrupt too, but twice it quits: Escape never does.
    "claude": TerminalAgent(command=("claude",)),
    "codex": TerminalAgent(command=("codex",)),
    "gemini": TerminalAgent(command=("gemini",)),
    "qwen": TerminalAgent(command=("qwen",)),
    # The first Escape only asks whether it is meant.
    "opencode": TerminalAgent(command=("opencode",), interrupt=("Escape", "Escape")),
    "goose": TerminalAgent(command=("goose", "session"), interrupt=("C-c",)),
    "aider": TerminalAgent(command=("aider",), interrupt=("C-c",)),
    "amp": TerminalAgent(command=("amp",), model_option=None),
    "cursor-agent": TerminalAgent(command=("cursor-agent",)),
    "copilot": TerminalAgent(command=("copilot",)),
}
_UNKNOWN = TerminalAgent(command=(), model_option=None)


def terminal_agent(name: str) -> TerminalAgent:
    """An agent by its name; of one that is not known, its keys at least are guessed."""
    return TERMINAL_AGENTS.get(name, _UNKNOWN)


def agent_command(name: str, *, model: str | None = None, more: Sequence[str] = ()) -> list[str]:
    """How to start an agent in a terminal.

    Args:
        name: Which.
        model: The model that it is to use.
        more: Further arguments for it, as they are.

    Raises:
        InputError: it is not known (`unknown_agent`), or takes no model.
    """
    agent = TERMINAL_AGENTS.get(name)
    if agent is None:
        msg = f"there is no agent {name!r} that runs in a terminal"
        raise InputError(msg, code="unknown_agent", hint=f"one of {', '.join(TERMINAL_AGENTS)}")
    if model is None:
        return [*agent.command, *more]
    if agent.model_option is None:
        msg = f"{name} cannot be told its model"
        raise InputError(msg, hint=f"give its own options behind `--`: -- {name} …")
    if not model or model.startswith("-"):
        msg = f"{model!r} is no model"
        raise InputError(msg)
    return [*agent.command, agent.model_option, model, *more]
