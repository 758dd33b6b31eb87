"""The policy: what is decided, what cannot be slipped past it, what is refused as a policy."""

import posixpath
import re
import time
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from clawdforge.core import globs
from clawdforge.core.asked import MAX_PATH_PARTS, MAX_PATHS, normalised, place_of
from clawdforge.core.events import Ask
from clawdforge.core.permission import (
    MAX_PATTERN_CHARS,
    MAX_REMEMBERED,
    MAX_RULES,
    MODES,
    Policy,
    Verdict,
    decide,
    narrow,
    parse_policy,
    remember,
    to_json,
    within,
)
from clawdforge.core.permission_rules import Rule, is_simple
from clawdforge.errors import InputError

CWD = "/srv/sessions/abc/work"
ALLOW, DENY, ASK = Verdict.ALLOW, Verdict.DENY, Verdict.ASK


def bash(command: Any) -> Ask:
    return Ask(ask_id="1", tool="Bash", kind="execute", args={"command": command})


def file_tool(tool: str, *paths: str, kind: str | None = None, **args: Any) -> Ask:
    return Ask(ask_id="1", tool=tool, kind=kind, paths=paths, args=args)


def policy(mode: Any, *rules: tuple[str, str | None, str]) -> Policy:
    return parse_policy(
        {"mode": mode, "rules": [{"tool": t, "path": p, "action": a} for t, p, a in rules]}
    )


def verdict(of: Policy, ask: Ask) -> Verdict:
    return decide(of, ask, CWD)


def refused(raw: Any) -> str:
    with pytest.raises(InputError) as raised:
        parse_policy(raw)
    assert raised.value.code == "invalid_permissions"
    return raised.value.message


# --- modes ------------------------------------------------------------------------------------

READ = file_tool("Read", f"{CWD}/a.txt", kind="read")
WRITE = file_tool("Write", f"{CWD}/a.txt", kind="edit")


@pytest.mark.parametrize(
    ("mode", "read", "write", "run"),
    [
        ("deny", DENY, DENY, DENY),
        ("allow-reads", ALLOW, DENY, DENY),
        ("ask", ASK, ASK, ASK),
        ("allow-all", ALLOW, ALLOW, ALLOW),
    ],
)
def test_each_mode(mode: str, read: Verdict, write: Verdict, run: Verdict) -> None:
    asked = [verdict(policy(mode), ask) for ask in (READ, WRITE, bash("ls"))]
    assert asked == [read, write, run]


READS = policy("allow-reads")


@pytest.mark.parametrize(
    "ask",
    [
        file_tool("Read", "a.txt"),
        file_tool("Read", "./x/../a.txt", kind="read"),
        file_tool("Read", f"{CWD}/sub/a.txt", kind="read"),
        file_tool("Read", f"file://{CWD}/a%20b", kind="read"),
        file_tool("NotebookRead", notebook_path="a.ipynb"),
        file_tool("Glob", pattern="**/*.py"),
        file_tool("Glob", pattern=f"{CWD}/**"),
        file_tool("Grep", pattern="/etc/passwd"),  # that is what it looks for, not where
        file_tool("Grep", kind="search", pattern="../x", path="src"),
        file_tool("LS"),
        file_tool("TodoWrite", todos=[]),
        file_tool("Thinking", kind="think"),
        file_tool("cat a.txt", "a.txt", kind="read"),
    ],
)
def test_reads_in_the_workspace_are_reads(ask: Ask) -> None:
    assert verdict(READS, ask) is ALLOW


