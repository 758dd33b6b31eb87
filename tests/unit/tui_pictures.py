"""The dashboard's pictures of docs/images, drawn by the dashboard itself.

    python tests/unit/tui_pictures.py      # draw them anew

`test_tui_pictures.py` compares: what the docs show is what there is.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui_app import Screen, dashboard
from tui_world import Everything, FakeMonitor, FakePanes, FakeServer, Lost, question, story, world

FOLDER = Path(__file__).parents[2] / "docs" / "images"
CHOICES = {
    "questions": [
        {
            "header": "Store",
            "question": "Where should the carts be kept?",
            "options": [
                {"label": "PostgreSQL", "description": "with the orders; one backup"},
                {"label": "Redis", "description": "faster; lost with the machine"},
                {"label": "Both", "description": "Redis before PostgreSQL"},
            ],
        }
    ]
}


@dataclass(frozen=True)
class Scene:
    """What one picture shows."""

    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    see: str = "live"
    palette: str = "dark"
    compact: bool = False
    asks_user: bool = False
    lost: bool = False
    panes: bool = False
    """Whether those that were started by hand run in tmux, as the dashboard does."""


SCENES = {
    "dashboard-dark": Scene((140, 34), ("j",), "tell the others"),
    "dashboard-light": Scene((140, 34), ("j",), "tell the others", "light"),
    "dashboard-terminal": Scene((140, 34), ("j",), "tell the others", "terminal"),
    "dashboard-details": Scene((140, 38), tuple("jjjjjjjjj"), "41 passed", panes=True),
    "dashboard-80x24": Scene((80, 24), ("j",), "tell the others"),
    "dashboard-sidebar": Scene((32, 34), ("j",), "git push", compact=True),
    "dashboard-help": Scene((100, 46), ("question_mark",), "half a page"),
    "dashboard-answer": Scene((100, 30), ("j", "a"), "1 PostgreSQL", asks_user=True),
    "dashboard-no-monitor": Scene((80, 20), (), "There is no monitor", lost=True),
}


async def draw(scene: Scene) -> str:
    """One picture."""
    asked = question()
    if scene.asks_user:
        asked = question(tool="AskUserQuestion", title=None, args=CHOICES)
    news = Lost("none runs", 3.0, 2) if scene.lost else Everything(tuple(world()))
    how: dict[str, Any] = {"palette": scene.palette, "compact": scene.compact}
    server = FakeServer(asked, told=story())
    servers = (server, FakePanes()) if scene.panes else (server,)
    how["terminal"] = scene.panes
    async with dashboard(FakeMonitor(news), *servers, size=scene.size, **how) as screen:
        if not scene.lost:
            await screen.until(lambda: screen.app.feeds.questions.tools(world()))
        for key in scene.keys:
            await _press(screen, key)
        if not scene.compact:
            await screen.see(scene.see)
        await screen.settle()
        return screen.picture()


async def _press(screen: Screen, key: str) -> None:
    if key == "a":
        before = screen.clock.now
        await screen.read()
        await screen.press(key)
        screen.clock.now = before
    else:
        await screen.press(key)


def main() -> None:
    """Draw all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, scene in SCENES.items():
        (FOLDER / f"{name}.svg").write_text(asyncio.run(draw(scene)))


if __name__ == "__main__":
    main()
