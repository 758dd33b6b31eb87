"""Makes the pictures of the web page in docs/images.

    PYTHONPATH=tests/e2e:tests/integration TMPDIR=/home unshare --pid --fork --mount --mount-proc \\
        sh -c 'mount -t tmpfs none /home; python tests/e2e/page_pictures.py FOLDER'

In a namespace of its own no other agents of this machine get into the pictures.

A real server, real claude with a scripted model, a real tmux, a real Chromium. What it costs over
the days is made up.
"""

import os
import random
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from page_stage import DESKTOP, PHONE, Stage, eventually, real_browser
from playwright.sync_api import Browser, Page
from tmux_stage import Stage as Tmux
from tmux_stage import stage as tmux_stage

from clawdforge.testing.model_api import Always, CallTool, ModelApi, Say, Stall, Step, Tokens
from clawdforge.testing.model_api.request import Request

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
DAYS = 30
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<match target="pattern"><test name="family"><string>sans-serif</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
<match target="pattern"><test name="family"><string>sans</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
<match target="pattern"><test name="family"><string>system-ui</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
<match target="pattern"><test name="family"><string>ui-monospace</string></test>
<edit name="family" mode="assign" binding="strong"><string>JetBrains Mono</string></edit></match>
</fontconfig>"""
LOGIN = """def redirect_after_login(request, user):
    target = request.args.get("next")
    log.info("login of %s", user.id)
    return redirect(target or "/")
"""
SAFE = '''def redirect_after_login(request, user):
    target = request.args.get("next", "/")
    if not is_local(target):
        target = "/"
    log.info("login of %s", user.id)
    return redirect(target)


def is_local(target: str) -> bool:
    """Whether a path stays on this site."""
    parts = urlsplit(target)
    return not parts.netloc and target.startswith("/")
'''
ANSWER = """Done. What changed:

1. `next` is taken only if it is **a path of this site**.
2. Everything else leads to `/`, as before when it was missing.
3. `is_local` has its own test, with the usual tricks:

