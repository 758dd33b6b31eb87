"""Which processes are taken for agents, and which are not."""

import pytest

from clawdforge.monitor.sources.known_agents import likeness


@pytest.mark.parametrize(
    ("program", "arguments", "agent"),
    [
        ("/usr/local/bin/claude", ("claude",), "claude"),
        ("/home/ana/.local/share/claude/versions/2.1.329", ("claude", "--resume", "x"), "claude"),
        (
            "/usr/bin/node",
            ("node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"),
            "claude",
        ),
        ("/usr/bin/node", ("claude",), "claude"),
        ("/x/claude", ("claude", "bg-spare", "--id", "1"), "claude"),
        ("/bin/dash", ("/bin/sh", "/opt/bin/claude"), "claude"),
        ("/usr/bin/node", ("node", "--no-warnings", "/usr/bin/gemini", "-p", "hi"), "gemini"),
        ("/usr/bin/codex", ("codex", "exec", "hi"), "codex"),
        ("/root/.bun/bin/bun", ("bun", "/x/node_modules/opencode-ai/bin/opencode"), "opencode"),
        (None, ("claude",), "claude"),
    ],
)
def test_agents_are_known(program: str | None, arguments: tuple[str, ...], agent: str) -> None:
    found = likeness(program, arguments)
    assert found is not None
    assert found.agent == agent


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("/usr/bin/vim", ("vim", "/opt/bin/claude")),
        ("/usr/bin/git", ("git", "clone", "https://example.org/x/claude")),
        ("/bin/bash", ("bash", "-c", "claude")),
        ("/usr/bin/timeout", ("timeout", "5", "claude")),
        ("/usr/bin/tmux", ("tmux", "new-session", "claude")),
        ("/usr/bin/python3.11", ("python3", "-m", "claude")),
        ("/x/claude", ("claude", "daemon", "run")),
        ("/x/claude", ("claude", "bg-pty-host")),
        ("/x/claude", ("claude", "mcp", "serve")),
        ("/x/claude", ("claude", "--version")),
        ("/x/claude-monitor", ("claude-monitor",)),
        (None, ()),
        (None, ("",)),
    ],
)
def test_others_are_not_taken_for_agents(program: str | None, arguments: tuple[str, ...]) -> None:
    assert likeness(program, arguments) is None


def test_a_script_may_only_be_a_wrapper() -> None:
    by_script = likeness("/bin/sh", ("sh", "/opt/claude"))
    assert by_script is not None
    assert by_script.by_script
    itself = likeness("/opt/claude", ("claude",))
    assert itself is not None
    assert not itself.by_script
