"""A real tmux: its panes with odd names, texts to the byte, several servers, resizes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tmux_stage import Stage, stage, until

from clawdforge.tmux.ancestry import ancestry
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.server import MAX_TEXT_BYTES
from clawdforge.tmux.servers import all_panes, pane_of, server_of
from clawdforge.tmux.starting import program_path

ODD = "odd\t#{pid} 'q' \"d\" \\ $HOME 🦀\nnew; "
SAYS_HERE = ("sh", "-c", "echo here; read line")
PASTED = "\\x1b[?2004h"
TEXTS = {
    "quotes": """it's "so" `id` $HOME ${PATH} \\ \\n""",
    "a dash": "-rf --help",
    "a semicolon at the end": "make; make;",
    "only a semicolon": ";",
    "a semicolon behind a backslash": "a\\;",
    "a name of a key": "Enter C-c Escape",
    "a format": "#{pane_id} #(id) #[fg=red] %5",
    "other letters": "grüße 你好 🦀 e\u0301",
    "blanks": "  a   b  ",
    "a tab": "a\tb",
}


@pytest.fixture
def tmux() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture(scope="module")
def types() -> Iterator[Stage]:
    """One server for all tests that only type."""
    with stage() as made:
        yield made


async def test_odd_names_and_folders_are_told_as_they_are(tmux: Stage) -> None:
    folder = tmux.folder / ODD
    folder.mkdir()
    pane_id = tmux.start("names", "my 'work';y", *SAYS_HERE, cwd=folder)
    tmux.tmux("names", "rename-window", "-t", pane_id, "w ##{pid} \"q\" 'a'  🦀")
    tmux.tmux("names", "select-pane", "-t", pane_id, "-T", "title:5,, ##{x} 🦀")
    tmux.wait_for("names", pane_id, "here")
    [pane] = await tmux.server("names").panes()
    assert pane.id == pane_id
    assert pane.session == "my 'work';y"
    assert pane.window == "w #{pid} \"q\" 'a'  🦀"
    assert pane.title == "title:5,, #{x} 🦀"
    assert pane.path == str(folder)
    assert (pane.width, pane.height, pane.command) == (80, 24, "sh")
    assert pane.active
    assert not pane.dead


@pytest.fixture(scope="module")
def recorder(types: Stage) -> tuple[str, Path]:
    return types.record("types", "plain")


@pytest.fixture(scope="module")
def paste_recorder(types: Stage) -> tuple[str, Path]:
    return types.record("types", "pastes", PASTED)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_text_arrives_as_it_is(types: Stage, recorder: tuple[str, Path], text: str) -> None:
    pane, kept = recorder
    before = kept.stat().st_size
    await types.server("types").send_text(pane, text, enter=True)
    want = text.encode() + b"\r"
    until(lambda: kept.stat().st_size >= before + len(want))
    assert kept.read_bytes()[before:] == want


async def test_several_lines_are_one_paste_where_the_program_knows_pastes(
    types: Stage, paste_recorder: tuple[str, Path], recorder: tuple[str, Path]
) -> None:
    server = types.server("types")
    pane, kept = paste_recorder
    await server.send_text(pane, "one\n\n  two;\r\n-three\n", enter=True)
    want = b"\x1b[200~one\r\r  two;\r-three\r\x1b[201~\r"
    until(lambda: kept.stat().st_size >= len(want))
    assert kept.read_bytes() == want
    pane, kept = recorder
    before = kept.stat().st_size
    await server.send_text(pane, "one\ntwo")
    until(lambda: kept.stat().st_size >= before + 7)
    assert kept.read_bytes()[before:] == b"one\rtwo"


