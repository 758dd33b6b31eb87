"""The web page in a real Chromium, over a real server with the demo agent."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_stage import (
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    Stage,
    eventually,
    faults_of_access,
    opened,
    real_browser,
    saved,
)
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.timeout(180)
expect.set_options(timeout=PATIENCE_MS)

VIEWS = {
    "questions": "#/",
    "usage": "#/usage",
    "ledger": "#/ledger",
    "apps": "#/access",
    "server": "#/server",
}


@pytest.fixture(autouse=True)
def watch_resources() -> None:
    """The browser has processes and sockets of its own, which come and go: see `browser`."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with real_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("page"))
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    """The page, logged in as the person at the server's machine."""
    with opened(browser) as page:
        page.goto(stage.link())
        expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
        yield page


def watch_outcomes(page: Page) -> None:
    """Write down what questions say when they are settled: they are gone soon after."""
    page.evaluate(
        """() => {
            window.outcomes = [];
            const look = () => {
                for (const node of document.querySelectorAll(".approval[data-settled] .outcome"))
                    if (!window.outcomes.includes(node.textContent))
                        window.outcomes.push(node.textContent);
            };
            const whole = { childList: true, subtree: true, characterData: true };
            new MutationObserver(look).observe(document.body, { ...whole, attributes: true });
        }"""
    )


def outcomes(page: Page) -> list[str]:
    """What they said."""
    found: list[str] = page.evaluate("window.outcomes")
    return found


def log_in(page: Page, stage: Stage, token: str) -> None:
    page.goto(stage.url)
    page.get_by_label("A token").fill(token)
    page.get_by_role("button", name="Log in").click()


def test_a_link_logs_in_once(browser: Browser, stage: Stage) -> None:
    link = stage.link()
    with opened(browser) as page:
        page.goto(link)
        expect(page.get_by_role("navigation", name="Views")).to_be_visible()
        assert "code" not in page.url
        page.reload()
        expect(page.get_by_role("navigation", name="Views")).to_be_visible()
    with opened(browser) as other:
        other.goto(link)
        expect(other.get_by_role("alert").filter(has_text="used already")).to_be_visible()


def test_a_page_that_was_loaded_in_part_is_loaded_again(browser: Browser, stage: Stage) -> None:
    with opened(browser) as page:
        failures = iter([True])
        page.route(
            "**/page/format.js",
            lambda route: route.abort() if next(failures, False) else route.continue_(),
        )
        page.goto(stage.link())
        expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()


def test_who_logs_out_is_out(page: Page) -> None:
    page.locator("summary", has_text="local + admin").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("A token")).to_be_focused()
    page.reload()
    expect(page.get_by_label("A token")).to_be_visible()