@pytest.mark.parametrize(
    "ask",
    [
        file_tool("Read"),  # what, it does not say
        file_tool("Read", kind="read", limit=3),
        file_tool("Read", "../a.txt"),
        file_tool("Read", "/etc/passwd", kind="read"),
        file_tool("Read", f"{CWD}-evil/a.txt"),
        file_tool("Read", f"{CWD}/../a.txt"),
        file_tool("Read", "~/a.txt"),
        file_tool("Read", "~root"),
        file_tool("Read", "file:///etc/passwd"),
        file_tool("Read", "FILE:///etc/passwd"),
        file_tool("Read", "file://localhost/etc/passwd"),
        file_tool("Read", "file:%2Fetc"),
        file_tool("Read", f"file://{CWD}/%2e%2e/%2e%2e/x"),
        file_tool("Read", "https://example.org/x", kind="read"),
        file_tool("Read", "a.txt\0b"),
        file_tool("Read", ""),
        file_tool("Read", "a.txt", "/etc/passwd"),
        file_tool("Read", "a.txt", file_path="/etc/passwd"),
        file_tool("Read", "a.txt", paths=["b", "/etc/passwd"]),
        file_tool("Read", "a.txt", kind="edit"),
        file_tool("Write", "a.txt", kind="read"),
        file_tool("Bash", "a.txt", kind="read"),
        file_tool("cat a.txt", "a.txt", kind="read", command="cat a.txt; rm a.txt"),
        file_tool("WebFetch", kind="read", url="https://example.org"),
        file_tool("mcp__files__read", "a.txt", kind="read"),
        file_tool("Glob", pattern="/etc/*"),
        file_tool("Glob", pattern="../*"),
        file_tool("Glob", pattern="*/../../*"),
        file_tool("Glob", path="sub", pattern="../../*"),
        file_tool("Glob", pattern="~/*"),
        file_tool("Grep", pattern="x", path="/"),
        file_tool("Read", *(f"{n}" for n in range(MAX_PATHS + 1))),
        file_tool("Read", "/".join("a" * (MAX_PATH_PARTS + 1))),
        file_tool("Task", kind="think"),
        file_tool("ExitPlanMode", kind="switch_mode"),
        file_tool("anything"),
        Ask(ask_id="1", tool="Read", args=["a.txt"]),
        Ask(ask_id="1", tool=""),
    ],
)
def test_what_is_no_read_in_the_workspace_is_refused(ask: Ask) -> None:
    assert verdict(READS, ask) is DENY


SEGMENTS = st.lists(st.sampled_from(["..", ".", "", "a", "b", "work", "abc", "..a"]), max_size=12)


@given(SEGMENTS, st.booleans())
def test_no_path_walks_out(parts: list[str], absolute: bool) -> None:
    path = "/".join(parts)
    path = f"{CWD}/{path}" if absolute else path
    assume(path and not path.startswith("/etc"))
    where = posixpath.normpath(posixpath.join(CWD, path))
    inside = where == CWD or where.startswith(f"{CWD}/")
    assert (verdict(READS, file_tool("Read", path)) is ALLOW) == inside


@given(st.text(alphabet="/.ab", max_size=30))
def test_places_are_as_the_system_names_them(path: str) -> None:
    expected = posixpath.normpath("/" + path.lstrip("/"))
    assert "/" + "/".join(normalised("/" + path)) == expected
    assert path == "" or place_of(path, "/") is not None


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists, max_leaves=4))
def test_any_input_gets_a_verdict(value: Any) -> None:
    keys = ("path", "paths", "command", "pattern", "file_path")
    for tool in ("Read", "Glob", "Bash", "x"):
        for args in (value, {}, *({key: value} for key in keys)):
            ask = Ask(ask_id="1", tool=tool, args=args)
            assert verdict(READS, ask) in (ALLOW, DENY)
            remember(policy("ask"), ask, CWD)


# --- rules ------------------------------------------------------------------------------------


def test_the_first_rule_that_fits_wins_else_the_mode() -> None:
    of = policy("ask", ("Edit", "src/secret.py", "deny"), ("Edit", "src/**", "allow"))
    assert verdict(of, file_tool("Edit", "src/a.py")) is ALLOW
    assert verdict(of, file_tool("Edit", "src/secret.py")) is DENY
    assert verdict(of, file_tool("Edit", "docs/a.md")) is ASK
    assert verdict(of, file_tool("Write", "src/a.py")) is ASK


