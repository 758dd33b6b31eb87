"""What tmux says, read; what is said to it, as arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.errors import InputError
from clawdforge.tmux.agents import TERMINAL_AGENTS, agent_command, terminal_agent
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import (
    Pane,
    command_line,
    measured,
    read_panes,
    read_terminals,
    records,
    sizes,
    typed,
    verbatim,
)
from clawdforge.tmux.starting import own_pane, pane_to_split
from clawdforge.tmux.typing import is_key

ANY = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


def said(*values: str) -> bytes:
    """As `measured` has tmux say it."""
    return "".join(f"{len(one.encode())}:{one}," for one in values).encode() + b"\n"


def pane(pane_id: str = "%0", *, socket: str = "/tmp/a", **fields: str) -> bytes:
    known = {"pane_id": pane_id, "pane_pid": "7", "session_id": "$0", "window_id": "@0"} | fields
    names = (
        "pane_id", "pane_pid", "session_name", "session_id", "window_id", "window_index",
        "window_name", "pane_index", "pane_title", "pane_current_path", "pane_current_command",
        "pane_active", "window_active", "session_attached", "pane_width", "pane_height",
        "pane_left", "pane_top", "pane_dead", "pane_in_mode",
    )  # fmt: skip
    return said(*(known.get(name, "") for name in names))


def test_a_format_tells_each_value_with_its_length() -> None:
    assert measured("pane_id", "pid") == "#{n:pane_id}:#{pane_id},#{n:pid}:#{pid},"


@given(st.lists(st.tuples(ANY, ANY, ANY), max_size=5))
def test_any_values_are_read_as_they_were(rows: list[tuple[str, str, str]]) -> None:
    written = b"".join(said(*row) for row in rows)
    assert [tuple(values) for values in records(written, 3)] == rows


@pytest.mark.parametrize(
    "written", [b"x", b"3:ab,\n", b":a,\n", b"1:a\n", b"-1:,\n", b"99999999999999:a,", b"1:a,1:"]
)
def test_what_is_something_else_is_refused(written: bytes) -> None:
    with pytest.raises(TmuxError):
        list(records(written, 2))


def test_bytes_that_are_no_text_do_no_harm() -> None:
    [[value]] = records(b"3:a\xffb,\n", 1)
    assert value.encode("utf-8", "surrogateescape") == b"a\xffb"


def test_a_pane_is_told_once_with_the_session_that_is_shown() -> None:
    written = (
        pane(session_name="a", session_id="$0", session_attached="0")
        + pane(session_name="b", session_id="$1", session_attached="2")
        + pane("%1", session_name="a", pane_dead="1", pane_in_mode="1", pane_width="80")
    )
    first, second = read_panes(written, "/tmp/a")
    assert (first.session, first.attached, first.pid) == ("b", 2, 7)
    assert (second.id, second.dead, second.in_mode, second.width) == ("%1", True, True, 80)
    assert first.place == "b:0.0"


def test_terminals_are_read() -> None:
    [one] = read_terminals(said("/dev/pts/3", "$1", "1700000000", "1"))
    assert (one.name, one.session_id, one.activity, one.control) == (
        "/dev/pts/3",
        "$1",
        1700000000,
        True,
    )


def test_commands_follow_each_other_and_their_arguments_end_none() -> None:
    assert command_line([["a", "x;"], ["b", ";", "c;;", "\\;"]]) == [
        "a", "x\\;", ";", "b", "\\;", "c;\\;", "\\\\;",
    ]  # fmt: skip


def test_a_text_is_not_expanded() -> None:
    assert verbatim("#{x} #(y) 5#") == "##{x} ##(y) 5##"


@given(ANY)
def test_a_typed_text_has_no_keys_in_it(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(_is_control(char) for char in lines if char not in "\n\t"):
        with pytest.raises(TmuxError, match="control character"):
            typed(text)
    else:
        assert typed(text) == lines


def _is_control(char: str) -> bool:
    return ord(char) < 32 or 127 <= ord(char) < 160


@pytest.mark.parametrize("size", ["1", "30", "1%", "99%"])
def test_sizes_are_lines_or_percentages(size: str) -> None:
    assert sizes(size) == size


@pytest.mark.parametrize("size", ["", "0", "0%", "100%", "-3", "30px", "%", "\uff13"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(ValueError, match=r"^.*$"):
        sizes(size)


@pytest.mark.parametrize("key", ["Enter", "escape", "C-c", "M-x", "C-M-Up", "F12", "a", "S-Tab"])
def test_keys_are_known(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize("key", ["", "Nonsense", "C-", "rm -rf", "F21", "F1x", "-l", "C-Nonsense"])
def test_texts_are_no_keys(key: str) -> None:
    assert not is_key(key)


def test_no_agent_is_interrupted_by_what_may_end_it() -> None:
    assert terminal_agent("claude").interrupt == ("Escape",)
    assert terminal_agent("unknown").interrupt == ("Escape",)
    for agent in TERMINAL_AGENTS.values():
        assert agent.interrupt.count("C-c") <= 1


def test_an_agent_is_started_with_its_model_and_options() -> None:
    assert agent_command("claude") == ["claude"]
    started = agent_command("claude", model="haiku", more=["--resume", "x y"])
    assert started == ["claude", "--model", "haiku", "--resume", "x y"]
    assert agent_command("goose")[:2] == ["goose", "session"]
    with pytest.raises(InputError, match="no agent 'vim'"):
        agent_command("vim")
    with pytest.raises(InputError, match="is no model"):
        agent_command("claude", model="--yolo")
    with pytest.raises(InputError, match="cannot be told its model"):
        agent_command("amp", model="x")


def made(pane_id: str, *, window: str = "@0", size: int = 10, **fields: str) -> Pane:
    told = {"window_id": window, "pane_width": str(size), "pane_height": "10"} | fields
    return read_panes(pane(pane_id, **told), "/tmp/a")[0]


def test_a_new_agent_goes_beside_the_chosen_one_else_into_the_largest_pane() -> None:
    own, small, large = made("%0", size=99), made("%1"), made("%2", size=20)
    other = made("%3", window="@1", size=50)
    panes = [own, small, large, other]
    assert own_pane(panes, {"TMUX": "/tmp/a,1,0", "TMUX_PANE": "%0"}) == own
    assert own_pane(panes, {"TMUX": "/tmp/b,1,0", "TMUX_PANE": "%0"}) is None
    assert pane_to_split(panes, own, small) == small
    assert pane_to_split(panes, own, other) == large
    assert pane_to_split([own], own) == own
    assert pane_to_split(panes, None, other) == other
    shown = made("%4", pane_active="1", window_active="1", session_attached="1")
    hidden = made("%5", pane_active="1", window_active="1")
    assert pane_to_split([hidden, shown], None) == shown
    with pytest.raises(TmuxError, match="no tmux pane"):
        pane_to_split([], None)
