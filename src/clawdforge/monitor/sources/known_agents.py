"""Which programs are agents: a small table, and how a process is told from its wrappers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAgent:
    """How an agent's process looks."""

    programs: frozenset[str]
    """Names that its program may have."""
    installs: tuple[str, ...] = ()
    """What the path of its program, or of its script, contains where the name says nothing."""
    not_sessions: frozenset[str] = frozenset()
    """First arguments with which it is no session."""
    flags: frozenset[str] = field(default=frozenset({"--version", "-v", "-V", "--help", "-h"}))


_TOOLS = frozenset({"mcp", "update", "upgrade", "install", "doctor", "auth", "login", "logout"})

KNOWN_AGENTS: Mapping[str, KnownAgent] = {
    "claude": KnownAgent(
        programs=frozenset({"claude"}),
        installs=("/claude/versions/", "/@anthropic-ai/claude-code"),
        # `bg-spare` is a session; what surrounds it is not.
        not_sessions=_TOOLS
        | {
            "daemon",
            "bg-pty-host",
            "config",
            "agents",
            "plugin",
            "setup-token",
            "migrate-installer",
        },
    ),
    "codex": KnownAgent(
        programs=frozenset({"codex"}),
        installs=("/@openai/codex/",),
        not_sessions=_TOOLS | {"mcp-server", "app-server", "completion", "apply", "sandbox"},
    ),
    "gemini": KnownAgent(
        programs=frozenset({"gemini"}),
        installs=("/@google/gemini-cli/",),
        not_sessions=_TOOLS | {"extensions"},
    ),
    "opencode": KnownAgent(
        programs=frozenset({"opencode"}),
        installs=("/opencode-ai/",),
        not_sessions=_TOOLS | {"serve", "web", "models", "agent", "stats", "export", "import"},
    ),
    "qwen": KnownAgent(
        programs=frozenset({"qwen"}),
        installs=("/@qwen-code/qwen-code/",),
        not_sessions=_TOOLS | {"extensions"},
    ),
    "goose": KnownAgent(
        programs=frozenset({"goose"}),
        not_sessions=_TOOLS | {"configure", "info", "schedule", "project", "projects", "bench"},
    ),
    "amp": KnownAgent(programs=frozenset({"amp"}), installs=("/@sourcegraph/amp/",)),
    "aider": KnownAgent(programs=frozenset({"aider"})),
    "cursor-agent": KnownAgent(programs=frozenset({"cursor-agent"}), not_sessions=_TOOLS),
    "copilot": KnownAgent(
        programs=frozenset({"copilot"}), installs=("/@github/copilot/",), not_sessions=_TOOLS
    ),
}

_INTERPRETERS = frozenset({"node", "nodejs", "bun", "deno", "python", "python3"}) | {
    "sh",
    "bash",
    "dash",
    "zsh",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Which agent a process is, and how that is known."""

    agent: str
    by_script: bool
    """An interpreter runs it: it may only be there to start the real program."""


def likeness(program: str | None, arguments: Sequence[str]) -> Likeness | None:
    """Which agent a process is; None: none that we know.

    Only the program itself and, where that is an interpreter, its script are looked at: that an
    editor has a file of an agent open, or a shell will start one, does not make it one.

    Args:
        program: The path of its program; None: nobody may know.
        arguments: What it was started with, its own name first.
    """
    path = program or (arguments[0] if arguments else "")
    rest = arguments[1:]
    names = {PurePath(path).name, PurePath(arguments[0]).name if arguments else ""}
    interpreter = _is_interpreter(path)
    if interpreter:
        script, after = _script(rest)
        if script is not None:
            path, rest = script, after
            names.add(PurePath(script).name)
    for agent, known in KNOWN_AGENTS.items():
        if names & known.programs or any(folder in path for folder in known.installs):
            if _is_no_session(known, rest):
                return None
            return Likeness(agent=agent, by_script=interpreter)
    return None


def _is_interpreter(path: str) -> bool:
    name = PurePath(path).name
    return name in _INTERPRETERS or name.startswith("python3.")


def _script(arguments: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The script of an interpreter's arguments, and what comes after it."""
    for number, argument in enumerate(arguments):
        if argument in {"-c", "-e", "-m", "-p", "--eval", "--print"}:
            return None, ()
        if not argument.startswith("-"):
            return argument, arguments[number + 1 :]
    return None, ()


def _is_no_session(known: KnownAgent, rest: Sequence[str]) -> bool:
    return bool(rest) and (rest[0] in known.not_sessions or rest[0] in known.flags)
