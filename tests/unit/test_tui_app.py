"""The dashboard, by its keys and the mouse."""

import msgspec
import pytest
from tui_app import dashboard
from tui_world import (
    DRIVEN,
    NOW,
    Everything,
    FakeMonitor,
    FakePanes,
    FakeServer,
    Lost,
    Removed,
    Updated,
    question,
    story,
    view,
    world,
)

from clawdforge.tui.providers import Allow, Deny, Interrupt, Send

SHOP_AGENT = "5b0e1c2d-aaaa-4000-8000-00000000000a"


@pytest.fixture
def monitor() -> FakeMonitor:
    return FakeMonitor(Everything(tuple(world())))


# --- moving -----------------------------------------------------------------------------------


async def test_letters_numbers_and_arrows_move_the_cursor(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        board = screen.app.board
        start = board.cursor
        await screen.press("j", "j", "down")
        assert board.cursor == start + 3
        await screen.press("2", "k", "up")
        assert board.cursor == start
        await screen.press("G")
        assert board.cursor == len(board.rows) - 1
        await screen.press("g", "g")
        assert board.cursor == 0
        await screen.press("5", "G")
        assert board.cursor == 4
        await screen.press("0")
        assert board.cursor == 0
        await screen.press("9", "9", "j")
        assert board.cursor == len(board.rows) - 1


async def test_half_pages_and_a_thousand_rows_scroll() -> None:
    many = tuple(view(f"s{n:04}", project_root=f"/src/p{n % 30:02}") for n in range(1000))
    async with dashboard(FakeMonitor(Everything(many)), size=(80, 24)) as screen:
        tree = screen.app.treeview
        await screen.press("ctrl+d")
        assert screen.app.board.cursor == 1 + tree.size.height // 2
        await screen.press("G")
        assert str(screen.chosen) in screen.text
        assert tree.scroll_offset.y > 900
        await screen.press("ctrl+u", "ctrl+u")
        top = tree.scroll_offset.y
        assert top <= screen.app.board.cursor < top + tree.size.height
        await screen.press("g", "g")
        assert tree.scroll_offset.y == 0


async def test_what_comes_above_does_not_move_what_one_looks_at() -> None:
    many = tuple(view(f"s{n:04}", project_root="/src/web") for n in range(200))
    monitor = FakeMonitor(Everything(many))
    async with dashboard(monitor, size=(80, 24)) as screen:
        await screen.press("1", "0", "0", "G")
        tree, chosen = screen.app.treeview, screen.chosen
        line = screen.app.board.cursor - tree.scroll_offset.y
        monitor.say(Updated(view("new", project_root="/src/app", status="attention_needed")))
        await screen.see("1 needs you")
        assert screen.chosen == chosen
        assert screen.app.board.cursor - tree.scroll_offset.y == line


async def test_the_wheel_scrolls_and_news_do_not_scroll_back() -> None:
    many = tuple(view(f"s{n:04}", project_root="/src/web") for n in range(200))
    monitor = FakeMonitor(Everything(many))
    async with dashboard(monitor, size=(80, 24)) as screen:
        tree = screen.app.treeview
        tree.jump_to(100)
        monitor.say(Updated(view("new", project_root="/src/zoo")))
        await screen.see("201 sessions")
        await screen.settle()
        assert tree.scroll_offset.y == 100
        await screen.press("j")
        assert tree.scroll_offset.y == 0


async def test_n_hops_between_those_that_need_a_person(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        await screen.press("G", "n")
        assert screen.app.board.cursor == 1
        await screen.press("n")
        assert screen.chosen == DRIVEN
        await screen.press("N")
        assert screen.app.board.cursor == 1


async def test_clicks_choose_fold_and_open(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        shop = [row.label for row in screen.app.board.rows].index("shop")
        await screen.click(offset=(5, shop))
        assert screen.app.board.cursor == shop
        await screen.see("▾ shop")
        await screen.click(offset=(5, shop))
        await screen.see("▸ shop")
        await screen.click(offset=(5, 1), times=2)
        await screen.until(lambda: screen.app.alone)
        await screen.press("escape")
        await screen.click(offset=(5, 35))  # below all rows
        assert screen.app.board.cursor == 1


# --- folds ------------------------------------------------------------------------------------


async def test_folds_close_and_open(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        await screen.press("z", "M")
        await screen.until(lambda: "main" not in screen.text)
        await screen.see("▸ shop")
        await screen.press("z", "R")
        await screen.see("▾ shop")
        await screen.press("G", "h")
        await screen.see("▸ app ci")
        await screen.press("l")
        await screen.see("▾ app ci")
        await screen.press("z", "c")
        await screen.see("▸ app ci")
        await screen.press("z", "o", "z", "a")
        await screen.see("▸ app ci")
        await screen.press("enter")
        await screen.see("▾ app ci")


# --- finding ----------------------------------------------------------------------------------


async def test_search_goes_there_while_it_is_typed(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        await screen.press("slash")
        await screen.type("subnet")
        assert screen.app.board.chosen is not None
        assert "subnet" in (screen.app.board.chosen.first_prompt or "")
        await screen.press("enter")
        await screen.press("g", "g", "n")
        assert "subnet" in (screen.app.board.chosen.first_prompt or "")
        await screen.press("escape")
        assert not screen.app.board.search


async def test_keys_are_letters_while_one_types(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, FakeServer(question())) as screen:
        await screen.press("slash")
        await screen.type("qaDj")
        assert screen.app.is_running
        await screen.press("escape")
        assert not screen.app.prompt.is_open
        assert not screen.app.board.search


async def test_a_filter_narrows_and_escape_widens(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        await screen.press("f")
        await screen.type("infra !is:error")
        await screen.press("enter")
        await screen.see("only infra !is:error")
        await screen.see("subnet")
        await screen.until(lambda: "nightly" not in screen.text)
        await screen.press("f")
        await screen.type(" xyz")
        await screen.see("Nothing fits.")
        await screen.press("escape")
        await screen.see("subnet")  # as it was before
        await screen.press("escape")
        await screen.see("nightly")


async def test_one_key_goes_through_the_usual_filters(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        seen = []
        for _ in range(4):
            await screen.press("F")
            seen.append(screen.app.board.filter.text)
        assert seen == ["is:needs", "is:working", "is:idle", ""]


# --- deciding ---------------------------------------------------------------------------------


async def test_what_is_asked_is_allowed_with_one_key(monitor: FakeMonitor) -> None:
    server = FakeServer(question(), told=story())
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        await screen.see("git push --force origin release")
        await screen.see("push the branch")  # the transcript
        await screen.read()
        await screen.press("a")
        await screen.until(lambda: server.done)
        assert server.done == [(Allow(question=question()), DRIVEN)]
        await screen.see("done")
        await screen.until(lambda: "wants to use" not in screen.text)


@pytest.mark.parametrize(
    ("keys", "act"),
    [
        (["A"], Allow(question=question(), always=True)),
        (["D"], Deny(question=question())),
    ],
)
async def test_always_and_no_are_one_key_too(
    monitor: FakeMonitor, keys: list[str], act: Allow | Deny
) -> None:
    server = FakeServer(question())
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        await screen.see("wants to use Bash")
        await screen.read()
        await screen.press(*keys)
        await screen.until(lambda: server.done)
        assert server.done == [(act, DRIVEN)]


async def test_a_no_can_be_explained(monitor: FakeMonitor) -> None:
    server = FakeServer(question())
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        await screen.see("wants to use Bash")
        await screen.read()
        await screen.press("m")
        await screen.type("not today")
        await screen.press("enter")
        await screen.until(lambda: server.done)
        assert server.done == [(Deny(question=question(), message="not today"), DRIVEN)]


async def test_nothing_is_allowed_that_nobody_can_have_read(monitor: FakeMonitor) -> None:
    server = FakeServer(question())
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        await screen.see("wants to use Bash")
        await screen.read()
        server.asked = [question(permission_id="pm_2", args={"command": "rm -rf /"})]
        screen.app.feeds.ask_now()
        await screen.see("rm -rf /")
        await screen.press("a")
        await screen.see("it asks this only just now")
        assert not server.done
        await screen.read()
        await screen.press("a")
        await screen.until(lambda: server.done)


async def test_in_a_small_window_what_is_asked_is_shown_before_it_is_allowed(
    monitor: FakeMonitor,
) -> None:
    server = FakeServer(question())
    async with dashboard(monitor, server, size=(60, 12)) as screen:
        await screen.press("j")
        await screen.until(lambda: screen.app.feeds.questions.tools(world()))
        await screen.press("a")
        assert screen.app.alone
        await screen.see("git push --force origin release")
        assert not server.done


async def test_where_nothing_is_asked_the_keys_say_so(monitor: FakeMonitor) -> None:
    server = FakeServer()
    async with dashboard(monitor, server) as screen:
        for key in ("a", "A", "D", "m"):
            await screen.press(key)
            await screen.see("it asks nothing that can be answered here")
        await screen.press("I")
        await screen.see("it cannot be interrupted from here")
        await screen.press("i")
        await screen.see("nothing can be said to it from here")
        assert not server.done


async def test_questions_to_the_user_are_answered_by_choosing(monitor: FakeMonitor) -> None:
    args = {
        "questions": [
            {
                "question": "Which store?",
                "header": "Store",
                "options": [{"label": "SQLite"}, {"label": "Postgres", "description": "big"}],
            },
            {
                "question": "What with it?",
                "multiSelect": True,
                "options": [{"label": "logs"}, {"label": "metrics"}, {"label": "traces"}],
            },
        ]
    }
    asked = question(tool="AskUserQuestion", title=None, args=args)
    server = FakeServer(asked)
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        await screen.see("Which store?")
        await screen.read()
        await screen.press("a")
        await screen.see("1 of 2")
        await screen.press("j", "enter")
        await screen.see("What with it?")
        await screen.press("space", "3", "enter")
        await screen.until(lambda: server.done)
        act = server.done[0][0]
        assert isinstance(act, Allow)
        assert act.args is not None
        assert act.args["answers"] == {
            "Which store?": "Postgres",
            "What with it?": "logs, traces",
        }


async def test_answers_that_an_agent_offers_can_be_chosen(monitor: FakeMonitor) -> None:
    options = [
        {"option_id": "once", "kind": "allow_once", "name": "Yes"},
        {"option_id": "folder", "kind": "allow_always", "name": "Always in this folder"},
        {"option_id": "all", "kind": "allow_always", "name": "Always"},
        {"option_id": "no", "kind": "reject_once", "name": "No"},
    ]
    asked = msgspec.convert(
        {**msgspec.to_builtins(question()), "options": options}, type(question())
    )
    server = FakeServer(asked)
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        await screen.see("wants to use Bash")
        await screen.read()
        await screen.press("a")
        await screen.see("Always in this folder")
        await screen.press("escape")
        assert not server.done
        await screen.press("a")
        await screen.press("2")
        await screen.until(lambda: server.done)
        act = server.done[0][0]
        assert isinstance(act, Allow)
        assert act.option_id == "folder"


async def test_a_refusal_of_the_server_is_said(monitor: FakeMonitor) -> None:
    server = FakeServer(question())
    server.refuses = "somebody was\x1b[2J quicker"
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        await screen.see("wants to use Bash")
        await screen.read()
        await screen.press("a")
        await screen.see("somebody was\ufffd[2J quicker")


async def test_one_talks_to_a_driven_session_and_interrupts_it(monitor: FakeMonitor) -> None:
    server = FakeServer()
    async with dashboard(monitor, server) as screen:
        await screen.press("j", "i")
        await screen.type("go on")
        await screen.press("enter", "I")
        await screen.until(lambda: len(server.done) == 2)
        assert server.done == [(Send("go on"), DRIVEN), (Interrupt(), DRIVEN)]
        await screen.press("i", "enter")  # nothing is said
        await screen.settle()
        assert len(server.done) == 2


async def test_what_is_typed_faster_than_it_is_drawn_goes_where_it_belongs(
    monitor: FakeMonitor,
) -> None:
    server = FakeServer()
    async with dashboard(monitor, server) as screen:
        await screen.press("j")
        screen.type_ahead("i/go on; jjj?\r")
        await screen.until(lambda: server.done and not screen.app.prompt.is_open)
        screen.type_ahead("2k2jiAgain\r")
        await screen.until(lambda: len(server.done) == 2)
        assert [act for act, _ in server.done] == [Send("/go on; jjj?"), Send("Again")]


# --- looking ----------------------------------------------------------------------------------


async def test_details_can_have_all_the_room(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, FakeServer(told=story())) as screen:
        await screen.press("j", "enter")
        await screen.until(lambda: "SESSION" not in screen.text)
        await screen.see("rebase the branch and push it")
        await screen.press("enter")
        await screen.see("SESSION")


async def test_details_scroll_from_the_tree_and_with_the_keys_in_them(
    monitor: FakeMonitor,
) -> None:
    async with dashboard(monitor, FakeServer(told=story()), size=(140, 24)) as screen:
        await screen.press("j")
        await screen.see("tell the others")
        widget = screen.app.lines("story")
        end = widget.scroll_offset.y
        assert end > 0
        await screen.press("K")
        assert widget.scroll_offset.y < end
        await screen.press("J")
        assert widget.scroll_offset.y == end
        cursor = screen.app.board.cursor
        await screen.press("tab", "g", "g")
        assert widget.scroll_offset.y == 0
        await screen.press("3", "j", "G", "ctrl+u")
        assert widget.scroll_offset.y < end
        assert screen.app.board.cursor == cursor
        await screen.press("tab", "j")
        assert screen.app.board.cursor == cursor + 1


async def test_the_newest_stays_in_sight_until_somebody_scrolls(monitor: FakeMonitor) -> None:
    server = FakeServer(told=story())
    async with dashboard(monitor, server, size=(140, 26)) as screen:
        await screen.press("j")
        await screen.see("tell the others")
        server.asked = [question(args={"command": "git push\n" * 6})]
        screen.app.feeds.ask_now()
        await screen.see("wants to use Bash")  # and leaves less room
        await screen.see("tell the others")
        await screen.press("K", "K")
        await screen.until(lambda: "tell the others" not in screen.text)
        server.asked = []
        screen.app.feeds.ask_now()
        await screen.until(lambda: "wants to use Bash" not in screen.text)
        await screen.resize(140, 27)
        assert "tell the others" not in screen.text


async def test_there_is_no_window_too_narrow(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, FakePanes()) as screen:
        await screen.press("slash", "c", "a", "r", "t", "enter", "v")
        for width in (14, 11, 9, 4, 1):
            await screen.resize(width, 30)
        await screen.resize(100, 30)
        await screen.see("41 passed")


async def test_help_shows_the_keys_and_scrolls(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, size=(80, 20)) as screen:
        await screen.press("question_mark")
        await screen.see("Keys")
        await screen.see("down, up")
        await screen.press("ctrl+d", "j", "k", "ctrl+d", "ctrl+d", "ctrl+d", "ctrl+d")
        await screen.see("quit")
        await screen.press("escape")
        await screen.until(lambda: "Keys" not in screen.text)
        await screen.press("question_mark", "question_mark", "j")
        assert screen.app.board.cursor > 1


async def test_the_palette_changes_with_a_key(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        seen = []
        for _ in range(3):
            await screen.press("t")
            seen.append(screen.app.palette.name)
            await screen.see("needs you")
        assert seen == ["light", "terminal", "dark"]


async def test_agents_are_looked_for(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        await screen.press("r")
        await screen.see("3 agents run on this machine")
        assert monitor.looked == 1


async def test_other_sizes_have_other_shapes(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, FakeServer(question())) as screen:
        side = screen.app.base.query_one("#side")
        tree = screen.app.treeview
        assert side.region.x > tree.region.x
        await screen.resize(80, 24)
        assert side.region.y > tree.region.y
        await screen.resize(80, 12)
        assert not side.display
        await screen.resize(20, 5)
        await screen.see("needs you")
        await screen.resize(200, 60)
        assert side.region.x > tree.region.x


async def test_a_sidebar_is_narrow(monitor: FakeMonitor) -> None:
    server = FakeServer(question())
    async with dashboard(monitor, server, size=(28, 40), compact=True) as screen:
        await screen.see("● 8  ●3  !2")
        await screen.press("j")
        await screen.see("git push --force origin")
        await screen.read()
        await screen.press("a")
        await screen.until(lambda: server.done)


async def test_without_a_terminal_for_more_than_ascii_there_is_only_that(
    monitor: FakeMonitor,
) -> None:
    async with dashboard(monitor, plain=True, size=(100, 30)) as screen:
        rows = screen.text.splitlines()[2:12]
        assert "".join(rows).replace("…", "").isascii()


# --- the monitor ------------------------------------------------------------------------------


async def test_clocks_go_on_without_news(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        await screen.see("48m")
        screen.clock.now += 7 * 60
        screen.app.draw()
        await screen.see("55m")


async def test_a_monitor_that_goes_leaves_the_picture_and_comes_back() -> None:
    monitor = FakeMonitor(Everything(tuple(world())))
    async with dashboard(monitor) as screen:
        monitor.say(Lost("the monitor has gone", 3.0, 1))
        await screen.see("no monitor, again in 3s")
        await screen.see("shop")
        screen.clock.now += 2
        screen.app.draw()
        await screen.see("again in 1s")
        monitor.say(Everything((view("a", first_prompt="after the break"),)))
        await screen.see("after the break")
        await screen.see("● live")
        await screen.until(lambda: "shop" not in screen.text)


async def test_without_a_monitor_it_says_how_to_start_one() -> None:
    async with dashboard(FakeMonitor(Lost("none runs", 5.0, 2))) as screen:
        await screen.see("There is no monitor.")
        await screen.see("/tmp/atm.sock: none runs")
        await screen.see("atmd start -d")


async def test_without_sessions_it_says_how_to_start_some(monitor: FakeMonitor) -> None:
    async with dashboard(FakeMonitor(Everything(()))) as screen:
        await screen.see("No agent runs.")
        await screen.see("clawdforge hooks install")


async def test_sessions_come_change_and_go(monitor: FakeMonitor) -> None:
    async with dashboard(monitor) as screen:
        monitor.say(Updated(view("brandnew-1", project_root="/src/zoo", first_prompt="hello")))
        await screen.see("hello")
        monitor.say(
            Updated(
                view("brandnew-1", project_root="/src/zoo", first_prompt="hello", status="working")
            )
        )
        await screen.see("4 working")
        monitor.say(Removed("brandnew-1", "ended"))
        await screen.until(lambda: "hello" not in screen.text)


async def test_a_filter_can_be_given_from_the_start(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, only="is:needs") as screen:
        await screen.until(lambda: "handbook" not in screen.text)
        await screen.see("checkout")


@pytest.mark.parametrize("key", ["q", "Q", "ctrl+c"])
async def test_it_can_be_left(monitor: FakeMonitor, key: str) -> None:
    async with dashboard(monitor) as screen:
        await screen.press(key)
        await screen.until(lambda: not screen.app.is_running)


def test_the_worlds_clock_stands_still() -> None:
    assert NOW == 1_795_252_984.0