def test_sessions_appear_by_themselves(page: Page, stage: Stage, tmp_path: Path) -> None:
    stage.session("Tidy the shelves")
    expect(page.locator(".row", has_text="Tidy the shelves")).to_contain_text("Asleep")
    project = tmp_path / "orchard"
    project.mkdir()
    with stage.claude("5f1c0001-0000-4000-8000-000000000001", "Prune the trees", project) as hooks:
        trees = page.locator(".row", has_text="Prune the trees")
        expect(trees).to_contain_text("Working")
        expect(trees).to_contain_text("orchard")
        hooks.tell("PreToolUse", tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t")
        expect(trees).to_contain_text("Bash")
        hooks.tell("Stop", stop_hook_active=False)
        expect(trees).to_contain_text("Idle")
        trees.get_by_role("link").click()
        expect(page.get_by_role("heading", name="Prune the trees")).to_be_focused()
        expect(page.locator(".facts-pane")).to_contain_text(str(project))
        expect(page.get_by_role("heading", name="Why it is shown so")).to_be_visible()
        hooks.tell("SessionEnd", reason="prompt_input_exit")
        expect(trees).to_have_count(0)


def test_a_turn_streams(page: Page) -> None:
    page.get_by_role("button", name="New session").click()
    dialog = page.get_by_role("dialog", name="New session")
    dialog.get_by_label("First prompt").fill("/think about it\nSay **why**.\n/slow 40 50")
    dialog.get_by_label("Name").fill("Count slowly")
    dialog.get_by_role("button", name="Begin").click()
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_contain_text("/slow 40 50")
    expect(log).to_contain_text("word-3")
    expect(log).not_to_contain_text("word-40")
    expect(page.locator(".row", has_text="Count slowly")).to_contain_text("Working")
    expect(log).to_contain_text("word-40")
    expect(log.locator(".turn-foot")).to_contain_text("Done")
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("/plan")
    prompt.press("Enter")
    expect(log.locator(".plan li[data-status=completed]")).to_have_count(3)
    prompt.fill("/tool a result")
    prompt.press("Enter")
    expect(log.locator(".tool[data-status=completed]")).to_be_visible()
    prompt.fill("/hang")
    prompt.press("Enter")
    page.get_by_role("button", name="Stop").click()
    expect(log.get_by_text("Cancelled")).to_be_visible()
    saved(page, "turn")


def test_what_agents_write_stays_text(page: Page, stage: Stage) -> None:
    evil = "<img src=x onerror=alert(1)> <script>alert(2)</script> [x](javascript:alert(3))"
    session = stage.session(f"Evil {evil}", permissions="ask")
    stage.turn(session, f"/echo {evil}")
    page.goto(f"{stage.url}/#/s/{session}")
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_contain_text("<script>alert(2)</script>")
    assert page.locator("#app img:not([src^='/page/']), #app script").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0


def test_a_permission_is_approved(page: Page, stage: Stage) -> None:
    session = stage.session("Write a note", permissions="ask")
    stage.turn(session, "/write note.txt buy milk", wait=False)
    card = page.get_by_role("article", name="Question: wants to change a file: note.txt")
    expect(card).to_contain_text("buy milk")
    expect(card.locator(".countdown")).to_contain_text("left")
    expect(page.locator(".row", has_text="Write a note")).to_contain_text("note.txt")
    expect(page).to_have_title(re.compile(r"^\(\d+\) clawdforge$"))
    saved(page, "question")
    watch_outcomes(page)
    card.get_by_role("button", name="Allow once").click()
    expect(card).to_have_count(0)
    assert outcomes(page) == ["Allowed by local"]
    note = stage.data / "sessions" / session / "work" / "note.txt"
    eventually(note.exists)
    assert note.read_text() == "buy milk"
    expect(page.locator(".row", has_text="Write a note")).to_contain_text("Idle")


def test_a_permission_is_denied_in_its_conversation(page: Page, stage: Stage) -> None:
    session = stage.session("Touch nothing", permissions="ask")
    page.goto(f"{stage.url}/#/s/{session}")
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("/ask touch never.txt")
    prompt.press("Enter")
    card = page.get_by_role("article", name="Question: wants to run a command: touch never.txt")
    card.get_by_label("Message to the agent").fill("not today")
    card.get_by_role("button", name="Deny").click()
    expect(card).to_contain_text("Denied by local")
    expect(page.get_by_role("log")).to_contain_text("refused")
    assert not (stage.data / "sessions" / session / "work" / "never.txt").exists()


def test_who_answers_elsewhere_is_noticed(page: Page, stage: Stage) -> None:
    session = stage.session("Ask everybody", permissions="ask")
    stage.turn(session, "/ask echo hello", wait=False)
    card = page.get_by_role("article", name="Question: wants to run a command: echo hello")
    expect(card).to_be_visible()
    path = f"/permissions/{card.get_attribute('data-permission')}"
    watch_outcomes(page)
    stage.call("POST", path, json={"decision": "allow"})
    expect(card).to_have_count(0)
    assert outcomes(page) == ["Allowed by local"]


def test_a_session_in_a_terminal_is_answered(page: Page, stage: Stage) -> None:
    card = page.get_by_role("article", name="Question: wants to run a command: touch /tmp/x")
    with stage.asks() as hook:
        expect(card).to_contain_text("touch /tmp/x")
        expect(card).to_contain_text("“Always” means: Bash(touch:*) is allowed, in this project")
        expect(page.locator(".row", has_text="Bash: touch /tmp/x")).to_be_visible()
        saved(page, "terminal")
        card.get_by_role("button", name="Allow once").click()
        assert hook.decision() == {"behavior": "allow"}
    expect(card).to_have_count(0)
    with stage.asks() as hook:
        page.locator(".row", has_text="Bash: touch /tmp/x").get_by_role("link").click()
        card.get_by_label("Message to the agent").fill("not there")
        card.get_by_role("button", name="Deny").click()
        assert hook.decision() == {"behavior": "deny", "message": "not there"}


def test_an_answer_in_the_terminal_withdraws_the_question(page: Page, stage: Stage) -> None:
    card = page.get_by_role("article", name="Question: wants to run a command: touch /tmp/x")
    with stage.asks() as hook:
        expect(card.get_by_role("button", name="Allow once")).to_be_visible()
        watch_outcomes(page)
        hook.signal()
        expect(card).to_have_count(0)
        assert outcomes(page) == ["Answered in the terminal"]


def test_a_question_of_a_terminal_is_answered_with_words(page: Page, stage: Stage) -> None:
    questions = [{"question": "Which?", "options": [{"label": "Red"}, {"label": "Blue"}]}]
    payload = {"tool_name": "AskUserQuestion", "tool_input": {"questions": questions}}
    with stage.asks(**payload, permission_suggestions=None) as hook:
        card = page.get_by_role("article", name="Question: asks you something")
        card.get_by_label("Blue").check()
        card.get_by_role("button", name="Answer").click()
        told = hook.decision()
        assert told["behavior"] == "allow"
        assert told["updatedInput"]["answers"] == {"Which?": "Blue"}


def test_who_may_only_look_gets_no_buttons(browser: Browser, stage: Stage) -> None:
    with opened(browser) as page, stage.asks():
        log_in(page, stage, stage.app("looker", "monitor"))
        card = page.get_by_role("article", name=re.compile("touch .tmp.x"))
        expect(card).to_contain_text("log in with a token that has the scope approve")
        expect(card.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("end", [Stage.stop, Stage.kill], ids=["stopped", "killed"])
def test_a_restart_of_the_server_is_survived(
    page: Page, stage: Stage, end: Callable[[Stage], None]
) -> None:
    session = stage.session("Outlive it")
    stage.turn(session, "/remember blue")
    page.goto(f"{stage.url}/#/s/{session}")
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_contain_text("remembered blue")
    end(stage)
    expect(page.get_by_role("status").filter(has_text="No connection")).to_be_visible()
    stage.start()
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    stage.turn(session, "/recall")
    expect(log.get_by_text("blue", exact=True)).to_be_visible()
    expect(log.get_by_text("remembered blue")).to_have_count(1)
    other = stage.session("Born later")
    expect(page.locator(f".row[data-key='{other}']")).to_be_visible()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("/echo still here")
    prompt.press("Enter")
    expect(log.get_by_text("still here", exact=True)).to_be_visible()


def test_a_closed_session_is_opened_again(page: Page, stage: Stage) -> None:
    session = stage.session("Come back")
    stage.turn(session, "/remember plum")
    stage.call("DELETE", f"/sessions/{session}")
    page.goto(f"{stage.url}/#/s/{session}")
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_contain_text("remembered plum")
    expect(page.get_by_label("Prompt", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Open again").click()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("/recall")
    prompt.press("Enter")
    expect(log.get_by_text("plum", exact=True)).to_be_visible()


def test_a_session_can_be_changed_forked_and_closed(page: Page, stage: Stage) -> None:
    session = stage.session("Many ways")
    stage.turn(session, "/remember fig")
    page.goto(f"{stage.url}/#/s/{session}")
    more = page.locator("summary[aria-label=More]")
    more.click()
    page.get_by_label("What it may do").select_option("deny")
    page.get_by_role("button", name="Save").click()
    eventually(
        lambda: stage.call("GET", f"/sessions/{session}")["options"]["permissions"] == "deny"
    )
    more.click()
    page.get_by_role("button", name="Fork").click()
    page.wait_for_url(re.compile(rf"#/s/(?!{session})"))
    copy = page.url.rpartition("/")[2]
    assert stage.call("GET", f"/sessions/{copy}")["forked_from"] == session
    more.click()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_text("This session is closed.")).to_be_visible()


def test_the_phone_shows_one_thing_at_a_time(browser: Browser, stage: Stage) -> None:
    session = stage.session("In the pocket", permissions="ask")
    stage.turn(session, "/ask touch pocket.txt", wait=False)
    with opened(browser, PHONE) as page:
        page.goto(stage.link())
        page.get_by_role("link", name=re.compile("Answer a question|Answer . questions")).click()
        card = page.get_by_role("article", name=re.compile("touch pocket.txt"))
        card.get_by_role("button", name="Allow once").click()
        eventually((stage.data / "sessions" / session / "work" / "pocket.txt").exists)
        page.get_by_role("link", name="Back to the list").click()
        page.locator(".row", has_text="In the pocket").get_by_role("link").click()
        expect(page.get_by_role("log")).to_contain_text("touched pocket.txt")
        expect(page.get_by_role("navigation", name="Views")).to_be_hidden()
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide
        page.get_by_role("link", name="Back to the list").click()
        expect(page.get_by_role("navigation", name="Views")).to_be_visible()


def test_a_long_conversation_shows_its_end_first(page: Page, stage: Stage) -> None:
    session = stage.session("Long story")
    for number in range(3):
        stage.turn(session, f"/echo chapter {number}\n/stream 40 1")
    stage.turn(session, "/echo the end")
    page.goto(f"{stage.url}/#/s/{session}")
    log = page.get_by_role("log")
    expect(log.get_by_text("the end", exact=True)).to_be_in_viewport()
    stage.turn(session, "/flood 200000")
    expect(log.get_by_role("button", name="Show all 200k characters")).to_be_visible()


def test_differences_are_right(page: Page) -> None:
    wrong = page.evaluate(
        """async () => {
            const { difference } = await import("/page/diff.js");
            const word = () => "abcde"[Math.floor(Math.random() * 5)];
            const text = (lines) => Array.from({ length: lines }, word).join("\\n");
            for (let n = 0; n < 400; n += 1) {
                const [before, after] = [text(n % 23), text((n * 7) % 19)];
                const lines = difference(before, after);
                const side = (sign) => lines.filter(([one]) => one !== sign)
                    .map(([, line]) => line).join("\\n");
                if (side("+") !== before || side("-") !== after) return [before, after, lines];
            }
            const many = difference(text(3000), text(3000));
            return many.length >= 3000 ? null : many;
        }"""
    )
    assert wrong is None


def test_a_token_without_rights_sees_nothing(browser: Browser, stage: Stage) -> None:
    stage.session("Secret business")
    with opened(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(stage.url)))
        log_in(page, stage, stage.app("counter", "metrics"))
        expect(page.get_by_role("heading", name="This token shows no sessions")).to_be_visible()
        expect(page.get_by_role("link", name="Server")).to_be_visible()
        for name in ("Sessions", "Usage", "Ledger", "Apps"):
            expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
        page.goto(f"{stage.url}/#/access")
        expect(page.get_by_role("heading", name="This token shows no sessions")).to_be_visible()
        assert not [path for path in asked if path.startswith(("/sessions", "/monitor", "/admin"))]
        page.goto(f"{stage.url}/#/server")
        expect(page.get_by_text("Agents at work at once.")).to_be_visible()


def test_a_token_shows_its_own_sessions_only(browser: Browser, stage: Stage) -> None:
    stage.session("Of somebody else")
    token = stage.app("shop", "run")
    body = {"agent": "demo", "meta": {"title": "Of the shop"}}
    stage.call("POST", "/sessions", token, json=body)
    with opened(browser) as page:
        log_in(page, stage, token)
        expect(page.locator(".row")).to_have_count(1)
        expect(page.locator(".row")).to_contain_text("Of the shop")
        expect(page.get_by_role("link", name="Apps", exact=True)).to_have_count(0)


def test_a_token_that_is_revoked_is_out_at_once(browser: Browser, stage: Stage) -> None:
    token = stage.app("gone-soon", "run")
    with opened(browser) as page:
        log_in(page, stage, token)
        expect(page.get_by_text("No sessions yet.")).to_be_visible()
        stage.call("DELETE", "/admin/tokens/gone-soon", stage.token("admin-token"))
        expect(page.get_by_text("You are not logged in any more.")).to_be_visible()


def test_the_admin_makes_and_revokes_apps(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.url}/#/access")
    page.get_by_role("button", name="New app").click()
    dialog = page.get_by_role("dialog", name="New app")
    dialog.get_by_label("Name").fill("helper")
    dialog.get_by_label("monitor").check()
    dialog.get_by_role("button", name="Make its token").click()
    token = page.locator(".token").text_content()
    assert token is not None
    assert stage.call("GET", "/sessions", token)["count"] == 0
    line = page.get_by_role("row").filter(has_text="helper")
    expect(line).to_contain_text("runmonitor")
    line.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(line).to_have_count(0)
    page.goto(f"{stage.url}/#/ledger")
    page.get_by_role("button", name="Audit").click()
    expect(page.get_by_role("row").filter(has_text="app.revoke").first).to_contain_text("helper")


def test_usage_and_ledger_tell_what_was_done(page: Page, stage: Stage) -> None:
    session = stage.session("Cost something")
    stage.turn(session, "/usage")
    page.goto(f"{stage.url}/#/usage")
    expect(page.locator(".tile", has_text="Cost")).to_contain_text("$0.25")
    chart = page.get_by_role("application")
    expect(chart).to_have_attribute("aria-label", re.compile(r"^Cost in the last 7 days: \$"))
    chart.press("End")
    expect(page.locator(".readout")).to_contain_text("$0.25")
    page.get_by_role("button", name="Runs and turns").click()
    expect(chart).to_have_attribute("aria-label", re.compile(r"^Runs and turns"))
    page.goto(f"{stage.url}/#/ledger")
    mine = page.get_by_role("row").filter(has_text=session[-6:])
    expect(mine).to_contain_text("done")
    page.get_by_label("State").select_option("failed")
    expect(mine).to_have_count(0)


def test_the_keyboard_is_enough(page: Page, stage: Stage) -> None:
    session = stage.session("By keys alone", permissions="ask")
    stage.turn(session, "/ask touch keys.txt", wait=False)
    expect(page.locator(".row", has_text="By keys alone")).to_contain_text("Asks for permission")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("by keys")
    expect(page.locator(".row")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By keys alone")).to_be_focused()
    page.keyboard.press("g")
    expect(page.locator(".approval:not([data-settled])")).to_be_focused()
    page.keyboard.press("a")
    eventually((stage.data / "sessions" / session / "work" / "keys.txt").exists)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("#/$"))
    page.keyboard.press("n")
    expect(page.get_by_label("First prompt")).to_be_focused()


def test_a_key_that_comes_before_the_question_is_not_lost(page: Page, stage: Stage) -> None:
    held: list[Route] = []
    is_slow = True
    page.route(
        "**/permissions?*",
        lambda route: held.append(route) if is_slow else route.continue_(),
    )
    session = stage.session("Slow to ask", permissions="ask")
    stage.turn(session, "/ask touch slow.txt", wait=False)
    expect(page.locator(".row", has_text="Slow to ask")).to_contain_text("Asks for permission")
    page.keyboard.press("g")
    expect(page).to_have_url(re.compile("#/questions$"))
    while not held:
        page.wait_for_timeout(20)
    is_slow = False
    for route in held:
        route.continue_()
    card = page.get_by_role("article", name="Question: wants to run a command: touch slow.txt")
    expect(card).to_be_focused()
    page.keyboard.press("d")
    expect(card.get_by_label("Message to the agent")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card).to_have_count(0)


def test_the_focus_stays_while_the_list_is_put_in_order(page: Page, stage: Stage) -> None:
    first, second = (stage.session(name, permissions="ask") for name in ("Older", "Newer"))
    older, newer = (page.locator(f".row[data-key='{one}'] a") for one in (first, second))
    older.focus()
    older.evaluate("node => { node.onblur = () => { window.lost = true; }; }")
    stage.turn(first, "/ask touch order.txt", wait=False)
    expect(older).to_contain_text("Asks for permission")
    eventually(
        lambda: (
            older.evaluate("node => node.getBoundingClientRect().top")
            < newer.evaluate("node => node.getBoundingClientRect().top")
        )
    )
    expect(older).to_be_focused()
    assert page.evaluate("window.lost") is None
    stage.call("POST", f"/sessions/{first}/cancel")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_fault(
    browser: Browser, stage: Stage, size: tuple[int, int], scheme: str
) -> None:
    asking = stage.session("Ask for axe", permissions="ask")
    stage.turn(asking, "/think hm\n/plan")
    stage.turn(asking, "/write a.txt one", wait=False)
    talked = stage.session("Said for axe", permissions="allow-all")
    for prompt in ("/think hm", "/plan", "/tool x", "/write a.txt one", "/fail oh"):
        body = {"prompt": prompt, "wait": False}
        stage.call("POST", f"/sessions/{talked}/turn", json=body)
    with opened(browser, size, scheme) as page:
        page.goto(stage.url)
        expect(page.get_by_label("A token")).to_be_visible()
        assert faults_of_access(page) == []
        page.goto(stage.link())
        expect(page.locator(".row").first).to_be_attached()
        for where in (*VIEWS.values(), f"#/s/{talked}", f"#/s/{asking}"):
            page.goto(f"{stage.url}/{where}")
            expect(page.locator("#view-title, .summary").first).to_be_attached()
            page.wait_for_load_state("networkidle") if where == "#/usage" else None
            assert faults_of_access(page) == [], where
