"""Crash safety: server and agents are killed at every step of a turn, and of all else.

The table is `crash_table/rows.py`; each row is a test here. They are played together, before the
first of them, in a few lanes at once: `-k` plays fewer (`pytest tests/e2e/test_crash_table.py -k
"cancelled and COMMIT"`). The last line of the summary counts what was found.
"""

import os
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from crash_table.lane import Lane, Result
from crash_table.rows import ROWS, Row

pytestmark = pytest.mark.timeout(400)

LANES = 3
SUMMARY = "summary_line"
"""What tests/conftest.py prints at the end of all tests."""


@dataclass(frozen=True)
class Played:
    """What came of the rows."""

    results: Mapping[Row, Result]
    lanes: Sequence[Lane]

    @property
    def counts(self) -> Counter[str]:
        """What was found, of all rows and beside them."""
        found = [lane.rest for lane in self.lanes]
        found += [result.found for result in self.results.values()]
        return sum((each.counts for each in found), Counter())

    def __str__(self) -> str:
        kills, counts = sum(lane.stage.kills for lane in self.lanes), self.counts
        told = ", ".join(f"{counts[kind]} {kind}" for kind in ("losses", "duplicates", "orphans"))
        hit = sum(result.hit for result in self.results.values())
        return f"crash table: {hit} points, {kills} kills, {told}"


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """The rows of all tests that were asked for."""
    wanted = {
        item.callspec.params["row"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == test_row.__name__
    }
    rows = [row for row in ROWS if row in wanted]
    played = play(rows, tmp_path_factory.mktemp("crash-table"))
    yield played
    bury()


def play(rows: Sequence[Row], folder: Path) -> Played:
    """Let some lanes take the rows."""
    waiting: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
    lanes = [Lane(folder / f"lane-{number}", waiting) for number in range(LANES)]
    for row in (*rows, *(None for _ in lanes)):
        waiting.put(row)
    threads = [threading.Thread(target=lane.run) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Played({result.row: result for lane in lanes for result in lane.results}, lanes)


def bury() -> None:
    """What outlived a dead server for a moment became a child of ours: see `tests/conftest.py`."""
    for child in psutil.Process().children():
        if child.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(child.pid, os.WNOHANG)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row, played: Played) -> None:
    result = played.results[row]
    if result.found.said or not result.hit:
        pytest.fail("\n".join([f"hit: {result.hit}", *result.found.said]), pytrace=False)


def test_beside_the_rows_nothing_is_lost_or_left(
    played: Played, record_property: Callable[[str, object], None]
) -> None:
    """The bystanders, which were hit in the middle of a turn by every kill of a server."""
    record_property(SUMMARY, str(played))
    said = [said for lane in played.lanes for said in lane.rest.said]
    if said or +played.counts:
        pytest.fail("\n".join([str(played), *said]), pytrace=False)


def test_both_sides_of_every_commit_are_in_the_table() -> None:
    sides = {row.place.partition(" COMMIT of ")[::2] for row in ROWS if " COMMIT of " in row.place}
    events = {event for _, event in sides}
    assert len(ROWS) >= 50
    assert {(side, event) for side in ("before", "after") for event in events} == sides
