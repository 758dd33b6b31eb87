"""The terminal of a session that was started by hand, on the page: seen, typed into, ended."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_stage import PATIENCE_MS, eventually, faults_of_access, opened, real_browser, saved
from page_stage import Stage as Server
from pane_stage import AgentPane, agent_pane, fake_claude
from playwright.sync_api import Browser, Page, expect
from tmux_stage import Stage as Tmux
from tmux_stage import stage

pytestmark = pytest.mark.timeout(180)
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(autouse=True)
def watch_resources() -> None:
    """The browser has processes and sockets of its own, which come and go: see `browser`."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with real_browser() as browser:
        yield browser


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    with stage() as tmux:
        tmux.env["PATH"] = f"{fake_claude(tmux.folder)}:{tmux.env['PATH']}"
        yield tmux


@pytest.fixture
def server(tmux: Tmux, tmp_path: Path) -> Iterator[Server]:
    server = Server(
        tmp_path, more={"TMUX_TMPDIR": tmux.env["TMUX_TMPDIR"], "PATH": tmux.env["PATH"]}
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def agent(tmux: Tmux, server: Server) -> Iterator[AgentPane]:
    with agent_pane(tmux, server.folder / "atm.sock") as agent:
        yield agent


def test_a_terminal_is_seen_and_steered(browser: Browser, server: Server, agent: AgentPane) -> None:
    with opened(browser) as page:
        page.goto(server.link())
        page.locator(".row", has_text="Sweep the yard").get_by_role("link").click()
        screen = page.get_by_role("region", name="Its terminal, as it looks")
        expect(screen).to_contain_text("red bold green ready")
        colours = screen.locator("span").evaluate_all(
            "nodes => nodes.map((node) => [node.textContent, node.style.color, node.className])"
        )
        assert colours == [
            ["red", "rgb(255, 143, 134)", ""],
            ["bold green", "rgb(1, 200, 3)", "bold"],
        ]
        box = page.get_by_label("Type into its terminal")
        box.fill("<b>sweep</b> -n; `date`")
        box.press("Enter")
        expect(screen).to_contain_text("<b>sweep</b> -n; `date`")
        expect(box).to_have_value("")
        page.get_by_role("button", name="Up", exact=True).click()
        expect(screen).to_contain_text("^[[A")
        page.get_by_role("button", name="Interrupt").click()
        agent.see("^[[A^[")
        saved(page, "terminal-pane")
        assert faults_of_access(page) == []
        start_another(page, agent, server)
        page.get_by_role("button", name="Kill …").click()
        dialog = page.get_by_role("dialog", name=re.compile("End “Sweep the yard”"))
        dialog.get_by_role("button", name="Cancel").click()
        expect(screen).to_be_visible()
        page.get_by_role("button", name="Kill …").click()
        dialog.get_by_role("button", name="Kill").click()
        eventually(lambda: agent.pane not in agent.panes())
        expect(page.locator(".row", has_text="Sweep the yard")).to_have_count(0)


def start_another(page: Page, agent: AgentPane, server: Server) -> None:
    before = set(agent.panes())
    page.get_by_role("button", name="Start another …").click()
    dialog = page.get_by_role("dialog", name="Start another agent")
    assert faults_of_access(page) == []
    dialog.get_by_label("Folder").fill("/nowhere/at/all")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("alert")).to_contain_text("no such folder")
    dialog.get_by_label("Folder").fill(str(server.folder))
    dialog.get_by_role("button", name="Start").click()
    expect(dialog).to_have_count(0)
    (made,) = set(agent.panes()) - before
    AgentPane(agent.tmux, made).see(f"claude  in {server.folder}")


def test_who_may_only_watch_sees_no_terminal(
    browser: Browser, server: Server, agent: AgentPane
) -> None:
    with opened(browser) as page:
        page.goto(server.url)
        page.get_by_label("A token").fill(server.app("looker", "monitor"))
        page.get_by_role("button", name="Log in").click()
        page.locator(".row", has_text="Sweep the yard").get_by_role("link").click()
        expect(page.get_by_role("heading", name="Why it is shown so")).to_be_visible()
        expect(page.locator(".terminal")).to_have_count(0)
