"""What a real Claude Code in a terminal asks, answered from everywhere: see docs/approvals.md.

The real `claude` in tmux with our hooks, against the scripted model API; the real page in Chromium,
the real dashboard in tmux, the real commands. Once with the monitor in the server, and once with
an `atmd` beside it.
"""

import getpass
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from approval_stage import Room, dashboard, furnished, web_page
from claude_terminal import DIALOG, QUESTION, Pane, allow, refuse
from page_stage import Json, eventually, real_browser
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(180)]

AT_ONCE_SECS = 1.0
"""So soon an answer in the terminal withdraws the question everywhere."""
SHORT_SECS, LONG_SECS = 10, 600
SPARE_SECS = 5
"""So much sooner than Claude Code would end it our hook gives up by itself."""
TRIES = 4
"""So often that is tried: the machine may be busy with something else."""


@pytest.fixture(autouse=True)
def watch_resources() -> None:
    """The browser has processes and sockets of its own, which come and go."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with real_browser() as browser:
        yield browser


@pytest.fixture(scope="module", params=["embedded", "beside"])
def room(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, claude_bin: Path
) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp(request.param)
    with furnished(folder, claude_bin, beside=request.param == "beside") as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_asks(room: Room) -> Iterator[None]:
    yield
    room.settle()


@pytest.fixture(scope="module")
def page(room: Room, browser: Browser) -> Iterator[Page]:
    with web_page(room, browser) as made:
        yield made


@pytest.fixture(scope="module")
def top(room: Room) -> Iterator[Pane]:
    with dashboard(room) as made:
        yield made


def card_of(page: Page, command: str) -> Locator:
    return page.get_by_role("article", name=f"Question: wants to run a command: {command}")


# --- from the page ----------------------------------------------------------------------------


def test_the_page_allows(room: Room, page: Page) -> None:
    row = room.ask("touch page-yes")
    card = card_of(page, "touch page-yes")
    card.get_by_role("button", name="Allow once").click()
    room.terminal.see("Allowed by PermissionRequest hook")
    eventually((room.work / "page-yes").exists)
    room.terminal.see_no_more(DIALOG)
    expect(card).to_have_count(0)
    entry = room.outcome(row)
    assert (entry["state"], entry["by"], entry["peer"]) == ("allowed", "admin", "127.0.0.1")
    (kept,) = room.audited(row)
    assert (kept["actor"], kept["peer"]) == ("admin", "127.0.0.1")
    assert kept["detail"]["decision"] == "allow"


def test_the_page_denies_with_words(room: Room, page: Page) -> None:
    row = room.ask("touch page-no")
    card = card_of(page, "touch page-no")
    card.get_by_label("Message to the agent").fill("not from the page")
    card.get_by_role("button", name="Deny").click()
    room.terminal.see("It said: not from the page")
    assert not (room.work / "page-no").exists()
    entry = room.outcome(row)
    assert (entry["state"], entry["by"], entry["peer"]) == ("denied", "admin", "127.0.0.1")


def test_the_page_answers_a_question(room: Room, page: Page) -> None:
    room.ask("ask the page")
    card = page.get_by_role("article", name="Question: asks you something")
    expect(card).to_contain_text(f"{QUESTION} the page?")
    card.get_by_label("Blue").check()
    card.get_by_role("button", name="Answer").click()
    room.terminal.until(lambda screen: "It said:" in screen and "Blue" in screen)


# --- from the dashboard -----------------------------------------------------------------------


def test_the_dashboard_allows(room: Room, top: Pane) -> None:
    row = room.ask("touch top-yes")
    top.see("1 needs you", "touch top-yes")
    top.press_until("a", lambda screen: "allowed: Bash" in screen)
    eventually((room.work / "top-yes").exists)
    top.see_no_more("needs you")
    entry = room.outcome(row)
    assert (entry["state"], entry["by"]) == ("allowed", who_am_i())
    assert entry["pid"] > 1


def test_the_dashboard_denies_with_words(room: Room, top: Pane) -> None:
    row = room.ask("touch top-no")
    top.see("1 needs you", "touch top-no")
    top.press_until("m", lambda screen: "deny, because" in screen)
    top.say("not from the top")
    room.terminal.see("It said: not from the top")
    assert not (room.work / "top-no").exists()
    assert room.outcome(row)["state"] == "denied"


def test_the_dashboard_answers_a_question(room: Room, top: Pane) -> None:
    room.ask("ask the top")
    top.see(f"{QUESTION} the top?")
    top.press_until("a", lambda screen: "or the number" in screen)
    top.press("2")
    room.terminal.see(f'It said: Your questions have been answered: "{QUESTION} the top?"="Blue"')


# --- by commands ------------------------------------------------------------------------------


def test_commands_allow_and_deny(room: Room) -> None:
    row = room.ask("touch command-yes")
    done = room.command("approve", row["permission_id"][:9])
    assert done.stderr.startswith("allowed: Bash touch command-yes"), done.stderr
    eventually((room.work / "command-yes").exists)
    entry = room.outcome(row)
    assert (entry["state"], entry["by"]) == ("allowed", who_am_i())
    row = room.ask("touch command-no")
    done = room.command("deny", row["permission_id"], "--message", "not by command")
    assert done.stderr.startswith("denied: Bash touch command-no"), done.stderr
    room.terminal.see("It said: not by command")
    assert not (room.work / "command-no").exists()


def test_a_command_answers_a_question(room: Room) -> None:
    row = room.ask("ask the command")
    done = room.command("approve", row["permission_id"], "--answer", "2")
    assert done.returncode == 0, done.stderr
    room.terminal.see(f'"{QUESTION} the command?"="Blue"')


def test_a_command_lets_a_plan_be_carried_out(room: Room) -> None:
    row = room.ask("plan it")
    room.terminal.see("Exit plan mode?")
    refused = room.command("approve", row["permission_id"])
    assert "hint: --mode acceptEdits, or --mode default" in refused.stderr
    done = room.command("approve", row["permission_id"], "--mode", "default")
    assert done.returncode == 0, done.stderr
    room.terminal.see("Exited plan mode", "manual mode on")


def test_always_is_kept_by_claude_itself(room: Room) -> None:
    command = "curl -s http://127.0.0.1:9/"
    row = room.ask(command)
    (words,) = row["always"]
    assert words.startswith(f"Bash({command}) is allowed, in this project, for you")
    done = room.command("approve", row["permission_id"], "--always")
    assert done.returncode == 0, done.stderr
    assert room.outcome(row)["scope"] == "always"
    room.terminal.see("It said: Exit code 7")
    kept = room.work / ".claude" / "settings.local.json"
    assert json.loads(kept.read_text())["permissions"]["allow"] == [f"Bash({command})"]


# --- in the terminal --------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [allow, refuse])
def test_an_answer_in_the_terminal_withdraws_it_everywhere(
    room: Room, page: Page, top: Pane, answer: Callable[[Pane], None]
) -> None:
    took = []
    for number in range(TRIES):
        name = f"{answer.__name__}-{number}"
        row = room.ask(f"touch {name}")
        card = card_of(page, f"touch {name}")
        expect(card.get_by_role("button", name="Allow once")).to_be_visible()
        top.see("1 needs you", f"touch {name}")
        answer(room.terminal)
        took.append(secs_until_withdrawn(room, card, top))
        entry = room.outcome(row)
        assert (entry["state"], entry["reason"], entry.get("by")) == ("withdrawn", "terminal", None)
        late = room.command("approve", row["permission_id"])
        assert late.returncode == 4
        assert "answered in its terminal" in late.stderr
        if took[-1] < AT_ONCE_SECS:
            break
    assert min(took) < AT_ONCE_SECS, took


def test_without_an_answer_in_time_the_terminal_asks_alone(room: Room) -> None:
    room.install("--wait", str(SHORT_SECS))
    row = asked_for(room, SHORT_SECS)
    eventually(lambda: not room.rows())
    entry = room.outcome(row)
    assert (entry["state"], entry["reason"]) == ("expired", "timeout")
    room.terminal.see(DIALOG)
    assert not (room.work / "late").exists()
    allow(room.terminal)
    eventually((room.work / "late").exists)
    late = room.command("approve", row["permission_id"])
    assert "only its terminal can" in late.stderr


def test_a_killed_monitor_leaves_the_terminal_as_it_is(room: Room) -> None:
    room.install("--wait", str(LONG_SECS))
    room.ask("touch orphan")
    room.kill_monitor()
    room.terminal.see(DIALOG)
    allow(room.terminal)
    eventually((room.work / "orphan").exists)
    room.say("touch alone")  # and it asks although there is nobody to hear it
    room.terminal.see(DIALOG)
    refuse(room.terminal)
    assert not (room.work / "alone").exists()
    room.have_monitor_again()
    row = room.ask("touch again")
    assert room.command("approve", row["permission_id"]).returncode == 0
    eventually((room.work / "again").exists)


def secs_until_withdrawn(room: Room, card: Locator, top: Pane) -> float:
    """How long it takes until nobody offers an answer any more."""
    began = time.monotonic()
    eventually(lambda: not room.rows())
    eventually(lambda: not card.get_by_role("button", name="Allow once").count())
    eventually(lambda: "needs you" not in top.screen)
    return time.monotonic() - began


def asked_for(room: Room, secs: int) -> Json:
    """What Claude Code asks once it has noticed in its settings how long it may be answered."""
    while True:
        row = room.ask("touch late")
        if abs(row["expires_at"] - row["asked_at"] - (secs - SPARE_SECS)) <= 1:
            return row
        refuse(room.terminal)


def who_am_i() -> str:
    return f"user:{getpass.getuser()}"
