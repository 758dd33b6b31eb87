"""The real `claude` in a real tmux, steered with the commands alone: nobody looks at its pane."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from atm_client import Daemon
from tmux_stage import Stage, stage, until

from clawdforge.client.monitor import monitor_sessions
from clawdforge.core.observed.views import SessionView
from clawdforge.testing.model_api import Always, CallTool, ModelApi, Say, Slow
from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import Step

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(180)]

PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
TRICKY = 'say it\'s "so" `id` $HOME; -x\n\n  the third line; 🦀;'
ASKED = {
    "question": "Which colour?",
    "header": "Colour",
    "multiSelect": False,
    "options": [
        {"label": "Red", "description": "Like fire"},
        {"label": "Blue", "description": "Like the sea"},
    ],
}


def model(request: Request) -> Step:
    if request.tool_results and not request.messages[-1].is_prompt:
        return Say(f"It said: {request.tool_results[-1].text}")
    said = request.prompt
    if "touch" in said:
        return CallTool("Bash", {"command": f"touch {said.split()[-1]}"})
    if "colour" in said:
        return CallTool("AskUserQuestion", {"questions": [ASKED]})
    if "story" in said:
        return Slow(Say("once upon a time " * 100, chunks=500), pause_secs=0.5)
    return Say("It was heard.")


@pytest.fixture
def api() -> Iterator[ModelApi]:
    with ModelApi([Always(model)]) as running:
        yield running


@pytest.fixture
def tmux(api: ModelApi, claude_bin: Path) -> Iterator[Stage]:
    with stage() as made:
        work = made.folder / "work"
        work.mkdir()
        variables = api.environment()
        known = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {
                "approved": [variables["ANTHROPIC_API_KEY"][-20:]],
                "rejected": [],
            },
            "projects": {str(work): {"hasTrustDialogAccepted": True}},
        }
        (made.folder / ".claude.json").write_text(json.dumps(known))
        programs = made.folder / "bin"
        programs.mkdir()
        (programs / "claude").symlink_to(claude_bin)
        daemon = Daemon(made.folder)
        made.env |= variables | {
            "ATM_SOCKET": str(daemon.socket),
            "PATH": f"{programs}:{made.env['PATH']}",
        }
        assert made.run("hooks", "install", "--data-dir", str(made.folder / "data")).returncode == 0
        daemon.start()
        try:
            yield made
        finally:
            daemon.close()


def session(tmux: Stage) -> SessionView | None:
    found = [
        view
        for view in monitor_sessions(Path(tmux.env["ATM_SOCKET"]))
        if not view.id.startswith("pending")
    ]
    return found[0] if found else None


def done(tmux: Stage, *arguments: str) -> str:
    ended = tmux.run(*arguments)
    assert ended.returncode == 0, (arguments, ended.stderr)
    return ended.stdout or ended.stderr


def test_an_agent_is_started_told_answered_interrupted_and_ended(
    tmux: Stage, api: ModelApi
) -> None:
    work = tmux.folder / "work"
    shell = tmux.start("main", "my work", cwd=work)
    tmux.tmux("main", "resize-window", "-t", shell, "-x", "120", "-y", "60")
    options = ("-s", "50", "--", "--permission-mode", "default")
    pane = done(tmux, "spawn", "-t", shell, *options).strip()
    until(lambda: PROMPT in done(tmux, "peek", pane), lambda: tmux.screen("main", pane))
    until(lambda: session(tmux) is not None, "the monitor knows it not")
    known = session(tmux)
    assert known is not None
    name = known.id[:8]

    done(tmux, "send", name, TRICKY)
    until(lambda: any(one.prompt == TRICKY for one in api.requests), lambda: api.requests)
    until(lambda: "It was heard." in done(tmux, "peek", name), lambda: tmux.screen("main", pane))

    done(tmux, "send", name, "touch refused")
    question(tmux, name, "touch refused")
    refused = tmux.run("send", name, "go on")
    assert "waits for an answer" in refused.stderr
    assert done(tmux, "reply", name, "--no") == f"Refused on {pane}\n"
    until(lambda: "Interrupted" in done(tmux, "peek", name), lambda: tmux.screen("main", pane))

    done(tmux, "send", name, "touch allowed")
    question(tmux, name, "touch allowed")
    assert done(tmux, "reply", name, "--yes") == f"Selected option 1 on {pane}: Yes\n"
    until((work / "allowed").exists, lambda: tmux.screen("main", pane))
    assert not (work / "refused").exists()

    done(tmux, "send", name, "which colour")
    question(tmux, name, "Which colour?")
    assert done(tmux, "reply", name, "-o", "2") == f"Selected option 2 on {pane}: Blue\n"
    until(lambda: "Blue" in str([one.text for one in api.requests[-1].tool_results]), "not told")

    done(tmux, "send", name, "tell a story")
    until(lambda: "once upon" in done(tmux, "peek", name), lambda: tmux.screen("main", pane))
    assert done(tmux, "interrupt", name) == f"Interrupted {pane}\n"
    api.wait_for_hang_ups(1)
    until(lambda: "esc to interrupt" not in done(tmux, "peek", name), "it goes on")

    assert done(tmux, "kill", name, "--yes") == f"Killed {pane}\n"
    until(lambda: session(tmux) is None, "it lives")
    assert tmux.tmux("main", "list-panes", "-a", "-F", "#{pane_id}") == shell


def question(tmux: Stage, name: str, text: str) -> None:
    until(lambda: text in tmux.run("peek", name, "--prompt").stdout and asked(tmux, name), text)


def asked(tmux: Stage, name: str) -> bool:
    told = json.loads(done(tmux, "peek", name, "--json"))
    return told["question"] is not None
