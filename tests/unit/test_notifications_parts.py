"""The pure parts of notifications: whom, where to, signed how, tried again when."""

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Receiver

from clawdforge.core.observed.attention_values import Notice, Subject
from clawdforge.monitor.notifying.addresses import is_literal_private, is_private
from clawdforge.monitor.notifying.messages import (
    MAX_QUESTION_BYTES,
    About,
    answer_in,
    ntfy_body,
    webhook_body,
)
from clawdforge.monitor.notifying.retrying import (
    LONGEST_ASKED_SECS,
    LONGEST_SECS,
    asked_pause_secs,
    is_taken,
    may_go_well,
    pause_secs,
)
from clawdforge.monitor.notifying.signing import made_secret, signed_headers, signing_keys
from clawdforge.monitor.notifying.targets import Ntfy, Webhook, read_targets

FILE = "/etc/n.toml"


# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1",
        "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::",
        "2002:a00:1::", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::808:808",
        "2001:0:a00:1::", "", "localhost", "1.2.3",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_network_are_private(text: str) -> None:
    assert is_private(text)


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_addresses_of_the_open_internet_are_not(text: str) -> None:
    assert not is_private(text)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_private_as_what_is_wrapped_in_it(address: Any) -> None:
    assert is_private(f"::ffff:{address}") == is_private(str(address))
    if is_private(str(address)):
        packed = int(address)
        assert is_private(f"2002:{packed >> 16:x}:{packed & 0xFFFF:x}::")
        assert is_private(f"64:ff9b::{packed >> 16:x}:{packed & 0xFFFF:x}")


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "LOCALHOST.", "127.0.0.1", "::1"])
def test_hosts_that_say_themselves_that_they_are_private(host: str) -> None:
    assert is_literal_private(host)


def test_other_names_have_to_be_looked_up() -> None:
    assert not is_literal_private("hooks.example.com")


# --- the file -----------------------------------------------------------------------------------


def test_a_target_takes_its_own_times_then_the_defaults_then_ours() -> None:
    text = """
        page_url = "https://page.example/"
        [defaults]
        needs_you_secs = 7
        quiet = false
        [targets.a]
        kind = "bell"
        needs_you_secs = 1
        [targets.b]
        kind = "desktop"
        events = ["finished"]
    """
    found = read_targets(text, FILE)
    assert found.problems == ()
    assert found.page_url == "https://page.example"
    first, second = found.targets["a"].policy, found.targets["b"].policy
    assert (first.needs_you_secs, first.quiet, first.cooldown_secs) == (1, False, 20)
    assert second.needs_you_secs == 7
    assert second.events == frozenset(["finished"])
    assert [target.kind for target in found.targets.values()] == ["bell", "desktop"]


def _webhook(**more: Any) -> str:
    keys = {"kind": "webhook", "url": "https://x.example/h", "secret_env": "S", **more}
    return "[targets.x]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items() if v != "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = ", "not valid TOML"),
        ("colour = 1", "colour: there is no such key"),
        ("look_secs = 0", "look_secs: Expected `float` > 0"),
        ("page_url = 'file:///x'", "page_url: must be an http or https address"),
        ("[defaults]\nquite = true", "defaults.quite: there is no such key"),
        ("[targets.x]\nkind = 'pigeon'", "targets.x.kind: Invalid value 'pigeon': bell, desktop"),
        ("[targets.x]\ntopic = 't'", "targets.x.kind: missing"),
        ("targets.x = 3", "targets.x: Expected `object`, got `int`"),
        ("[targets.x]\nkind = 'bell'\nneeds_you_secs = '5'", "targets.x.needs_you_secs: Expected"),
        ("[targets.x]\nkind = 'bell'\nneeds_you_secs = -1", "targets.x.needs_you_secs: Expected"),
        ("[targets.x]\nkind = 'bell'\nevents = ['all']", "targets.x.events[0]: Invalid enum"),
        ("[targets.'x y']\nkind = 'bell'", "targets.x y: that cannot be a name"),
        ("[targets.x]\nkind = 'ntfy'", "targets.x.topic: missing"),
        ("[targets.x]\nkind = 'ntfy'\ntopic = 'a/b'", "targets.x.topic: letters, digits"),
        (_webhook(url="https://[/"), "targets.x.url: must be an http or https address"),
        (_webhook(url="https://a:b@x.example"), "targets.x.url: credentials do not belong"),
        (_webhook(url="http://10.0.0.1/"), "targets.x.url: 10.0.0.1 is a private address"),
        (_webhook(secret_env=""), "targets.x.secret_file: missing"),
        (_webhook(secret_file="f"), "targets.x.secret_env, secret_file: one of them"),
        (_webhook(may_answer=True, content="brief"), "targets.x.content: who may answer"),
        (_webhook(timeout_secs=6000), "targets.x.timeout_secs: Expected"),
    ],
)
def test_what_makes_no_sense_is_told_with_file_and_key(text: str, problem: str) -> None:
    [told] = read_targets(text, FILE).problems
    assert told.startswith(f"{FILE}: {problem}")


