"""What an app asks for is kept as it was, and never becomes more than its ceilings allow."""

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from clawdforge.core.events import Ask
from clawdforge.core.options import SessionOptions
from clawdforge.core.permission import (
    MODES,
    Policy,
    Verdict,
    decide,
    narrow,
    parse_policy,
    to_json,
    within,
)
from clawdforge.core.permission_rules import Rule
from clawdforge.errors import InputError

NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(tuple)
OPTIONS = st.builds(
    SessionOptions,
    system=st.none() | st.just("Be brief."),
    system_mode=st.sampled_from(["append", "replace"]),
    effort=st.none() | st.sampled_from(["low", "max"]),
    mode=st.none() | st.just("plan"),
    permissions=st.none() | st.sampled_from(["ask", {"mode": "deny", "rules": []}]),
    workspace=st.none() | st.just({"git": "/srv/r", "ref": "main"}),
    mcp_servers=NAMES,
    secrets=NAMES,
    fork=st.none() | st.just("conv"),
)


@given(OPTIONS)
def test_options_come_back_from_the_ledger_as_they_went(options: SessionOptions) -> None:
    kept = json.loads(json.dumps(options.to_json()))
    assert SessionOptions.of(kept) == options


@given(OPTIONS)
def test_what_says_nothing_is_not_kept(options: SessionOptions) -> None:
    assert all(value not in (None, (), []) for value in options.to_json().values())


def test_options_of_a_newer_version_are_passed_over() -> None:
    assert SessionOptions.of({"effort": "low", "weather": "fine"}) == SessionOptions(effort="low")
    assert SessionOptions.of({}) == SessionOptions()


@given(OPTIONS)
def test_the_system_prompt_is_neither_shown_nor_printed(options: SessionOptions) -> None:
    assume(options.system is not None)
    assert "Be brief." not in json.dumps(options.shown()) + repr(options)


# Policies under ceilings

RANK = (Verdict.DENY, Verdict.ASK, Verdict.ALLOW).index
RULES = st.lists(
    st.builds(
        Rule,
        tool=st.sampled_from(["*", "Bash", "Bash(git *)", "Read", "Edit(src/**)"]),
        path=st.sampled_from([None, "src/**", "**/.env"]),
        action=st.sampled_from(["allow", "deny", "ask"]),
    ),
    max_size=3,
).map(tuple)
POLICIES = st.builds(
    Policy,
    mode=st.sampled_from(MODES),
    rules=RULES,
    on_timeout=st.sampled_from(["deny", "allow"]),
)
REMEMBERING = st.builds(Policy, mode=st.sampled_from(MODES), rules=RULES, remembered=RULES)
CEILINGS = st.one_of(POLICIES, st.tuples(POLICIES, POLICIES).map(lambda two: within(*two)))
QUESTIONS = st.sampled_from(
    [
        Ask(ask_id="1", tool="Bash", kind="execute", args={"command": "git status"}),
        Ask(ask_id="1", tool="Bash", kind="execute", args={"command": "rm x; git push"}),
        Ask(ask_id="1", tool="Read", kind="read", paths=("/w/src/a.py",)),
        Ask(ask_id="1", tool="Read", kind="read", paths=("/etc/passwd",)),
        Ask(ask_id="1", tool="Edit", kind="edit", paths=("/w/src/.env",)),
        Ask(ask_id="1", tool="WebFetch", kind="fetch", args={"url": "http://x"}),
    ]
)


def rank(policy: Policy, ask: Ask) -> int:
    return RANK(decide(policy, ask, "/w"))


@given(POLICIES, CEILINGS, QUESTIONS)
def test_a_ceiling_only_takes_away(policy: Policy, ceiling: Policy, ask: Ask) -> None:
    most = rank(within(Policy(mode="allow-all"), ceiling), ask)
    assert rank(within(policy, ceiling), ask) == min(rank(policy, ask), most)


@given(REMEMBERING, CEILINGS, QUESTIONS)
def test_what_a_ceiling_refuses_no_remembered_answer_allows(
    policy: Policy, ceiling: Policy, ask: Ask
) -> None:
    most = rank(within(Policy(mode="allow-all"), ceiling), ask)
    assume(most == RANK(Verdict.DENY))
    assert decide(within(policy, ceiling), ask, "/w") is Verdict.DENY


@given(POLICIES, POLICIES, POLICIES, QUESTIONS)
def test_the_order_of_ceilings_does_not_matter(
    policy: Policy, one: Policy, other: Policy, ask: Ask
) -> None:
    first, second = within(within(policy, one), other), within(within(policy, other), one)
    assert decide(first, ask, "/w") is decide(second, ask, "/w")
    assert first.on_timeout == second.on_timeout
    assert decide(within(first, one), ask, "/w") is decide(first, ask, "/w")


@given(POLICIES, CEILINGS)
def test_a_late_yes_is_had_only_under_ceilings_that_have_it(
    policy: Policy, ceiling: Policy
) -> None:
    late = within(policy, ceiling).on_timeout
    assert late == "deny" or policy.on_timeout == "allow"
    levels = []
    level: Policy | None = ceiling
    while level is not None:
        levels.append(level.mode == "allow-all" or level.on_timeout == "allow")
        level = level.ceiling
    assert late == "deny" or all(levels)


@given(POLICIES, CEILINGS, QUESTIONS)
def test_what_is_granted_is_what_was_asked_for(policy: Policy, ceiling: Policy, ask: Ask) -> None:
    granted = within(policy, ceiling)
    try:
        assert narrow(policy, ceiling) == granted
    except InputError:
        return  # refused, so that nobody believes to have what he has not
    assert (granted.mode, granted.on_timeout) == (policy.mode, policy.on_timeout)
    assert rank(granted, ask) <= rank(policy, ask)


@given(REMEMBERING, CEILINGS, QUESTIONS)
def test_a_policy_that_was_kept_decides_as_before(
    policy: Policy, ceiling: Policy, ask: Ask
) -> None:
    kept: Any = json.loads(json.dumps(to_json(within(policy, ceiling))))
    again = within(parse_policy(kept), ceiling)
    assert decide(again, ask, "/w") is decide(within(policy, ceiling), ask, "/w")
