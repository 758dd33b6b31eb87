"""Money, names, tokens and peers."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.core.money import MAX_MICROS, format_usd, micro_usd
from clawdforge.core.names import EFFORTS, is_agent_name, is_app_name, is_model_name
from clawdforge.core.peers import LOOPBACK, admits, networks
from clawdforge.core.tokens import digest, same


@pytest.mark.parametrize(
    ("usd", "micros"),
    [
        (0, 0),
        (1, 1_000_000),
        (0.00132, 1320),
        ("0.1", 100_000),
        (Decimal("0.0000005"), 0),
        (Decimal("0.0000015"), 2),
        (1e-30, 0),
        (0.1 + 0.2, 300_000),
    ],
)
def test_money(usd: float | str | Decimal, micros: int) -> None:
    assert micro_usd(usd) == micros


@pytest.mark.parametrize(
    "usd",
    [
        -1,
        -0.01,
        math.nan,
        math.inf,
        -math.inf,
        "",
        "a lot",
        "NaN",
        "sNaN",
        "Infinity",
        1e300,
        10**30,
    ],
)
def test_what_is_no_money(usd: float | str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        micro_usd(usd)


@given(st.floats() | st.integers() | st.text())
def test_money_is_a_number_that_fits_or_an_error(usd: float | str) -> None:
    try:
        micros = micro_usd(usd)
    except ValueError:
        return
    assert 0 <= micros <= MAX_MICROS


def test_money_for_people() -> None:
    assert [format_usd(n) for n in (0, 1320, 999_999, 1_000_000, 12_345_678)] == [
        "$0.00", "$0.0013", "$1.0000", "$1.00", "$12.35",
    ]  # fmt: skip


def test_names() -> None:
    assert is_app_name("my-app_1")
    assert not any(map(is_app_name, ["", "A", "a" * 65, "a b", "a\n", "ä", "../x"]))
    assert is_agent_name("claude")
    assert not any(map(is_agent_name, ["", "-x", "a" * 65, "a.b", "a\n"]))
    assert all(map(is_model_name, ["sonnet", "claude-opus-4-1[1m]", "a/b:c@d", "anthropic.x-v1:0"]))
    assert not any(map(is_model_name, ["", "-p", "--help", "a b", "a" * 129, "x\n", "[x]", "a;b"]))
    assert "max" in EFFORTS


@given(st.text())
def test_no_name_is_a_flag(name: str) -> None:
    for check in (is_agent_name, is_model_name):
        assert not check("-" + name)


def test_tokens() -> None:
    assert digest("a") != digest("b")
    assert len(digest("half a pair: \ud800")) == 64
    assert same("ü", "ü")
    assert not same("a", "b")
    assert not same("\ud800", "x")


def test_peers() -> None:
    assert admits(LOOPBACK, "127.0.0.1")
    assert admits(LOOPBACK, "127.8.8.8")
    assert admits(LOOPBACK, "::1")
    assert admits(LOOPBACK, "::ffff:127.0.0.1")
    assert admits(networks(["10.1.2.3/8", " fe80::/10 "]), "fe80::1%eth0")
    assert admits(networks(["10.1.2.3/8"]), "::ffff:10.9.9.9")
    for stranger in (None, "", "testclient", "10.0.0.1", "::ffff:10.0.0.1", "127.0.0.1.x"):
        assert not admits(LOOPBACK, stranger)
    with pytest.raises(ValueError, match="does not appear"):
        networks(["10.0.0.0/8", "nonsense"])
