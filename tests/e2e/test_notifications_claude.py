"""A real Claude Code in a terminal is told of by webhooks, and answered by one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from approval_stage import Room, furnished
from claude_terminal import QUESTION
from notifying import SECRET, Receiver, receiver, webhook
from page_stage import Json, eventually
from standardwebhooks import Webhook

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(180)]


@pytest.fixture
def bot() -> Iterator[Receiver]:
    with receiver() as made:
        made.only_questions = True  # that something is asked may be seen before what it is
        yield made


@pytest.fixture
def ends() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def room(tmp_path: Path, claude_bin: Path, bot: Receiver, ends: Receiver) -> Iterator[Room]:
    folder = tmp_path / ".config" / "clawdforge"
    folder.mkdir(parents=True)
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    common = {"secret_env": "", "secret_file": "secret", "quiet": False}
    asked = {**common, "may_answer": True, "events": ["needs_you"]}
    over = {**common, "events": ["finished"], "finished_secs": 0.5, "min_work_secs": 0}
    text = webhook("bot", bot.url, **asked) + webhook("ends", ends.url, **over)
    (folder / "notifications.toml").write_text(text)
    with furnished(tmp_path, claude_bin, beside=True) as made:
        yield made


def replies(bot: Receiver, **answer: object) -> None:
    bot.answers.append((200, {}, json.dumps(answer).encode()))


def test_a_webhook_is_told_and_its_reply_answers(room: Room, bot: Receiver, ends: Receiver) -> None:
    replies(bot, decision="allow")
    room.say("touch webhook-yes")
    eventually((room.work / "webhook-yes").exists)
    told = next(one for one in _verified(bot) if one["data"]["question"])
    assert told["type"] == "session.needs_you"
    assert told["data"]["question"]["args"]["command"] == "touch webhook-yes"
    assert told["data"]["session"]["agent"] == "claude"
    entry = room.outcome(told["data"]["question"])
    assert (entry["state"], entry["by"]) == ("allowed", "webhook:bot")
    over = _verified(ends)[0]
    assert over["type"] == "session.finished"
    assert over["data"]["session"]["id"] == told["data"]["session"]["id"]

    replies(bot, decision="deny", message="not by webhook")
    room.say("touch webhook-no")
    room.terminal.see("It said: not by webhook")
    assert not (room.work / "webhook-no").exists()

    replies(bot, decision="allow", answers={f"{QUESTION} the bot?": "Blue"})
    room.say("ask the bot")
    room.terminal.see(f'"{QUESTION} the bot?"="Blue"')


def _verified(one: Receiver) -> list[Json]:
    """What it was sent, at least one, as the library of Standard Webhooks takes it."""
    hook = Webhook(SECRET)
    return [hook.verify(request.body, dict(request.headers)) for request in one.got()]