@pytest.mark.parametrize(
    ("pattern", "tool", "fits"),
    [
        ("Bash", "Bash", True),
        ("Bash", "bash", False),
        ("Bash", "BashOutput", False),
        ("Bash*", "BashOutput", True),
        ("*", "anything at all", True),
        ("mcp__github__*", "mcp__github__get_issue", True),
        ("mcp__github__*", "mcp__githubx__get", False),
        ("mcp__*__get_?", "mcp__a__get_1", True),
        ("[a-z]", "a", False),
        (r"\*", "*", True),
        (r"\*", "x", False),
    ],
)
def test_names_of_tools(pattern: str, tool: str, fits: bool) -> None:
    expected = ALLOW if fits else DENY
    assert verdict(policy("deny", (pattern, None, "allow")), file_tool(tool)) is expected


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("src/**", "src/a", True),
        ("src/**", "src/a/b/c.py", True),
        ("src/**", "src", True),
        ("src/**", "srcx/a", False),
        ("src/**", "x/src/a", False),
        ("src/*", "src/a", True),
        ("src/*", "src/a/b", False),
        ("src/*", "src", False),
        ("*.py", "a.py", True),
        ("*.py", "sub/a.py", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "x/y/a.py", True),
        ("**/test_*/**/x?", "a/test_b/c/d/x1", True),
        ("**/test_*/**/x?", "a/test_b/c/d/x12", False),
        ("**", "any/thing", True),
        (".", ".", True),
        ("./src/**", "src/a", True),
        ("src/**", f"{CWD}/src/a", True),
        ("src/**", "src/../src/a", True),
        ("src/**", "src/../../a", False),
        ("src/**", "/src/a", False),
        ("**", "/etc/passwd", False),
        ("**", "../x", False),
        ("**", "~/x", False),
        ("/etc/**", "/etc/passwd", True),
        ("/etc/**", "etc/passwd", False),
        ("/**", "/etc/passwd", True),
        (f"{CWD}/src/**", "src/a", True),
        ("app/[id]/page.tsx", "app/[id]/page.tsx", True),
        ("SRC/**", "src/a", False),
    ],
)
def test_paths_in_rules(pattern: str, path: str, fits: bool) -> None:
    expected = ALLOW if fits else DENY
    ask = file_tool("Edit", path)
    assert verdict(policy("deny", ("Edit", pattern, "allow")), ask) is expected
    assert verdict(policy("deny", (f"Edit({pattern})", None, "allow")), ask) is expected


def test_a_rule_that_allows_needs_every_path_and_one_that_refuses_only_one() -> None:
    two = file_tool("Edit", "src/a", "docs/b")
    assert verdict(policy("ask", ("Edit", "src/**", "allow")), two) is ASK
    assert verdict(policy("ask", ("Edit", "src/**", "deny")), two) is DENY
    assert verdict(policy("deny", ("Edit", "src/**", "ask")), two) is ASK


def test_a_file_tool_that_tells_no_path() -> None:
    assert verdict(policy("ask", ("Edit", "src/**", "allow")), file_tool("Edit")) is ASK
    assert verdict(policy("ask", ("Edit", "src/**", "deny")), file_tool("Edit")) is DENY
    assert verdict(policy("ask", ("Edit", "src/**", "deny")), file_tool("Edit", "~/src")) is DENY
    # A search without a path is about the workspace; other tools have no path to tell.
    assert verdict(policy("ask", ("*", "src/**", "deny")), file_tool("Grep")) is ASK
    assert verdict(policy("ask", ("*", "**", "deny")), file_tool("Grep")) is DENY
    assert verdict(policy("ask", ("*", "src/**", "deny")), bash("ls")) is ASK


def test_a_rule_that_refuses_is_not_fooled_by_letters() -> None:
    of = policy("allow-all", ("*", "secrets/**", "deny"), ("*", "\u00e9.txt", "deny"))
    assert verdict(of, file_tool("Edit", "SECRETS/a")) is DENY
    assert verdict(of, file_tool("Edit", "e\u0301.txt")) is DENY
    assert verdict(of, file_tool("Edit", "secret/a")) is ALLOW


# --- commands ---------------------------------------------------------------------------------

GIT = policy("deny", ("Bash(git *)", None, "allow"))


@pytest.mark.parametrize(
    "command",
    ["git status", "git", "git  log  --oneline", "git commit -m 'a b'", "git stash show stash@{1}",
     ["git", "status"], ["bash", "-lc", "git status"]],
)  # fmt: skip
def test_commands_that_a_prefix_rule_allows(command: Any) -> None:
    assert verdict(GIT, bash(command)) is ALLOW
    assert verdict(policy("deny", ("Bash(git:*)", None, "allow")), bash(command)) is ALLOW