def test_one_target_that_makes_no_sense_does_not_stop_the_others() -> None:
    found = read_targets("[targets.a]\nkind = 'x'\n[targets.b]\nkind = 'bell'\n", FILE)
    assert (len(found.problems), list(found.targets)) == (1, ["b"])


def test_topics_and_addresses_are_in_no_repr() -> None:
    found = read_targets(_webhook() + "[targets.y]\nkind='ntfy'\ntopic='hidden'", FILE)
    assert "x.example" not in repr(found)
    assert "hidden" not in repr(found)


# --- signatures ---------------------------------------------------------------------------------


@given(st.binary(min_size=24, max_size=64), st.text(max_size=200))
def test_the_library_of_standard_webhooks_takes_our_signatures(key: bytes, said: str) -> None:
    body = json.dumps({"said": said}).encode()
    secret = made_secret(key)
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers(body, message_id="msg_1", at=now, keys=signing_keys(secret))
    assert Receiver(secret).verify(body, headers) == {"said": said}


def test_the_example_of_the_specification() -> None:
    keys = signing_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        b'{"test": 2432232314}', message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, keys=keys
    )
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-signature"] == expected


def test_both_secrets_sign_while_one_replaces_the_other() -> None:
    first, second = made_secret(b"1" * 24), made_secret(b"2" * 32)
    keys = signing_keys(f"{first}\n\n  {second}\n")
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers(b"{}", message_id="msg_1", at=now, keys=keys)
    for secret in (first, second):
        assert Receiver(secret).verify(b"{}", headers) == {}


@pytest.mark.parametrize(
    "text",
    ["", " \n", "secret", "whsec_", "whsec_!!!", "whsec_" + base64.b64encode(b"x" * 23).decode(),
     "whsec_" + base64.b64encode(b"x" * 65).decode(), base64.b64encode(b"x" * 32).decode()],
)  # fmt: skip
def test_what_is_no_secret_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="it is") as caught:
        signing_keys(text)
    assert text.strip() in {"", "whsec_"} or text not in str(caught.value)


# --- trying again -------------------------------------------------------------------------------


@given(st.integers(1, 1000), st.floats(0, 1))
def test_pauses_grow_up_to_a_bound_with_jitter(attempts: int, dice: float) -> None:
    pause = pause_secs(attempts, dice)
    assert 1.5 <= pause <= LONGEST_SECS * 1.25
    assert pause_secs(attempts + 1, dice) >= pause - 1e-9


def test_the_first_pauses() -> None:
    assert [pause_secs(number, 0.5) for number in (1, 2, 3, 9)] == [2, 6, 18, 600]
    assert (pause_secs(1, 0), pause_secs(1, 1)) == (1.5, 2.5)


