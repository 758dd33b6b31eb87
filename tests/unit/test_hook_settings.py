"""Our hooks in Claude Code's settings: what is the user's stays as it was, to the byte."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.errors import ConfigError
from clawdforge.monitor.hooks import settings

PROGRAM = "/home/ana/.local/share/clawdforge/bin/clawdforge-hook"
THEIRS: dict[str, Any] = {
    "model": "opus",
    "hooks": {
        "PreToolUse": [
            {"matcher": "Bash", "hooks": [{"type": "command", "command": "./check.sh"}]},
        ],
        "Stop": [],
    },
    "statusLine": {"type": "command", "command": "jq -r '.model.id'", "padding": 0},
    "permissions": {"allow": ["Read"]},
}


def test_ours_are_put_beside_theirs() -> None:
    result = settings.installed(THEIRS, PROGRAM)
    assert result["hooks"]["PreToolUse"][0] == THEIRS["hooks"]["PreToolUse"][0]
    ours = result["hooks"]["PreToolUse"][1]["hooks"][0]
    assert ours["command"] == PROGRAM
    assert ours["args"] == []
    assert ours["async"] is True
    assert 0 < ours["timeout"] <= 10
    assert result["permissions"] == THEIRS["permissions"]
    assert settings.installed(result, PROGRAM) == result
    assert set(settings.reported(result)) == set(settings.EVENTS)


def test_what_would_harm_is_never_asked_for() -> None:
    assert not {"WorktreeCreate", "MessageDisplay"} & set(settings.EVENTS)
    assert len(set(settings.EVENTS)) == len(settings.EVENTS)


def test_their_status_line_is_wrapped_and_given_back() -> None:
    result = settings.installed(THEIRS, PROGRAM)
    line = result["statusLine"]
    assert line["padding"] == 0
    assert shlex.split(line["command"]) == [PROGRAM, "--status-line", "jq -r '.model.id'"]
    assert settings.removed(result)["statusLine"] == THEIRS["statusLine"]
    again = settings.installed(result, PROGRAM)
    assert again == result


def test_without_a_status_line_there_is_ours() -> None:
    result = settings.installed({}, "/with blank/clawdforge-hook")
    command = result["statusLine"]["command"]
    assert shlex.split(command) == ["/with blank/clawdforge-hook", "--status-line"]
    assert settings.removed(result) == {}


def test_a_client_that_was_elsewhere_is_replaced() -> None:
    old = settings.installed(THEIRS, "/old/clawdforge-hook")
    new = settings.installed(old, PROGRAM)
    assert settings.programs(new) == {PROGRAM}
    assert new == settings.installed(THEIRS, PROGRAM)


def test_a_hook_of_theirs_in_a_group_with_ours_stays() -> None:
    mixed = settings.installed({}, PROGRAM)
    mixed["hooks"]["Stop"][0]["hooks"].append({"type": "command", "command": "say done"})
    left = settings.removed(mixed)
    assert left == {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}]}}


def test_nothing_of_ours_is_nothing_to_remove() -> None:
    assert settings.removed(THEIRS) == THEIRS
    assert settings.reported(THEIRS) == ()
    assert not settings.has_status_line(THEIRS)


@pytest.mark.parametrize("text", ["[]", "{", "1", '{"hooks": []}', '{"hooks": {"Stop": 1}}'])
def test_what_is_no_settings_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        settings.parsed(text)


def test_the_indentation_stays() -> None:
    text = json.dumps(THEIRS, indent=4) + "\n"
    assert settings.written(settings.parsed(text), text) == text
    tabs = json.dumps(THEIRS, indent="\t") + "\n"
    assert settings.written(settings.parsed(tabs), tabs) == tabs
    assert settings.written(THEIRS, "").startswith('{\n  "model"')


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_GROUPS = st.lists(
    st.fixed_dictionaries(
        {"hooks": st.lists(st.fixed_dictionaries({"command": st.text()}), min_size=1, max_size=3)}
    )
    | _JSON,
    min_size=1,
    max_size=3,
)


@given(
    hooks=st.dictionaries(st.sampled_from(settings.EVENTS) | st.text(), _GROUPS, max_size=4),
    line=st.text() | st.none(),
    more=st.dictionaries(st.text(), _JSON, max_size=3),
)
def test_removing_undoes_installing(
    hooks: dict[str, Any], line: str | None, more: dict[str, Any]
) -> None:
    theirs = {key: value for key, value in more.items() if key not in {"hooks", "statusLine"}}
    if hooks:
        theirs["hooks"] = hooks
    if line is not None:
        theirs["statusLine"] = {"type": "command", "command": line}
    result = settings.installed(theirs, PROGRAM)
    assert settings.installed(result, PROGRAM) == result
    assert settings.removed(result) == theirs