| target | goes to |
| --- | --- |
| `/cart` | `/cart` |
| `//evil.example` | `/` |
| `https://evil.example` | `/` |
"""
TERMINAL = r"""
\033[38;2;215;119;87m ▐▛███▜▌\033[0m   \033[1mClaude Code\033[0m \033[2mv2.1.329\033[0m
\033[38;2;215;119;87m▝▜█████▛▘\033[0m  \033[2mOpus 5.5 · ~/work/shop\033[0m

\033[48;2;55;55;55m> Make the cart keep its items when the session ends \033[0m

\033[32m●\033[0m The cart lives in the session alone. I put it into its own table.

\033[32m●\033[0m \033[1mBash\033[0m(pytest tests/cart -q)
  \033[2m└\033[0m  ......................                    \033[32m[100%%]\033[0m
     \033[2m22 passed in 1.84s\033[0m

\033[32m●\033[0m \033[1mUpdate\033[0m(shop/cart.py)
  \033[2m└\033[0m  Updated with \033[32m12 additions\033[0m and \033[31m3 removals\033[0m
     \033[48;2;74;34;34m 41 -     cart = session.get("cart", {})          \033[0m
     \033[48;2;34;74;44m 41 +     cart = Cart.of(user) or Cart.new(user)  \033[0m

\033[38;2;215;119;87m✻ Sweeping the shelves…\033[0m \033[2m(41s · esc to interrupt)\033[0m
"""


def model(request: Request) -> Step:
    """A model that does what the pictures need, by its prompt and how far it has come."""
    if request.side is not None:
        return Say("ok")
    prompt, done = request.prompt, sum(one.role == "assistant" for one in request.messages)
    usage = Tokens(input=900, output=420, cache_read=64_000, cache_write=2_400)
    if "redirect" in prompt:
        grep = CallTool("Grep", {"pattern": r"redirect\("}, usage=usage, thinking="Where?")
        edit = CallTool(
            "Edit",
            {"file_path": "shop/login.py", "old_string": LOGIN, "new_string": SAFE},
            say="Only one place uses a target from outside: `redirect_after_login` in "
            "`shop/login.py`. I make it accept paths of this site and nothing else.",
            usage=usage,
        )
        read = CallTool("Read", {"file_path": "shop/login.py"}, usage=usage)
        test = CallTool("Bash", {"command": "ls shop"}, usage=usage)
        steps: tuple[Step, ...] = (grep, read, edit, test, Say(ANSWER, usage=usage))
        return steps[min(done, 4)]
    if "clean" in prompt:
        command = {"command": "rm -rf build/ dist/ && git clean -fdx"}
        return CallTool("Bash", command | {"description": "Start from a clean tree"}, usage=usage)
    if "site" in prompt:
        return Stall(after_chars=150, of=Say("I look at the templates first. " * 9, usage=usage))
    return Say("All is well.", usage=usage)


def claude_program() -> str:
    spec = find_spec("claude_agent_sdk")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "_bundled" / "claude")


@contextmanager
def scene(folder: Path, tmux: Tmux) -> Iterator[Stage]:
    """A server with much going on."""
    with ModelApi([Always(model)]) as api, ExitStack() as stack:
        more = {
            **api.environment(),
            "TMUX_TMPDIR": tmux.env["TMUX_TMPDIR"],
            "CLAWDFORGE_CLAUDE_BIN": claude_program(),
            "CLAWDFORGE_DEFAULT_AGENT": "claude",
            "CLAWDFORGE_PERMISSION_TIMEOUT_SECS": "3000",
        }
        made = Stage(folder, more=more)
        made.start()
        stack.callback(made.stop)
        made.app("nightly", "run", "monitor")
        made.app("support-bot", "run")
        history(made)
        by_hand(stack, made, tmux)
        yield made


def history(stage: Stage) -> None:
    """Thirty days of runs."""
    dice = random.Random(7)
    ledger = sqlite3.connect(stage.data / "ledger.sqlite3", timeout=20)
    apps = dict(ledger.execute("select name, app_id from apps"))
    names = [one[1] for one in ledger.execute("pragma table_info(runs)")]
    now = int(time.time())
    for day in range(DAYS):
        busy = 0.25 if (now // 86_400 - day + 3) % 7 in {5, 6} else 1.0
        for name, most in (("nightly", 5), ("local", 5), ("support-bot", 4)):
            for _ in range(int(dice.random() * most * busy + 0.5)):
                at = now - day * 86_400 - dice.randrange(40_000)
                cost = int(dice.lognormvariate(11.9, 0.7))
                failed = dice.random() < 0.05
                values = {
                    "run_id": str(uuid.uuid4()), "app_id": apps[name], "app_name": name,
                    "agent": dice.choice(["claude", "claude", "claude", "codex"]),
                    "prompt_bytes": dice.randrange(80, 3000), "prompt_sha256": "0" * 64,
                    "file_count": 0, "timeout_secs": 900, "started_at": at, "waited_ms": 3,
                    "state": "failed" if failed else "done",
                    "duration_ms": dice.randrange(4_000, 70_000), "result_bytes": 900,
                    "input_tokens": cost // 40, "output_tokens": cost // 120,
                    "cache_read_tokens": cost // 5, "cache_write_tokens": cost // 60,
                    "cost_microusd": cost, "ended_at": at + 30,
                }  # fmt: skip
                row = [values.get(name) for name in names]
                ledger.execute(f"insert into runs values ({','.join('?' * len(row))})", row)
    ledger.commit()
    ledger.close()


def by_hand(stack: ExitStack, stage: Stage, tmux: Tmux) -> None:
    """Sessions that people have started in terminals."""
    home = Path(tempfile.gettempdir(), "dev", "work")
    script = tmux.folder / "screen"
    script.write_text(TERMINAL.lstrip("\n").replace("\\033", "\033").replace("%%", "%"))
    tmux.tmux("default", "new-session", "-d", "-s", "work", "-x", "96", "-y", "24",
              "-c", str(stage.folder), "sh", "-c", f"cat {script}; exec sleep 9999")  # fmt: skip
    stack.callback(tmux.tmux, "default", "kill-server", check=False)
    pane, _, pid = tmux.tmux(
        "default", "list-panes", "-a", "-F", "#{pane_id} #{pane_pid}"
    ).partition(" ")
    for number, (project, prompt, cost, percent, name, tool) in enumerate(
        (
            ("shop", "Make the cart keep its items when the session ends", 1.84, 62,
             "PreToolUse", "Bash"),
            ("atlas", "Why is the tile server slow on the first request?", 0.37, 10,
             "PreToolUse", "Grep"),
            ("infra", "Write the runbook for the database move", 3.12, 85,
             "PermissionRequest", "AskUserQuestion"),
            ("docs", "Shorten the page about backups", 0.21, 24, "Stop", None),
        )
    ):  # fmt: skip
        folder = home / project
        (folder / ".git").mkdir(parents=True)
        (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        session = f"5f1c000{number}-0000-4000-8000-000000000001"
        hooks = stack.enter_context(stage.claude(session, prompt, folder))
        if project == "shop":
            hooks.common.update(tmux_pane=pane, pid=int(pid))
            hooks.tell("SessionStart", source="startup")
            hooks.tell("UserPromptSubmit", prompt=prompt)
        window = {"context_window_size": 200_000, "used_percentage": percent}
        usage = {"input_tokens": 60, "cache_read_input_tokens": percent * 2000}
        hooks.peer.send(
            "status_update",
            data={
                **hooks.common,
                "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
                "cost": {"total_cost_usd": cost, "total_duration_ms": 9000},
                "context_window": {**window, "current_usage": usage},
            },
        )
        tools = {"tool_name": tool, "tool_input": {"command": "pytest"}, "tool_use_id": "t"}
        hooks.tell(name, **(tools if tool else {"stop_hook_active": False}))


def talk(stage: Stage) -> tuple[str, str]:
    """Conversations with the server's own sessions; those of the open redirect."""
    found = []
    for _ in range(2):
        session = stage.session("Fix the open redirect", agent="claude", permissions="ask")
        work = stage.data / "sessions" / session / "work" / "shop"
        work.mkdir(parents=True)
        (work / "login.py").write_text(LOGIN)
        stage.turn(session, "Close the open redirect after the login", wait=False)
        found.append(session)
    for title, prompt in (("Clean the tree", "clean up"), ("Build the new site", "the site")):
        session = stage.session(title, agent="claude", permissions="ask")
        stage.turn(session, prompt, wait=False)
    eventually(lambda: len(asked(stage)) == 3, 60)
    answered = found[0]

    def settled() -> bool:
        for one in asked(stage):
            if one["session_id"] == answered:
                path = f"/permissions/{one['permission_id']}"
                stage.call("POST", path, json={"decision": "allow"})
        return bool(stage.call("GET", f"/sessions/{answered}")["state"] != "running")

    eventually(settled, 120)
    return answered, found[1]


def asked(stage: Stage) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = stage.call("GET", "/permissions")["permissions"]
    return rows


@contextmanager
def shown(browser: Browser, stage: Stage, size: tuple[int, int], scheme: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
        device_scale_factor=1.5 if size == PHONE else 1,
    )
    page = context.new_page()
    page.goto(stage.link())
    page.locator(".row").first.wait_for(state="attached")
    try:
        yield page
    finally:
        context.close()


def take(page: Page, stage: Stage, where: str, name: str) -> None:
    page.goto(f"{stage.url}/{where}")
    page.locator("#view-title, .summary").first.wait_for(state="attached")
    page.wait_for_timeout(1500)
    picture(page, name)


def picture(page: Page, name: str) -> None:
    folder = Path(sys.argv[1]) if sys.argv[1:] else IMAGES
    page.screenshot(path=str(folder / f"page-{name}.png"))


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="dev") as root,
        tmux_stage() as tmux,
        ExitStack() as stack,
    ):
        fonts = Path(root, "fonts.conf")
        fonts.write_text(FONTS)
        os.environ["FONTCONFIG_FILE"] = str(fonts)
        stage = stack.enter_context(scene(Path(root), tmux))
        answered, asking = talk(stage)
        browser = stack.enter_context(real_browser())
        terminal = "#/s/5f1c0000-0000-4000-8000-000000000001"
        for scheme in ("light", "dark"):
            with shown(browser, stage, DESKTOP, scheme) as page:
                take(page, stage, "#/", f"questions-{scheme}")
                take(page, stage, f"#/s/{answered}", f"session-{scheme}")
                take(page, stage, terminal, f"terminal-{scheme}")
                page.goto(f"{stage.url}/#/usage")
                page.get_by_role("button", name="30 days").click()
                page.wait_for_timeout(1000)
                picture(page, f"usage-{scheme}")
                take(page, stage, "#/ledger", f"ledger-{scheme}")
                take(page, stage, "#/access", f"apps-{scheme}")
                take(page, stage, "#/server", f"server-{scheme}")
            with shown(browser, stage, PHONE, scheme) as page:
                take(page, stage, "#/", f"phone-list-{scheme}")
                take(page, stage, f"#/s/{asking}", f"phone-question-{scheme}")
                take(page, stage, terminal, f"phone-terminal-{scheme}")


if __name__ == "__main__":
    main()
