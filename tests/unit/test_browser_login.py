"""Codes and logins of browsers, with a clock of the test's own."""

import json

import pytest

from clawdforge.core.records import App, AuditEntry
from clawdforge.core.tokens import digest
from clawdforge.errors import StorageError, UnauthorizedError
from clawdforge.gateway.apps import Apps
from clawdforge.http.browser_login import CODE_SECS, LOGIN_SECS, MAX_CODES, MAX_LOGINS, Logins
from clawdforge.testing.memory_ledger import MemoryLedger

ADMIN, TOKEN = "cfa_admin", "cf_shop"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """What was written down."""

    text: str | None = None
    broken = False

    def __call__(self, text: str) -> None:
        if self.broken:
            raise StorageError("no space")
        self.text = text


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def apps(clock: Clock) -> Apps:
    async with MemoryLedger(clock=clock) as ledger:
        app = App(app_id="a", name="shop", token_digest=digest(TOKEN), created_at=1)
        await ledger.add_app(app, AuditEntry(at=1, actor="admin", action="app.create"))
        apps = Apps(ledger, admin_token=ADMIN, clock=clock)
        await apps.load()
        return apps


def logins_of(apps: Apps, clock: Clock, kept: Kept) -> Logins:
    return Logins(apps, identity="folder", kept=kept.text, keep=kept, clock=clock)


async def test_a_token_stands_for_what_it_is(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    assert logins.check(TOKEN, "127.0.0.1") == {"app": digest(TOKEN)}
    assert logins.check(ADMIN, "127.0.0.1") == {"admin": digest(ADMIN)}
    with pytest.raises(UnauthorizedError):
        logins.check("cf_other", "127.0.0.1")


async def test_a_code_works_once(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    code = logins.code({"app": "x"}, "127.0.0.1")
    assert logins.redeem(code, "127.0.0.1") == {"app": "x"}
    with pytest.raises(UnauthorizedError):
        logins.redeem(code, "127.0.0.1")


async def test_a_code_works_for_a_short_time(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    code = logins.code({"app": "x"}, "127.0.0.1")
    clock.now += CODE_SECS
    with pytest.raises(UnauthorizedError):
        logins.redeem(code, "127.0.0.1")


@pytest.mark.parametrize(
    ("asked_from", "used_from", "works"),
    [
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "127.0.0.2", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("127.0.0.1", "192.0.2.7", False),
        ("192.0.2.7", "127.0.0.1", False),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.7", None, False),
    ],
)
async def test_a_code_works_where_it_was_asked_for(
    apps: Apps, clock: Clock, kept: Kept, asked_from: str, used_from: str | None, *, works: bool
) -> None:
    logins = logins_of(apps, clock, kept)
    code = logins.code({"app": "x"}, asked_from)
    if works:
        assert logins.redeem(code, used_from)
    else:
        with pytest.raises(UnauthorizedError):
            logins.redeem(code, used_from)
        assert logins.redeem(code, asked_from)  # a stranger does not use it up


async def test_only_the_newest_codes_are_kept(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    codes = [logins.code({"app": "x"}, "127.0.0.1") for _ in range(MAX_CODES + 1)]
    with pytest.raises(UnauthorizedError):
        logins.redeem(codes[0], "127.0.0.1")
    assert logins.redeem(codes[-1], "127.0.0.1")


async def test_a_login_needs_its_cookie_and_its_key(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    mine, other = await logins.open({"app": "x"}), await logins.open({"app": "y"})
    assert logins.find(mine.cookie, mine.key) == mine.login
    for cookie, key in (
        (mine.cookie, other.key),
        (mine.cookie, None),
        (None, mine.key),
        (mine.cookie, ""),
        (mine.key, mine.cookie),
    ):
        assert logins.find(cookie, key) is None


async def test_a_login_ends(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    made = await logins.open({"app": "x"})
    await logins.end(made.cookie)
    assert logins.find(made.cookie, made.key) is None
    again = logins_of(apps, clock, kept)
    assert again.find(made.cookie, made.key) is None


async def test_a_login_runs_out(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    made = await logins.open({"app": "x"})
    clock.now += LOGIN_SECS
    assert logins.find(made.cookie, made.key) is None
    await logins.open({"app": "y"})
    assert kept.text is not None
    assert len(json.loads(kept.text)) == 1


async def test_a_login_outlives_its_server(apps: Apps, clock: Clock, kept: Kept) -> None:
    made = await logins_of(apps, clock, kept).open({"app": "x", "admin": "y"})
    again = logins_of(apps, clock, kept)
    assert again.find(made.cookie, made.key) == made.login


async def test_no_secret_is_written_down(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    made = await logins.open(logins.check(TOKEN, None))
    assert kept.text is not None
    for secret in (made.cookie, made.key, TOKEN):
        assert secret not in kept.text
        assert secret not in repr(made)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "7", '{"a": 1}', '{"a": {"b": 1}}'])
async def test_what_makes_no_sense_logs_people_out(
    apps: Apps, clock: Clock, kept: Kept, text: str
) -> None:
    kept.text = text
    logins = logins_of(apps, clock, kept)
    made = await logins.open({"app": "x"})
    assert logins.find(made.cookie, made.key)


async def test_a_login_that_cannot_be_kept_is_none(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    kept.broken = True
    with pytest.raises(StorageError):
        await logins.open({"app": "x"})
    kept.broken = False
    made = await logins.open({"app": "y"})
    assert kept.text is not None
    assert len(json.loads(kept.text)) == 1
    assert logins.find(made.cookie, made.key)


async def test_only_the_newest_logins_are_kept(apps: Apps, clock: Clock, kept: Kept) -> None:
    logins = logins_of(apps, clock, kept)
    made = [await logins.open({"app": "x"}) for _ in range(MAX_LOGINS + 1)]
    assert logins.find(made[0].cookie, made[0].key) is None
    assert logins.find(made[1].cookie, made[1].key)
    assert kept.text is not None
    assert len(kept.text) < 64 * 1024  # what is read of a private file


async def test_servers_on_one_host_have_cookies_of_their_own(
    apps: Apps, clock: Clock, kept: Kept
) -> None:
    one = logins_of(apps, clock, kept)
    other = Logins(apps, identity="other", kept=None, keep=kept, clock=clock)
    assert one.cookie_name != other.cookie_name
