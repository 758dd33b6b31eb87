"""A world for the dashboard's tests: sessions of all kinds, a monitor and a server that tell what
they are told to tell, and a clock that stands still.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Any

from clawdforge.client import PermissionInfo, events
from clawdforge.client.monitor_news import Discovered, Everything, Lost, News, Removed, Updated
from clawdforge.core.observed.formats import format_time, format_tokens
from clawdforge.core.observed.views import Evidence, SessionView
from clawdforge.errors import InputError
from clawdforge.tui.providers import Act, Offer, Provider
from clawdforge.wire.forge_sessions import PermissionOption

NOW = 1_795_252_984.0
MINUTE, HOUR = 60.0, 3600.0


def view(
    name: str,
    *,
    status: str = "idle",
    state: str = "",
    ago: float = 600.0,
    heard: float = 2.0,
    for_secs: float = 30.0,
    context_used: int = 0,
    context_size: int = 200_000,
    cost_microusd: int = 0,
    **facts: Any,
) -> SessionView:
    """A session; `ago`, `heard` and `for_secs` are counted back from now."""
    percentage = context_used / context_size * 100
    used, size = format_tokens(context_used), format_tokens(context_size)
    asks = status == "attention_needed"
    given: dict[str, Any] = {
        "agent_type": "main",
        "model": "Opus 5.5",
        "activity_detail": None,
        "duration_display": "0s",
        "duration_seconds": 0.0,
        "lines_display": "+0 -0",
        "working_directory": None,
        "tmux_pane": None,
        "agent": "claude",
        "source": "terminal",
        **facts,
    }
    return SessionView(
        id=name,
        id_short=name[:8],
        status=status,
        status_label=status,
        state=state or ("permission" if asks else status),
        state_since=format_time(NOW - for_secs),
        should_blink=asks,
        status_icon="-",
        context_percentage=percentage,
        context_display=f"{percentage:.1f}% ({used}/{size})",
        context_warning=percentage >= 80,
        context_critical=percentage >= 90,
        cost_display="",
        cost_usd=cost_microusd / 1e6,
        cost_microusd=cost_microusd,
        needs_attention=asks,
        last_activity_display="long ago",
        age_display="long ago",
        started_at=format_time(NOW - ago),
        last_activity=format_time(NOW - heard),
        **given,
    )


def world() -> list[SessionView]:
    """What somebody has running on a busy day."""
    shop, docs, infra = "/home/ana/src/shop", "/home/ana/src/handbook", "/home/ana/src/infra"
    tree = "/home/ana/src/shop-checkout"
    return [
        view(
            "5b0e1c2d-aaaa-4000-8000-00000000000a",
            status="working",
            state="tool",
            activity_detail="Bash",
            project_root=shop,
            worktree_path=shop,
            worktree_branch="main",
            cwd=shop,
            first_prompt="make the cart tests pass on Python 3.14",
            context_used=86_000,
            cost_microusd=1_840_000,
            lines_display="+150 -30",
            duration_display="15m",
            duration_seconds=900.0,
            tmux_pane="%5",
            pid=41_200,
            ago=2 * HOUR,
            for_secs=12,
            heard=12,
            evidence=(
                Evidence(signal="hook", says="PreToolUse: working", age_ms=12_000),
                Evidence(signal="record", says="busy", age_ms=12_100),
                Evidence(signal="status_line", says="alive", age_ms=13_000),
            ),
        ),
        view(
            "7e11aa01-bbbb-4000-8000-00000000000b",
            status="working",
            agent_type="explore",
            parent_session_id="5b0e1c2d-aaaa-4000-8000-00000000000a",
            project_root=shop,
            worktree_path=shop,
            worktree_branch="main",
            activity_detail="Thinking",
            first_prompt="find all callers of Cart.total",
            model="Haiku 4.5",
            context_used=21_000,
            cost_microusd=40_000,
            ago=4 * MINUTE,
            for_secs=95,
            heard=3,
        ),
        view(
            "91c3d0e4-cccc-4000-8000-00000000000c",
            status="attention_needed",
            activity_detail="Permission",
            project_root=shop,
            worktree_path=tree,
            worktree_branch="checkout",
            cwd=tree,
            first_prompt="replace the payment form by the new one",
            context_used=122_000,
            cost_microusd=3_100_000,
            ago=1 * HOUR,
            for_secs=134,
            heard=134,
            tmux_pane="%9",
        ),
        view(
            "a2b4c6d8-dddd-4000-8000-00000000000d",
            project_root=docs,
            worktree_path=docs,
            worktree_branch="main",
            first_prompt="rewrite the chapter about backups, shorter",
            context_used=184_000,
            cost_microusd=6_250_000,
            ago=5 * HOUR,
            for_secs=48 * MINUTE,
            heard=48 * MINUTE,
        ),
        view(
            "c0ffee00-eeee-4000-8000-00000000000e",
            status="idle",
            state="error",
            activity_detail="Error",
            project_root=infra,
            worktree_path=infra,
            worktree_branch="main",
            first_prompt="why does the nightly build take 40 minutes?",
            context_used=9_000,
            cost_microusd=120_000,
            ago=30 * MINUTE,
            for_secs=7 * MINUTE,
            heard=7 * MINUTE,
        ),
        view(
            "d15c0000-ffff-4000-8000-00000000000f",
            status="working",
            project_root=infra,
            worktree_path=infra,
            worktree_branch="main",
            first_prompt="move the runners to the new subnet",
            context_used=61_000,
            cost_microusd=900_000,
            ago=50 * MINUTE,
            for_secs=11 * MINUTE,
            heard=5 * MINUTE,
        ),
        view(
            "e0000000000000000000000000000001",
            status="attention_needed",
            source="gateway",
            app="ci",
            session="e0000000000000000000000000000001",
            agent="codex",
            model="gpt-5.4-codex",
            activity_detail="Permission",
            context_used=31_000,
            cost_microusd=210_000,
            ago=3 * MINUTE,
            for_secs=21,
            heard=21,
        ),
        view(
            "e0000000000000000000000000000002",
            state="hibernated",
            source="gateway",
            app="ci",
            session="e0000000000000000000000000000002",
            agent="demo",
            model="Unknown",
            ago=40 * MINUTE,
            for_secs=20 * MINUTE,
            heard=20 * MINUTE,
        ),
    ]


DRIVEN = "e0000000000000000000000000000001"


def question(**facts: object) -> PermissionInfo:
    """What the driven session asks."""
    given: dict[str, object] = {
        "permission_id": "pm_1",
        "session_id": DRIVEN,
        "state": "pending",
        "tool": "Bash",
        "kind": "execute",
        "title": "git push --force origin release",
        "args": {"command": "git push --force origin release", "description": "Push the release"},
        "asked_at": int(NOW) - 21,
        "expires_at": int(NOW) + 39,
        "options": (
            PermissionOption(option_id="yes", kind="allow_once", name="Allow"),
            PermissionOption(option_id="always", kind="allow_always", name="Always"),
            PermissionOption(option_id="no", kind="reject_once", name="Reject"),
        ),
        **facts,
    }
    return PermissionInfo(**given)  # type: ignore[arg-type]


def story() -> list[events.Event]:
    """What happened in the driven session."""
    at = int(NOW) - 60
    told: list[events.Event] = [
        events.TurnStarted(seq=1, turn=1, at=at),
        events.Thinking(seq=2, turn=1, at=at, text="The release branch is behind. "),
        events.Thinking(seq=3, turn=1, at=at, text="First look what is new."),
        events.ToolCall(
            seq=4,
            turn=1,
            at=at,
            call_id="c1",
            name="Bash",
            args={"command": "git log --oneline release..main"},
            status="pending",
        ),
        events.ToolCall(
            seq=5,
            turn=1,
            at=at,
            call_id="c1",
            status="completed",
            result="4e7ab75 Sessions in parts\nabaf37d Hook client\n7cbb573 Docs",
        ),
        events.Text(seq=6, turn=1, at=at, text="Three commits are new. I will "),
        events.Text(seq=7, turn=1, at=at, text="rebase the branch and push it."),
        events.ToolCall(
            seq=8,
            turn=1,
            at=at,
            call_id="c2",
            name="Edit",
            args={"file_path": "CHANGELOG.md"},
            status="completed",
            diffs=(
                events.Diff(
                    path="CHANGELOG.md",
                    old_text="# Changelog\n\n## unreleased\n",
                    new_text="# Changelog\n\n## 1.4.0\n",
                ),
            ),
        ),
        events.Plan(
            seq=9,
            turn=1,
            at=at,
            entries=(
                events.PlanEntry(content="look what is new", status="completed"),
                events.PlanEntry(content="push the branch", status="in_progress"),
                events.PlanEntry(content="tell the others", status="pending"),
            ),
        ),
    ]
    return told


PANE = (
    "\x1b[38;5;174m✻\x1b[0m Running the cart's tests… \x1b[2m(42s · esc to interrupt)\x1b[0m\n"
    "\n"
    "\x1b[38;2;78;186;101m●\x1b[39m \x1b[1mBash\x1b[0m(pytest -q tests/cart)\n"
    "  ⎿  \x1b[32m41 passed\x1b[0m, \x1b[31m2 failed\x1b[0m in 3.12s\n"
    "     \x1b[31mFAILED\x1b[0m tests/cart/test_total.py::test_rounding\n"
    "     \x1b[31mFAILED\x1b[0m tests/cart/test_total.py::test_free_items\n"
    "\n"
    "\x1b[1m\x1b[38;5;114m+  return total.quantize(CENT)\x1b[0m\n"
    "\x1b[48;5;52m-  return round(total, 2)     \x1b[0m\n"
    "\n"
    "\x1b[2m─────────────────────────────────────────────\x1b[0m\n"
    "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT} \n"
    "\n\n\n"
)
"""What is in the pane of the one who runs tests."""


class FakeMonitor:
    """A monitor that says what it is told to say."""

    def __init__(self, *news: News) -> None:
        self._news: asyncio.Queue[list[News]] = asyncio.Queue()
        self.looked = 0
        if news:
            self._news.put_nowait(list(news))

    def say(self, *news: News) -> None:
        self._news.put_nowait(list(news))

    async def follow(self) -> AsyncGenerator[list[News]]:
        while True:
            yield await self._news.get()

    def discover(self) -> bool:
        self.looked += 1
        self.say(Discovered(3, 0))
        return True


class FakeServer(Provider):
    """A provider that remembers what was done."""

    def __init__(self, *asked: PermissionInfo, told: Sequence[events.Event] = ()) -> None:
        self.asked = list(asked)
        self.told = list(told)
        self.done: list[tuple[Act, str]] = []
        self.refuses: str | None = None

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        return ("send", "interrupt") if view is not None and view.session else ()

    async def do(self, act: Act, view: SessionView | None) -> str:
        if self.refuses is not None:
            raise InputError(self.refuses)
        self.done.append((act, view.id if view is not None else ""))
        asked = getattr(act, "question", None)
        if asked is not None:
            self.asked = [one for one in self.asked if one is not asked]
        return "done"

    async def questions(self) -> Sequence[PermissionInfo]:
        return self.asked

    def follows(self, view: SessionView) -> str | None:
        return view.session if view.id == DRIVEN else None

    async def events(self, session_id: str, after: int) -> AsyncGenerator[events.Event]:
        for event in self.told:
            if event.seq > after:
                yield event
        await asyncio.Event().wait()


class FakePanes(Provider):
    """A provider for sessions in panes, that remembers what was done, and shows what it has."""

    def __init__(self) -> None:
        self.screens = {"%5": PANE}
        self.looked: list[str] = []
        self.done: list[tuple[Act, str]] = []

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        alone: tuple[Offer, ...] = ("spawn",)
        if view is None or not view.tmux_pane:
            return alone
        return ("jump", "kill", "send", "interrupt", "spawn", "screen")

    async def do(self, act: Act, view: SessionView | None) -> str:
        self.done.append((act, (view.tmux_pane or "") if view is not None else ""))
        return "done"

    async def screen(self, view: SessionView) -> str | None:
        self.looked.append(view.tmux_pane or "")
        return self.screens.get(view.tmux_pane or "")


__all__ = [
    "DRIVEN",
    "NOW",
    "Discovered",
    "Everything",
    "FakeMonitor",
    "FakeServer",
    "Lost",
    "Removed",
    "Updated",
    "question",
    "story",
    "view",
    "world",
]