@pytest.mark.parametrize(
    "command",
    [
        "gitk", "git-x", "rm x", "", "GIT_DIR=/ git status", "sudo git status",
        "/usr/bin/git status",
        "git status; rm x", "git status;rm x", "git status && rm x", "git status || rm x",
        "git status & rm x", "git log | sh", "git log > ~/.bashrc", "git log >> x", "git log < x",
        "git `rm x`", "git $(rm x)", "git ${x:-`rm x`}", "git ${x@P}", "git status\nrm x",
        "git status\r\nrm x", "git <(rm x)", "git log |& sh", "git status\0", "git 'a;b'",
        "git (a)", "\ngit status", "git status \\\n rm",
        ["git", "status;", "rm"], ["bash", "-c", "git status; rm x"], ["sh", "-c", "git", "x"],
        ["bash", "-lc", "rm x"], 7, None, {"a": "git status"}, "git " + "a" * 9000,
    ],
)  # fmt: skip
def test_commands_that_a_prefix_rule_does_not_allow(command: Any) -> None:
    assert verdict(GIT, bash(command)) is DENY


MARKS = st.sampled_from([";", "&", "&&", "|", "||", "`", "$(", "<", ">", "\n", "\r", "(", ")"])


@given(st.text(max_size=20), MARKS, st.text(max_size=20))
def test_no_second_command_passes_a_prefix_rule(before: str, mark: str, after: str) -> None:
    assert verdict(GIT, bash(f"git {before}{mark}{after}")) is DENY
    assert not is_simple(f"{before}{mark}{after}")


def test_every_command_of_a_question_counts() -> None:
    both = Ask(ask_id="1", tool="Bash", args={"command": "git status", "cmd": "rm x"})
    assert verdict(GIT, both) is DENY


def test_an_exact_command_may_hold_anything() -> None:
    of = policy("deny", (r"Bash(make test && echo \(ok\) \*)", None, "allow"))
    assert verdict(of, bash("make test && echo (ok) *")) is ALLOW
    assert verdict(of, bash("make test && echo (ok) x")) is DENY
    assert verdict(of, bash("make test && echo (ok) *; rm x")) is DENY


@pytest.mark.parametrize(
    "command",
    ["rm -rf x", "rm", "ls; rm x", "ls && rm x", "a | xargs rm -f", "$(rm x)", "`rm x`",
     "sudo rm x", "/bin/rm x", "A=1 rm x", "env A=1 rm x", "r\\m x", "'rm' x", '"rm" x',
     "rm\\\n x", "if true; then rm x; fi", "bash -c 'rm x'", "sh -ec \"rm x\"", "rm\tx",
     ["bash", "-c", "rm x"], ["rm", "x"], None, "x" * 9000],
)  # fmt: skip
def test_a_rule_that_refuses_a_command_sees_through_the_usual_dress(command: Any) -> None:
    assert verdict(policy("allow-all", ("Bash(rm *)", None, "deny")), bash(command)) is DENY


@pytest.mark.parametrize("command", ["ls", "git rm x", "rmdir x", "echo rm", "grep 'rm x' f"])
def test_and_leaves_others_alone(command: str) -> None:
    assert verdict(policy("allow-all", ("Bash(rm *)", None, "deny")), bash(command)) is ALLOW


@given(st.text(max_size=40))
@example("rm *;?\\ (x)")
def test_an_escaped_text_is_matched_by_itself_only(text: str) -> None:
    assert globs.literal(globs.escape(text)) == text
    assert globs.matches(globs.escape(text), text)
    assert not globs.matches(globs.escape(text), text + "x")


@given(st.text(alphabet="ab*?", max_size=12), st.text(alphabet="abc", max_size=12))
def test_patterns_match_as_expressions_do(pattern: str, text: str) -> None:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert globs.matches(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))


PARTS = st.lists(st.sampled_from(["**", "a", "b", "*", "?b"]), max_size=8)


