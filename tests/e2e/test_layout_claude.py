"""A workspace with the real `claude`: in the right pane, known to the monitor, resized."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from atm_client import Daemon
from layout_stage import Stage, stage

from clawdforge.client.monitor import monitor_sessions
from clawdforge.testing.model_api import Always, ModelApi, Say

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(180)]

PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"


@pytest.fixture
def at(tmp_path: Path, claude_bin: Path) -> Iterator[Stage]:
    with ModelApi([Always(lambda _: Say("It was heard."))]) as api, stage(tmp_path) as made:
        variables = api.environment()
        known = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {
                "approved": [variables["ANTHROPIC_API_KEY"][-20:]],
                "rejected": [],
            },
            "projects": {str(made.work): {"hasTrustDialogAccepted": True}},
        }
        (made.home / ".claude.json").write_text(json.dumps(known))
        programs = made.folder / "real"
        programs.mkdir()
        (programs / "claude").symlink_to(claude_bin)
        daemon = Daemon(made.folder)
        made.env |= variables | {
            "ATM_SOCKET": str(daemon.socket),
            "PATH": f"{programs}{os.pathsep}{made.env['PATH']}",
        }
        assert made("hooks", "install", "--data-dir", str(made.folder / "data")).returncode == 0
        daemon.start()
        try:
            yield made
        finally:
            daemon.close()


def test_claude_runs_in_its_panes_and_the_sidebar_shows_it(at: Stage) -> None:
    screen = at.terminal(columns=150, lines=45)
    screen.command(f"cd {at.work} && clawdforge workspace create --name 'my work' --model haiku")
    screen.see(PROMPT, "[my work]")
    panel, agent, _ = sorted(at.panes().values(), key=lambda pane: (pane.left, pane.top))

    def known() -> bool:
        views = monitor_sessions(Path(at.env["ATM_SOCKET"]))
        return [view.tmux_pane for view in views if view.cwd == str(at.work)] == [agent.id]

    at.until(known)
    screen.see("● 1", "claude")  # in the sidebar
    screen.resize(90, 30)
    at.until(lambda: at.panes()[panel.id].columns == 20)
    sent = at("send", agent.id, "hello")
    assert sent.returncode == 0, sent.stderr
    screen.see("It was heard.")
    built = at.json("layout", "pair", "--model", "haiku", inside=agent.id)
    for one in built["panes"]:
        at.see(one["pane"], PROMPT)
    assert at.panes()[agent.id].pid == agent.pid
