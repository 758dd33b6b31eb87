"""Goes through rows, one after the other, on a stage of its own.

In each life of a server a bystander runs, too: a session with a turn that never ends and that
nobody aims at. So with every kill of the server one more turn is hit in the middle of its text.
"""

import queue
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from crash_table import checks, trap
from crash_table.findings import Findings
from crash_table.rows import Row
from crash_table.stage import Stage, eventually, kill
from crash_table.story import Story

HIT_SECS = 20.0
"""How long it may take to come to a place."""


@dataclass
class Result:
    """What came of a row."""

    row: Row
    hit: bool = False
    """Whether the place was reached, and somebody was killed there."""
    found: Findings = field(default_factory=Findings)


class Lane:
    """One stage, and the rows that are left for all lanes."""

    def __init__(self, home: Path, rows: "queue.SimpleQueue[Row | None]") -> None:
        self.stage = Stage(home)
        self.results: list[Result] = []
        self.rest = Findings()
        """What is found of the bystander, and when all is over."""
        self._rows = rows
        self._bystander = Story(self.stage, home.name, "nowhere")

    def run(self) -> None:
        """Take rows until there are no more."""
        try:
            while (row := self._rows.get()) is not None:
                result = Result(row)
                self.results.append(result)
                self._guarded(lambda r=result: self._one(r), result.found)  # type: ignore[misc]
            self._guarded(self._finish, self.rest)
            self._guarded(self.stage.stop, self.rest)
        finally:
            self._bystander.leave()
            self.stage.server.close()
            checks.nothing_is_left(self.stage, None, self.rest)

    def _guarded(self, work: Callable[[], None], found: Findings) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - the other rows are to be seen, too
            found.wrong(f"{traceback.format_exc(limit=-3)}\nserver: {self.stage.last_words()}")
            self.stage.stop()

    def _one(self, result: Result) -> None:
        row = result.row
        self._serve(row)
        story = Story(self.stage, row.name, row.place, nth=row.nth, dies=row.victim == "itself")
        try:
            row.way.go(story)
            self._see_it_happen(result, story)
            self._check(row, story, result.found)
        finally:
            trap.disarm(self.stage.home)
            story.leave()

    def _serve(self, row: Row) -> None:
        """Have a server for the row, and the bystander at work on it."""
        before = self.stage.server.pid
        self.stage.serve(row.way.settings)
        if self.stage.server.pid != before:
            self._begin_bystander()

    def _see_it_happen(self, result: Result, story: Story) -> None:
        row, stage = result.row, self.stage
        eventually(lambda: trap.is_sprung(stage.home, row.name), f"nobody came to: {row}", HIT_SECS)
        stage.kills += 1
        result.hit = True
        if row.is_of_agent:
            if row.victim != "itself":
                self._kill(row.victim, story.session)
            trap.disarm(stage.home)
            story.wait()
            # Else the next prompt could go to the dead.
            assert story.watchers[-1].has("agent_stopped")
            return
        eventually(lambda: not stage.server.runs, "the server does not die")
        trap.disarm(stage.home)
        story.wait()
        checks.nothing_is_left(stage, None, result.found)
        stage.serve()
        for watcher in story.watchers:
            watcher.follow(stage.url, stage.token)

    def _kill(self, victim: str, session: str) -> None:
        """The processes of an agent, outermost first: launcher, init of its namespace, agent."""
        processes = self.stage.processes(session)
        match victim:
            case "its launcher":
                kill(processes[0])
            case "its init":
                kill(processes[min(1, len(processes) - 1)])
            case "its group":
                for process in processes:
                    kill(process)

    def _check(self, row: Row, story: Story, found: Findings) -> None:
        row.way.look(story, row.then, found)
        if story.session:
            checks.is_open(story, found)
            checks.memory_is_there(story, story.session, found)
            checks.settled(story)
            for session in (story.session, *story.told.get("also close", ())):
                self.stage.good("DELETE", f"/sessions/{session}")
            checks.nothing_is_left(self.stage, story.session, found)
            checks.events_are_whole(story, found)
        checks.folders_are_known(self.stage, found)

    # The bystander

    def _begin_bystander(self) -> None:
        by = self._bystander
        if by.session:
            by.watcher.follow(self.stage.url, self.stage.token)
        else:
            by.remembering()
        by.turns += 1
        prompt = f"life {by.turns} of {by.name}\n/stream 100000 25"
        body = {"prompt": prompt, "wait": False, "timeout_secs": 600}
        self.stage.good("POST", f"/sessions/{by.session}/turn", body)
        assert by.watcher.has("text", by.turns)

    def _finish(self) -> None:
        by = self._bystander
        self.stage.serve()
        by.watcher.follow(self.stage.url, self.stage.token)
        self.stage.good("POST", f"/sessions/{by.session}/cancel")
        checks.settled(by)
        checks.is_open(by, self.rest)
        checks.memory_is_there(by, by.session, self.rest)
        self.stage.good("DELETE", f"/sessions/{by.session}")
        checks.events_are_whole(by, self.rest)
        checks.nothing_is_left(self.stage, None, self.rest)
        checks.folders_are_known(self.stage, self.rest)
        for prompt, times in checks.prompts(self.stage).items():
            if times > 1:
                self.rest.duplicate(f"{times} times came to an agent: {prompt}")
