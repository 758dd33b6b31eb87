"""The ways beside turns: what is changed about a session, and what becomes of it in time."""

import sqlite3
from contextlib import closing

from crash_table import outcomes
from crash_table.story import Story
from crash_table.way import HIBERNATES_SOON, TWO_PLACES, WARMS_UP, way


@way("a new setting", outcomes.of_setting)
def setting(story: Story) -> None:
    story.remembering()
    story.arm()
    story.request("PATCH", "", {"effort": "high"})


@way("a close", outcomes.of_close)
def close(story: Story) -> None:
    story.remembering()
    story.arm()
    story.request("DELETE", "")


@way("a close in the middle of a turn", outcomes.of_close)
def close_in_a_turn(story: Story) -> None:
    story.remembering()
    story.arm()
    turn = story.turn("/hang")
    if story.watcher.has("turn_started", turn.number):
        story.request("DELETE", "")


@way("a reopening", outcomes.of_reopening)
def reopening(story: Story) -> None:
    story.remembering()
    story.stage.good("DELETE", f"/sessions/{story.session}")
    story.arm()
    story.request("POST", "resume")


@way("a copy", outcomes.of_copy)
def copy(story: Story) -> None:
    story.remembering()
    story.arm(anywhere=True)
    story.request("POST", "fork", {"meta": {"copy of": story.name}})


@way("the first turn of a copy", outcomes.of_first_turn_of_copy)
def first_turn_of_copy(story: Story) -> None:
    story.remembering()
    made = story.stage.good("POST", f"/sessions/{story.session}/fork")
    story.told["copy"] = made["session_id"]
    story.follow(made["session_id"])
    story.arm(made["session_id"])
    story.turns = 0
    story.turn("/remember copied", made["session_id"])


@way("a new session", outcomes.of_new_session)
def new_session(story: Story) -> None:
    story.arm(anywhere=True)
    story.told["body"] = {"meta": {"row": story.name}}
    story.request("POST", "/sessions", story.told["body"], key=story.name)


# Resting and restarting


@way("a new session, warmed up", outcomes.of_new_session, settings=WARMS_UP)
def warmed_up(story: Story) -> None:
    new_session(story)


@way("giving its place to another", settings=TWO_PLACES)
def giving_place(story: Story) -> None:
    """There are two places, and the bystander has the other one."""
    story.remembering()
    other = story.stage.good("POST", "/sessions", {})["session_id"]
    story.told["also close"] = [other]
    story.arm()
    story.turns = 0
    story.turn("/echo here", other)


@way("hibernating", settings=HIBERNATES_SOON)
def hibernating(story: Story) -> None:
    story.new()
    story.arm()
    story.turn("/remember slept")


@way("a stop in the middle of a turn")
def stop(story: Story) -> None:
    story.remembering()
    turn = story.turn("/stream 1000 20")
    assert story.watcher.has("text", turn.number)
    story.arm()
    story.stage.server.terminate()


@way("a start after a crash in a turn")
def start_again(story: Story) -> None:
    story.remembering()
    turn = story.turn("/stream 1000 20")
    assert story.watcher.has("text", turn.number)
    crash_and_start(story)


@way("a start after a crash in a question", outcomes.of_questions)
def start_again_with_question(story: Story) -> None:
    story.remembering(permissions="ask")
    story.turn("/ask touch touched")
    assert story.watcher.has("permission_request")
    crash_and_start(story)


@way("a start that closes the session", outcomes.of_sweep)
def swept(story: Story) -> None:
    story.remembering()
    crash_and_start(story, "UPDATE sessions SET last_used_at = 1 WHERE session_id = ?")


@way("a start that deletes the session", outcomes.of_deletion)
def deleted(story: Story) -> None:
    story.remembering()
    story.stage.good("DELETE", f"/sessions/{story.session}")
    crash_and_start(story, "UPDATE sessions SET closed_at = 1 WHERE session_id = ?")


def crash_and_start(story: Story, change: str | None = None) -> None:
    """Kill the server from outside; set the trap for the next one, which is killed by it."""
    story.stage.kill()
    story.wait()
    with closing(sqlite3.connect(story.stage.data / "ledger.sqlite3")) as ledger, ledger:
        asked = "SELECT agent_session_id FROM sessions WHERE session_id = ?"
        ((story.told["agent id"],),) = ledger.execute(asked, (story.session,)).fetchall()
        if change is not None:
            ledger.execute(change, (story.session,))
    story.arm()
    story.stage.start()
