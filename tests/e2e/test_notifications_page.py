"""Who uses the page is not notified: a real browser, a real server, a real receiver."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from notifying import SECRET, Receiver, asks, receiver, webhook
from page_stage import Hooks, Stage, heard, real_browser

LOOK_SECS = 4


@pytest.fixture
def out() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def stage(tmp_path: Path, out: Receiver) -> Iterator[Stage]:
    folder = tmp_path / "home" / ".config" / "clawdforge"
    folder.mkdir(parents=True)
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    target = webhook("out", out.url, secret_env="", secret_file="secret", recheck_secs=0.2)
    (folder / "notifications.toml").write_text(f"look_secs = {LOOK_SECS}\n{target}")
    made = Stage(tmp_path)
    made.start()
    yield made
    made.stop()


def test_who_uses_the_page_is_told_only_once_they_have_left_it(stage: Stage, out: Receiver) -> None:
    with real_browser() as browser, stage.claude("s-1", "hello", stage.folder) as claude:
        page = browser.new_page()
        faults = heard(page)
        with page.expect_response("**/monitor/looking") as told:
            page.goto(stage.link())
        used = time.time()
        assert told.value.status == 204
        _ask(claude)
        [request] = out.got()
        assert request.at - used >= LOOK_SECS - 0.5
        assert request.data["url"] == f"{stage.url}/#/s/s-1"
        page.goto(request.data["url"])
        page.get_by_text("s-1").first.wait_for()
        assert faults == []


def _ask(claude: Hooks) -> None:
    asks(claude.peer, "s-1", pid=claude.common["pid"])
