"""`clawdforge keys`: into tmux's configuration and out again; and what the keys do."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from atm_client import Daemon, daemon, line
from layout_stage import Screen, Stage, stage


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def test_install_is_one_line_and_uninstall_takes_it_out(at: Stage) -> None:
    conf = at.home / ".tmux.conf"
    conf.write_text("set -g mouse on\n# mine: source-file -q ~/.config/clawdforge/tmux.conf\n")
    conf.chmod(0o640)
    before = conf.read_text()
    shown = at("keys", "install", "--dry-run").stdout
    assert "+source-file" in shown
    assert conf.read_text() == before
    done = at.json("keys", "install")
    assert done["changed"]
    assert Path(done["backup"]).read_text() == before
    [added] = set(conf.read_text().splitlines()) - set(before.splitlines())
    assert done["keys"] in added
    assert conf.stat().st_mode & 0o777 == 0o640
    assert not at.json("keys", "install", "--key", "A")["changed"]
    assert conf.read_text().count("# clawdforge keys") == 1
    assert "prefix, A," in Path(done["keys"]).read_text()
    at.tmux("-f", str(conf), "new-session", "-d", server="fresh")
    assert "switch-client" in at.tmux("list-keys", "-T", "prefix", "A", server="fresh")
    assert at.json("keys", "uninstall")["changed"]
    assert conf.read_text() == before
    assert not Path(done["keys"]).exists()
    assert "A" not in at.tmux("list-keys", "-T", "prefix", "A", server="fresh", check=False)
    assert not at.json("keys", "uninstall")["changed"]


def test_the_configuration_is_found_where_it_is(at: Stage) -> None:
    other = at.home / ".config" / "tmux" / "tmux.conf"
    other.parent.mkdir(parents=True)
    other.write_text("")
    assert at.json("keys", "install")["conf"] == str(other)
    named = at.folder / "it's mine.conf"
    assert at.json("keys", "install", "--conf", str(named))["conf"] == str(named)
    shown = at("keys", "show", "--key", "C-g").stdout
    assert shown.startswith("# Made by")
    wrong = at("keys", "show", "--key", "a b")
    assert wrong.returncode == 2
    assert "is no key" in wrong.stderr


def test_a_key_that_is_taken_stays_whose_it_is(at: Stage) -> None:
    mine = at.session()
    at.tmux("bind-key", "a", "send-prefix")
    done = at("keys", "install", inside=mine)
    assert done.returncode == 2
    assert "send-prefix" in done.stderr
    assert not (at.home / ".tmux.conf").exists()
    assert at("keys", "install", "--key", "g", inside=mine).returncode == 0
    assert "send-prefix" in at.tmux("list-keys", "-T", "prefix", "a")
    assert "clawdforge" in at.tmux("list-keys", "-T", "prefix", "g")


@pytest.fixture
def monitor(at: Stage) -> Iterator[Daemon]:
    with daemon(at.folder) as running:
        at.env["ATM_SOCKET"] = str(running.socket)
        yield running


@pytest.fixture
def screen(monitor: Daemon, at: Stage) -> Screen:
    """A terminal in tmux with our keys."""
    at.session("one")
    assert at("keys", "install").returncode == 0
    made = at.terminal(columns=150, lines=40)
    made.command("tmux -f /dev/null attach -t one")
    made.see("[one]")
    return made


def waiting(at: Stage, monitor: Daemon, name: str) -> str:
    """An agent in a pane of another session, which asks something."""
    shell = f"echo 'here is {name}'; exec sleep 600"
    form = ("-P", "-F", "#{pane_id} #{pane_pid}")
    made = at.tmux("new-session", "-d", *form, "-s", name, shell).split()
    peer = monitor.peer()
    same = {"session_id": f"id-{name}", "pid": int(made[1]), "tmux_pane": made[0]}
    for event in ("SessionStart", "UserPromptSubmit", "PermissionRequest"):
        peer.raw(line("hook_event", data={"hook_event_name": event, "tool_name": "Bash", **same}))
    at.until(lambda: peer.sessions().get(f"id-{name}", {}).get("status") == "attention_needed")
    return made[0]


def test_the_keys_do_what_they_say(at: Stage, monitor: Daemon, screen: Screen) -> None:
    screen.press("C-b", "a", "?")
    screen.see("jump to the next agent", "sidebars back to their width")
    screen.press("Enter")
    screen.see_no_more("┌")  # the popup
    screen.press("C-b", "a", "j")
    screen.see("Nobody needs you.")
    waiting(at, monitor, "x y; z")
    waiting(at, monitor, "second")
    screen.press("C-b", "a", "j")
    screen.see("here is x", "[x y; z]")
    screen.press("C-b", "a", "j")
    screen.see("here is second", "[second]")
    screen.press("C-b", "a", "j")
    screen.see("here is x")


def test_layouts_sidebars_and_the_dashboard_are_a_key_away(
    at: Stage, monitor: Daemon, screen: Screen
) -> None:
    at.tmux("respawn-pane", "-k", "-c", str(at.work), "-t", "one:", "PS1='$ ' exec sh")
    screen.press("C-b", "a", "l")
    screen.see("squad")
    screen.press("2")
    at.until(lambda: len(at.panes()) == 4)
    screen.see("agent claude", str(at.work))
    screen.press("C-b", "a", "w")
    at.until(lambda: sum(pane.is_panel for pane in at.panes().values()) == 2)
    screen.press("C-b", "a", "b")
    at.until(lambda: at.tmux("display-message", "-p", "#{pane_title}") == "clawdforge")
    at.tmux("resize-pane", "-x", "70")
    screen.press("C-b", "a", "r")
    at.until(lambda: at.tmux("display-message", "-p", "#{pane_width}") == "24")
    screen.press("C-b", "a", "n")
    at.until(lambda: len(at.panes()) == 6)
    screen.press("C-b", "a", "d")
    screen.see("0 sessions")
    screen.press("q")
    screen.see_no_more("┌")  # the popup
    agent = next(
        pane
        for pane in at.panes().values()
        if not pane.is_panel and "agent claude" in at.screen_of(pane.id)
    )
    screen.press("C-b", "a", "s")
    screen.see("to (its id")
    screen.command(agent.id)
    screen.see("say:")
    screen.command('it\'s "me"; $HOME `id` #{pid} -x')
    at.see(agent.id, 'heard it\'s "me"; $HOME `id` #{pid} -x')
    screen.see_no_more("┌")
    screen.press("C-b", "a", "p")
    screen.see("Nobody needs you.")
    screen.press("Enter")


def test_next_says_why_it_goes_nowhere(at: Stage, monitor: Daemon) -> None:
    done = at("next")
    assert done.returncode == 2
    assert "Nobody needs you." in done.stderr
    with subprocess.Popen(["sleep", "600"]) as agent:
        peer = monitor.peer()
        same = {"session_id": "id-x", "pid": agent.pid, "tool_name": "Bash"}
        for event in ("SessionStart", "PermissionRequest"):
            peer.raw(line("hook_event", data={"hook_event_name": event, **same}))
        at.until(lambda: json.loads(at("status", "--json").stdout)["waiting"] == 1)
        done = at("next")
        agent.kill()
    assert done.returncode == 2
    assert "none of them in a tmux pane" in done.stderr