@given(PARTS, st.lists(st.sampled_from(["a", "b", "ab"]), max_size=8))
def test_path_patterns_match_as_expressions_do(pattern: list[str], path: list[str]) -> None:
    words = {"**": "(?:[^/]+/)*", "*": "[^/]*/", "?b": "[^/]b/"}
    expression = "".join(words.get(part, f"{part}/") for part in pattern)
    text = "".join(f"{part}/" for part in path)
    assert globs.matches_path(pattern, path) == bool(re.fullmatch(expression, text))


def test_no_pattern_is_slow() -> None:
    before = time.perf_counter()
    assert not globs.matches("*a" * 500 + "b", "a" * 8000)
    assert not globs.matches("*a?" * 300 + "b", "a" * 8000)
    assert not globs.matches_path(("**", "a") * 8 + ("b",), ("a",) * 128)
    assert verdict(GIT, bash("git " + "x" * 1_000_000)) is DENY
    assert time.perf_counter() - before < 1.0


# --- reading and writing policies -------------------------------------------------------------


def test_a_policy_is_kept_as_it_was() -> None:
    of = parse_policy(
        {
            "mode": "ask",
            "rules": [{"tool": "Bash(git *)", "action": "allow"}],
            "timeout_secs": 5,
            "on_timeout": "allow",
        }
    )
    assert of.rules == (Rule(tool="Bash(git *)", path=None, action="allow"),)
    assert parse_policy(to_json(of)) == of
    kept = remember(of, bash("ls"), CWD)
    assert parse_policy(to_json(kept)) == kept
    assert parse_policy("ask", timeout_secs=7) == Policy(mode="ask", timeout_secs=7)
    nothing = {"mode": "deny", "timeout_secs": None, "on_timeout": None, "rules": None}
    assert parse_policy(nothing) == Policy(mode="deny")


@pytest.mark.parametrize(
    ("raw", "begins"),
    [
        (None, "permissions: must be a mode or an object"),
        (["ask"], "permissions: must be a mode or an object"),
        ("everything", "permissions: must be one of deny, allow-reads, ask, allow-all"),
        ({}, "permissions.mode: is missing"),
        ({"mode": ["ask"]}, "permissions.mode: must be one of"),
        ({"mode": "ask", "rule": []}, "permissions.rule: is unknown; known: mode, on_timeout, r"),
        ({"mode": "ask", 7: 1}, "permissions.7: is unknown"),
        ({"mode": "ask", "timeout_secs": 0}, "permissions.timeout_secs: must be from 1"),
        ({"mode": "ask", "timeout_secs": 1e9}, "permissions.timeout_secs: must be a whole"),
        ({"mode": "ask", "timeout_secs": True}, "permissions.timeout_secs: must be a whole"),
        ({"mode": "ask", "timeout_secs": 10**9}, "permissions.timeout_secs: must be from 1"),
        ({"mode": "ask", "on_timeout": "ask"}, "permissions.on_timeout: must be deny or allow"),
        ({"mode": "ask", "rules": "x"}, "permissions.rules: must be a list"),
        ({"mode": "ask", "rules": {}}, "permissions.rules: must be a list"),
        ({"mode": "ask", "rules": [1]}, "permissions.rules[0]: must be an object"),
        ({"mode": "ask", "rules": [{}] * (MAX_RULES + 1)}, "permissions.rules: has more than"),
    ],
)
def test_bad_policies(raw: Any, begins: str) -> None:
    assert refused(raw).startswith(begins)


@pytest.mark.parametrize(
    ("rule", "begins"),
    [
        ({"action": "allow"}, "tool: must be a text"),
        ({"tool": "", "action": "allow"}, "tool: must not be empty"),
        ({"tool": "()", "action": "allow"}, "tool: must be a name, or a name and a pattern"),
        ({"tool": "Bash()", "action": "allow"}, "tool: must be a name, or a name and a pattern"),
        ({"tool": "a\0", "action": "allow"}, "tool: must not be empty, nor hold a NUL"),
        ({"tool": "x" * (MAX_PATTERN_CHARS + 1), "action": "deny"}, "tool: is longer than"),
        ({"tool": "x"}, "action: must be allow, deny or ask"),
        ({"tool": "x", "action": ["deny"]}, "action: must be allow, deny or ask"),
        ({"tool": "x", "action": "allow", "path": 1}, "path: must be a text or null"),
        ({"tool": "x", "action": "allow", "path": " "}, "path: must not be empty"),
        ({"tool": "x", "action": "allow", "path": "../x"}, "path: begins in the workspace"),
        ({"tool": "x", "action": "allow", "path": "~/x"}, "path: begins in the workspace"),
        ({"tool": "x", "action": "allow", "path": "a/" * 20}, "path: is deeper than"),
        ({"tool": "x", "action": "allow", "paths": "a"}, "paths: is unknown"),
    ],
)
def test_bad_rules(rule: Any, begins: str) -> None:
    fine = {"tool": "x", "action": "ask"}
    assert refused({"mode": "ask", "rules": [fine, rule]}).startswith(
        f"permissions.rules[1].{begins}"
    )