async def test_a_text_of_a_mebibyte_arrives_and_a_longer_one_is_refused(
    types: Stage, recorder: tuple[str, Path]
) -> None:
    pane, kept = recorder
    before = kept.stat().st_size
    text = "".join(f"{number:07x} " for number in range(MAX_TEXT_BYTES // 8))
    await types.server("types").send_text(pane, text)
    until(lambda: kept.stat().st_size >= before + len(text))
    assert kept.read_bytes()[before:] == text.encode()
    with pytest.raises(TmuxError, match="too long") as caught:
        await types.server("types").send_text(pane, text + "x")
    assert caught.value.code == "text_too_large"


@pytest.mark.parametrize("text", ["a\x1b[201~rm", "\x03", "a\x00", "\x9b"])
async def test_a_text_presses_no_keys(types: Stage, recorder: tuple[str, Path], text: str) -> None:
    with pytest.raises(TmuxError, match="control character") as caught:
        await types.server("types").send_text(recorder[0], text)
    assert caught.value.code == "text_not_plain"


async def test_texts_and_keys_reach_the_program_while_somebody_scrolls(
    types: Stage, recorder: tuple[str, Path]
) -> None:
    pane, kept = recorder
    types.tmux("types", "copy-mode", "-t", pane)
    before = kept.stat().st_size
    await types.server("types").send_text(pane, "hello", enter=True)
    await types.server("types").send_keys(pane, "Escape", "C-c", "Up")
    until(lambda: kept.stat().st_size >= before + 11)
    assert kept.read_bytes()[before:] == b"hello\r\x1b\x03\x1b[A"


async def test_no_paste_buffers_are_left_behind(types: Stage, recorder: tuple[str, Path]) -> None:
    await types.server("types").send_text(recorder[0], "secret")
    assert types.tmux("types", "list-buffers") == ""


async def test_the_screen_is_told_with_colours_tail_and_after_a_resize(tmux: Stage) -> None:
    lines = "".join(f"\\033[3{number % 8}mline {number}\\033[0m\\n" for number in range(40))
    pane = tmux.start("looks", "colours", "sh", "-c", f"printf '{lines}'; exec cat")
    tmux.wait_for("looks", pane, "line 39")
    server = tmux.server("looks")
    assert (await server.capture(pane)).split("\n")[-1] == "line 39"
    assert (await server.capture(pane, tail=2)) == "line 38\nline 39"
    assert len((await server.capture(pane, tail=40)).split("\n")) == 40
    assert "\x1b[31mline 33" in await server.capture(pane, colours=True)
    picture = await server.picture(pane)
    assert picture.count("\n") == 24
    tmux.tmux("looks", "resize-window", "-t", pane, "-x", "40", "-y", "10")
    found = await server.pane(pane)
    assert (found.width, found.height) == (40, 10)
    assert (await server.picture(pane)).count("\n") == 10


async def test_panes_of_several_servers_are_told_apart_by_their_processes(tmux: Stage) -> None:
    one, two = tmux.start("one", "work"), tmux.start("two", "work")
    for _ in range(10):  # `%1` is the beginning of `%10`
        last = tmux.tmux("two", "new-window", "-P", "-F", "#{pane_id}", "cat")
    assert one == two == "%0"
    assert last == "%10"
    panes = await all_panes(tmux.env)
    ours = [pane for pane in panes if pane.id == "%0" and pane.session == "work"]
    assert len(ours) == 2
    with pytest.raises(TmuxError, match="2 tmux servers have a pane %0") as caught:
        pane_of(ours, pane_id="%0")
    assert caught.value.code == "pane_unclear"
    for pane in ours:
        assert pane_of(panes, pane_id="%0", ancestry=await ancestry(pane.pid)) == pane
    assert pane_of(panes, pane_id="%10") is not None
    stranger = await ancestry(1_999_999_999)
    assert stranger == []


async def test_a_pane_of_a_server_that_is_not_seen_is_nobody_elses(tmux: Stage) -> None:
    import os

    tmux.start("seen", "here")
    panes = [pane for pane in await all_panes(tmux.env) if pane.session == "here"]
    assert pane_of(panes, pane_id=panes[0].id, ancestry=await ancestry(os.getpid())) is None


async def test_a_server_that_has_gone_has_no_panes_and_stops_nobody(tmux: Stage) -> None:
    tmux.start("gone", "work")
    pane = await tmux.server("gone").pane("%0")
    tmux.tmux("gone", "kill-server")
    until(lambda: "gone" not in tmux.tmux("gone", "list-sessions", check=False))
    assert all(one.socket != pane.socket for one in await all_panes(tmux.env))
    with pytest.raises(TmuxError) as caught:
        await server_of(pane, tmux.env).send_keys("%0", "Enter")
    assert caught.value.code == "tmux_gone"


async def test_a_program_is_started_with_its_arguments_as_they_are(tmux: Stage) -> None:
    pane = tmux.start("starts", "work")
    server = tmux.server("starts")
    folder = tmux.folder / "a #{pid} b"
    folder.mkdir()
    show = 'pwd; printf "<%s>" "$@" "$WORD"; exec cat'
    words = ["it's", '"q" $HOME', "-x", "a;", ";", "", "#{pane_id}", "🦀\nb"]
    made = await server.split(
        pane, ["sh", "-c", show, "sh", *words], side="right", size="60%", cwd=folder,
        env={"WORD": "of; #{x}"},
    )  # fmt: skip
    tmux.wait_for("starts", made, "<of; #{x}>")
    screen = tmux.screen("starts", made)
    assert str(folder) in screen.replace("\n", "")
    for word in words[:-1]:
        assert f"<{word}>" in screen
    panes = {one.id: one for one in await server.panes()}
    assert panes[made].left > panes[pane].left
    assert panes[made].active
    assert panes[made].width == 48
    alone = await server.split(pane, ["/bin/cat"], side="above", focus=False)
    panes = {one.id: one for one in await server.panes()}
    assert panes[alone].top < panes[pane].top
    assert panes[pane].active
    await server.kill_pane(alone)
    with pytest.raises(TmuxError, match="no pane") as caught:
        await server.send_keys(alone, "Enter")
    assert caught.value.code == "pane_gone"


async def test_a_program_that_fails_leaves_its_words(tmux: Stage) -> None:
    pane = tmux.start("fails", "work")
    server = tmux.server("fails")
    made = await server.split(pane, ["sh", "-c", "echo no login; exit 3"])
    tmux.wait_for("fails", made, "no login")
    until(lambda: tmux.tmux("fails", "display-message", "-p", "-t", made, "#{pane_dead}") == "1")
    assert "no login" in tmux.screen("fails", made)
    ends = await server.split(pane, ["sh", "-c", "echo here; read line"])
    tmux.wait_for("fails", ends, "here")
    await server.send_keys(ends, "Enter")
    until(lambda: ends not in tmux.tmux("fails", "list-panes", "-F", "#{pane_id}").split())


async def test_what_has_no_room_or_no_program_is_told(tmux: Stage) -> None:
    pane = tmux.start("small", "work")
    await tmux.server("small").split(pane, ["cat"], size="21")
    with pytest.raises(TmuxError, match="no room"):
        await tmux.server("small").split(pane, ["cat"])
    env = {**tmux.env, "PATH": str(tmux.folder)}
    with pytest.raises(TmuxError, match="not installed"):
        await type(tmux.server("small"))("small", env).panes()
    with pytest.raises(Exception, match="claude is not installed"):
        await program_path(["claude"], env)


async def test_a_server_that_hangs_is_given_up(tmux: Stage) -> None:
    Path(tmux.socket("hangs")).parent.mkdir(mode=0o700)
    listener = await asyncio.start_unix_server(_silent, tmux.server("hangs").socket)
    async with listener:
        server = type(tmux.server("hangs"))("hangs", tmux.env, timeout_secs=0.3)
        with pytest.raises(TmuxError) as caught:
            await server.panes()
        assert caught.value.code == "tmux_timeout"


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
