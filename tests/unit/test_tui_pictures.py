"""What the dashboard looks like, to the pixel; and without colours."""

import re

import pytest
from tui_app import dashboard
from tui_pictures import FOLDER, SCENES, draw
from tui_world import Everything, FakeMonitor, FakeServer, question, world


@pytest.mark.parametrize("name", SCENES)
async def test_the_pictures_of_the_docs_show_what_there_is(name: str) -> None:
    drawn = await draw(SCENES[name])
    kept = (FOLDER / f"{name}.svg").read_text()
    assert drawn == kept, "look at it, then: python tests/unit/tui_pictures.py"


async def test_without_colours_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monitor = FakeMonitor(Everything(tuple(world())))
    async with dashboard(monitor, FakeServer(question()), palette="terminal") as screen:
        await screen.press("j")
        await screen.see("wants to use Bash")
        strips = screen.app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style]
        assert styles
        for style in styles:
            assert style.color is None or style.color.is_default
            assert style.bgcolor is None or style.bgcolor.is_default
        assert any(style.reverse for style in styles)  # the cursor
        for sign in ("!", "●", "○", "✗", "·"):
            assert sign in screen.text


def test_pictures_load_nothing_from_elsewhere() -> None:
    for name in SCENES:
        text = (FOLDER / f"{name}.svg").read_text()
        assert not re.search(r"url\(|href=|<script", text.replace("url(#", ""))
        assert len(text) < 120_000
