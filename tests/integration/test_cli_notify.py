"""`clawdforge notify` as a person uses it: add, try, look, remove."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from notifying import Receiver, receiver
from standardwebhooks import Webhook
from typer.testing import CliRunner, Result

from clawdforge.cli.main import app

PATIENCE_SECS = 60.0


class Person:
    """Somebody with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / ".config" / "clawdforge"
        self.file = self.folder / "notifications.toml"
        self.env = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TMUX_TMPDIR": str(home),
            "ATM_SOCKET": str(home / "atm.sock"),
            "XDG_STATE_HOME": "",
            "XDG_CONFIG_HOME": "",
            "CLAWDFORGE_NOTIFICATIONS": "",
            "TMUX": "",
        }

    def notify(self, *arguments: str, code: int = 0) -> Result:
        """Run the command in this process: starting one takes longer than all else here."""
        done = CliRunner().invoke(app, ["notify", *arguments], env=self.env)
        assert done.exit_code == code, (done.stdout + done.stderr, done.exception)
        return done

    def installed(self, *arguments: str) -> str:
        """Run the command as it is installed; what it prints."""
        argv = [sys.executable, "-m", "clawdforge", "notify", *arguments]
        done = subprocess.run(
            argv, env=self.env, capture_output=True, text=True, check=True, timeout=PATIENCE_SECS
        )
        return done.stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.notify(*arguments, "--json", code=code).stdout)


@pytest.fixture
def me(tmp_path: Path) -> Person:
    return Person(tmp_path)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_from_nothing_to_a_signed_webhook_and_back(me: Person, hook: Receiver) -> None:
    assert "clawdforge notify add bell" in me.installed("status")
    said = me.notify("add", "webhook", hook.url, code=2).stderr
    assert "allow_private = true" in said
    assert not me.file.exists()
    made = me.json("add", "webhook", hook.url, "--allow-private", "--may-answer", "--after", "60")
    secret = Path(made["secret_file"])
    assert (me.file.stat().st_mode & 0o077, secret.stat().st_mode & 0o077) == (0, 0)
    text = secret.read_text().strip()
    assert me.json("test", "webhook") == {
        "targets": [{"target": "webhook", "told": True, "problem": None}],
        "problems": [],
    }
    [request] = hook.got()
    told = Webhook(text).verify(request.body, dict(request.headers))
    assert told["type"] == "test"
    [target] = me.json("status")["targets"]
    assert (target["where"], target["may_answer"]) == (f"127.0.0.1:{hook.port}", True)
    assert target["policy"]["needs_you_secs"] == 60
    hook.answers.append((404, {}, b""))
    shown = me.notify("test", code=1)
    assert "it answered 404" in shown.stdout
    assert text not in shown.stdout + shown.stderr
    me.notify("remove", "webhook")
    assert not secret.exists()
    assert me.json("status")["targets"] == []


def test_a_phone_gets_what_ntfy_wants(me: Person, hook: Receiver) -> None:
    token = me.home / "token"
    token.write_text("tk_secret\n")
    token.chmod(0o600)
    server = f"http://127.0.0.1:{hook.port}"
    options = ("--server", server, "--token-file", str(token), "--allow-private")
    me.notify("add", "ntfy", "agents", "--name", "phone", *options)
    me.notify("test", "phone")
    [request] = hook.got()
    assert request.path == "/"
    assert request.headers["authorization"] == "Bearer tk_secret"
    assert request.json["topic"] == "agents"
    token.chmod(0o644)
    assert "can be read by others" in me.notify("test", "phone", code=1).stdout


def test_what_stands_in_the_file_stays_as_it_is(me: Person) -> None:
    me.folder.mkdir(parents=True)
    first = "# mine\nlook_secs = 30 # so\n\n"
    own, last = '[targets.a]\nkind = "bell"\n\n', '# about b\n[targets.b]\nkind = "desktop"\n'
    mine = first + own + last
    me.file.write_text(mine)
    me.notify("add", "ntfy", "topic")
    me.notify("remove", "ntfy")
    assert me.file.read_text() == mine
    me.notify("remove", "a")
    assert me.file.read_text() == first + last


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "pigeon"), "there is no kind pigeon"),
        (("add", "ntfy"), "ntfy needs a topic"),
        (("add", "bell", "x"), "bell is on this machine"),
        (("add", "webhook", "ftp://x.example/"), "must be an http or https address"),
        (("add", "webhook", "https://a:b@x.example/"), "credentials do not belong"),
        (("add", "ntfy", "a b"), "targets.ntfy.topic: letters"),
        (("add", "bell", "--name", "a b"), "cannot be a name"),
        (("add", "bell", "--only", "all"), "targets.bell.events"),
        (("add", "bell", "--may-answer"), "targets.bell.may_answer: there is no such key"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    me: Person, arguments: tuple[str, ...], said: str
) -> None:
    assert said in me.notify(*arguments, code=2).stderr
    assert not me.file.exists()


def test_targets_that_are_there_or_not(me: Person) -> None:
    assert "nobody is to be told" in me.notify("test", code=2).stderr
    me.notify("add", "bell")
    assert "there is a target bell already" in me.notify("add", "bell", code=2).stderr
    assert "there are: bell" in me.notify("test", "phone", code=2).stderr
    assert "there are: bell" in me.notify("remove", "phone", code=2).stderr
    assert "nobody is attached to tmux" in me.notify("test", code=1).stdout


def test_a_file_that_is_wrong_is_told_by_file_and_key(me: Person) -> None:
    me.folder.mkdir(parents=True)
    me.file.write_text('[targets.a]\nkind = "bell"\nquite = true\n[targets.b]\nkind = "bell"\n')
    problem = f"{me.file}: targets.a.quite: there is no such key"
    assert problem in me.notify("status", code=1).stderr
    assert me.json("status", code=1)["problems"] == [problem]
    assert problem in me.notify("test", "a", code=2).stderr
    me.file.write_text("[targets.a\n")
    assert "not valid TOML" in me.notify("add", "bell", code=2).stderr