# --- ceilings ---------------------------------------------------------------------------------


def too_wide(of: Policy, ceiling: Policy) -> str:
    with pytest.raises(InputError) as raised:
        narrow(of, ceiling)
    assert raised.value.code == "permissions_too_wide"
    return raised.value.message


def test_modes_are_ordered() -> None:
    for index, mode in enumerate(MODES):
        for ceiling in MODES[index:]:
            assert narrow(policy(mode), policy(ceiling)).mode == mode
        for ceiling in MODES[:index]:
            assert too_wide(policy(mode), policy(ceiling)).startswith("permissions.mode: ")


def test_rules_that_allow_need_a_ceiling_that_allows_everything_or_the_same() -> None:
    rules = (("Read", None, "deny"), ("Bash(git *)", None, "allow"))
    asks = ("Bash(git *)", None, "ask")
    assert narrow(policy("deny", *rules), policy("allow-all")).rules
    assert "rules[1].action: 'allow'" in too_wide(policy("deny", *rules), policy("ask"))
    assert "rules[1].action" in too_wide(policy("deny", *rules), policy("allow-reads"))
    assert narrow(policy("deny", *rules), policy("ask", rules[1])).rules
    assert narrow(policy("deny", asks), policy("ask")).rules
    assert "rules[0].action: 'ask'" in too_wide(policy("deny", asks), policy("allow-reads"))


def test_a_late_yes_needs_a_ceiling_that_has_it() -> None:
    late = Policy(mode="ask", on_timeout="allow")
    assert narrow(late, policy("allow-all")).on_timeout == "allow"
    assert narrow(late, late).on_timeout == "allow"
    assert "on_timeout" in too_wide(late, policy("ask"))
    assert within(late, policy("ask")).on_timeout == "deny"


def test_the_ceilings_rules_hold_whatever_the_session_says() -> None:
    ceiling = policy("allow-all", ("Bash(git push *)", None, "ask"), ("*", "keys/**", "deny"))
    of = narrow(policy("allow-all", ("*", None, "allow")), ceiling)
    assert verdict(of, bash("git push origin")) is ASK
    assert verdict(of, file_tool("Edit", "keys/a")) is DENY
    assert verdict(of, bash("make")) is ALLOW
    assert verdict(narrow(policy("deny"), ceiling), bash("git push origin")) is DENY
    assert "keys" not in str(to_json(of))  # it is put under a ceiling again when it is read


def test_reads_need_not_be_asked_for_under_a_ceiling_that_asks() -> None:
    of = narrow(policy("allow-reads"), policy("ask"))
    assert verdict(of, READ) is ALLOW
    assert verdict(of, WRITE) is DENY


def test_ceilings_under_ceilings() -> None:
    app = narrow(policy("ask", ("Read", None, "deny")), policy("ask", ("Edit", None, "deny")))
    of = narrow(policy("ask"), app)
    assert verdict(of, READ) is DENY
    assert verdict(of, file_tool("Edit", "a")) is DENY
    assert verdict(of, bash("ls")) is ASK


@given(st.sampled_from(MODES), st.sampled_from(MODES), st.sampled_from(["allow", "ask", "deny"]))
def test_a_default_under_a_ceiling_is_never_wider_than_it(mode: str, most: str, act: str) -> None:
    order = [DENY, ASK, ALLOW]
    ceiling = policy(most)
    of = within(policy(mode, ("Bash(ls *)", None, act)), ceiling)
    for ask in (WRITE, bash("ls"), file_tool("mcp__a__b")):
        assert order.index(verdict(of, ask)) <= order.index(verdict(ceiling, ask))