def test_which_replies_may_go_well_another_time() -> None:
    assert [status for status in (200, 204, 299, 300, 404, 500) if is_taken(status)] == [
        200, 204, 299,
    ]  # fmt: skip
    again = [
        status for status in (302, 400, 401, 408, 410, 425, 429, 500, 503) if may_go_well(status)
    ]
    assert again == [408, 425, 429, 500, 503]


@pytest.mark.parametrize(
    ("text", "secs"),
    [
        (None, 0), ("", 0), ("7", 7), (" 7 ", 7), ("99999999999999", LONGEST_ASKED_SECS),
        ("-5", 0), ("soon", 0), ("Thu, 01 Jan 1970 00:02:00 GMT", 20),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 0), ("Fri, 01 Jan 2038 00:00:00 GMT", LONGEST_ASKED_SECS),
        ("²", 0),
    ],
)  # fmt: skip
def test_how_long_a_server_asks_to_wait(text: str | None, secs: float) -> None:
    assert asked_pause_secs(text, 100.0) == secs


# --- bodies -------------------------------------------------------------------------------------


def _notice() -> Notice:
    subject = Subject(
        number=1, session_id="s-1", state="permission", since=1.7e9, agent="claude",
        cwd="/home/ana/widget", approval_id="ap_1", asked="Bash: cat /etc/secret",
    )  # fmt: skip
    return Notice(kind="needs_you", reason="permission", subject=subject, since=1.7e9)


ROW = {"permission_id": "ap_1", "tool": "Bash", "args": {"command": "cat /etc/secret"}}


def test_a_brief_body_says_neither_what_nor_where() -> None:
    about = About(at=1.7e9, host="desk", question=ROW)
    told = webhook_body(_notice(), about, content="brief", may_answer=False)
    assert b"secret" not in told
    assert b"/home/ana" not in told
    data = json.loads(told)["data"]
    assert (data["text"], data["question"], data["session"]["project"]) == ("Bash", None, "widget")


def test_a_question_that_is_too_long_is_cut_to_what_can_be_denied() -> None:
    row = {**ROW, "args": {"command": "x" * MAX_QUESTION_BYTES}, "cut": False}
    about = About(at=1.7e9, host="desk", question=row)
    told = json.loads(webhook_body(_notice(), about, content="full", may_answer=True))
    assert (told["data"]["question"]["args"], told["data"]["question"]["cut"]) == (None, True)


def test_what_ntfy_is_told() -> None:
    channel = Ntfy(topic="t", priority=5)
    about = About(at=1.7e9, host="desk", url="https://page.example/#/s/s-1")
    assert json.loads(ntfy_body(channel, _notice(), about)) == {
        "topic": "t",
        "title": "claude in widget asks for permission",
        "message": "Bash",
        "priority": 5,
        "tags": ["raised_hand"],
        "click": "https://page.example/#/s/s-1",
    }


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"null", b"[]", b"{}", b'{"ok":true}', b"\xff", b'"x"']
)
def test_most_replies_answer_nothing(body: bytes) -> None:
    assert answer_in(body) is None


@pytest.mark.parametrize(
    "body",
    [b'{"decision":null}', b'{"decision":"ALLOW"}', b'{"decision":true}',
     b'{"decision":"deny","message":5}', b'{"decision":"allow","mode":"bypassPermissions"}',
     b'{"decision":"deny","message":"' + b"x" * 5000 + b'"}'],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expected|Invalid"):
        answer_in(body)


def test_an_answer_never_holds_for_longer_than_once() -> None:
    found = answer_in(b'{"decision":"allow","scope":"always","option_id":"always"}')
    assert found is not None
    assert (found.decision, found.scope, found.option_id) == ("allow", "once", None)


@given(st.binary(max_size=300))
def test_no_reply_breaks_anything(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        answer_in(body)


def test_channels_do_not_show_where_they_are() -> None:
    assert "topic" not in repr(Ntfy(topic="topic"))
    assert "example" not in repr(Webhook(url="https://x.example/", secret_env="S"))