# --- answers that hold ------------------------------------------------------------------------

ASKING = policy("ask")


@pytest.mark.parametrize(
    ("first", "again", "others"),
    [
        (bash("make (a) *; b"), [], [bash("make (a) x; b"), bash("make (a) *; b; c")]),
        (
            file_tool("Edit", "src/a.py", kind="edit"),
            [file_tool("Edit", f"{CWD}/src/b.py", kind="edit")],
            [
                file_tool("Edit", "src/sub/a.py"),
                file_tool("Edit", "a.py"),
                file_tool("Edit", "src/../x"),
                file_tool("Edit", "/src/a.py"),
                file_tool("Write", "src/a.py"),
            ],
        ),
        (
            file_tool("Edit", f"{CWD}/a.py", file_path="a.py"),  # twice the same
            [file_tool("Edit", "b.py")],
            [file_tool("Edit", "src/a.py"), file_tool("Edit")],
        ),
        (file_tool("Read", "/etc/*/a"), [file_tool("Read", "/etc/*/b")], [
            file_tool("Read", "/etc/x/a"), file_tool("Read", "etc/*/a")]),
        (file_tool("Grep", path="src"), [], [file_tool("Grep"), file_tool("Grep", path="src/a")]),
        (file_tool("Grep", pattern="x"), [file_tool("Grep", path=".")],
         [file_tool("Grep", path="src"), file_tool("Grep", path="/")]),
        (file_tool("mcp__a__b", x=1), [file_tool("mcp__a__b", x=2)], [file_tool("mcp__a__c")]),
        (file_tool("odd (name)*"), [], [file_tool("odd (name)x"), file_tool("odd ")]),
    ],
)  # fmt: skip
def test_what_always_means(first: Ask, again: list[Ask], others: list[Ask]) -> None:
    kept = parse_policy(to_json(remember(ASKING, first, CWD)))
    for ask in (first, *again):
        assert verdict(kept, ask) is ALLOW
    for ask in others:
        assert verdict(kept, ask) is ASK
    assert verdict(remember(ASKING, first, CWD, allow=False), first) is DENY


@pytest.mark.parametrize(
    "ask",
    [
        file_tool("AskUserQuestion", questions=[]),
        file_tool("ExitPlanMode", kind="switch_mode"),
        file_tool("Edit"),
        file_tool("Read", "~/x"),
        file_tool("Edit", "a/x", "b/x"),
        file_tool("Edit", "/"),
        file_tool("run it", kind="execute"),
        bash("x" * 5000),
        bash(""),
        Ask(ask_id="1", tool="Bash", args={"command": "a", "cmd": "b"}),
        Ask(ask_id="1", tool=""),
    ],
)
def test_what_is_not_remembered(ask: Ask) -> None:
    assert remember(ASKING, ask, CWD) == ASKING


def test_an_answer_decides_only_what_would_be_asked() -> None:
    of = policy("ask", ("Edit", "keys/b", "deny"))
    kept = remember(of, file_tool("Edit", "keys/a"), CWD)
    assert verdict(kept, file_tool("Edit", "keys/a")) is ALLOW
    assert verdict(kept, file_tool("Edit", "keys/b")) is DENY
    assert verdict(remember(policy("deny"), bash("ls"), CWD), bash("ls")) is DENY


def test_the_newest_answer_holds_and_their_number_is_bounded() -> None:
    of = remember(remember(ASKING, bash("a"), CWD), bash("a"), CWD)
    assert len(of.remembered) == 1
    assert verdict(remember(of, bash("a"), CWD, allow=False), bash("a")) is DENY
    for number in range(MAX_REMEMBERED + 5):
        of = remember(of, bash(f"{number}"), CWD)
    assert len(of.remembered) == MAX_REMEMBERED
    assert parse_policy(to_json(of)) == of


@given(st.text(max_size=60))
def test_a_remembered_command_is_that_command(command: str) -> None:
    kept = remember(ASKING, bash(command), CWD)
    assume(kept.remembered)
    assert verdict(kept, bash(command)) is ALLOW
    for other in (command + " x", command + ";x", "x " + command, command + "\n"):
        assert verdict(kept, bash(other)) is ASK
