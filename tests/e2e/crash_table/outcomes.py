"""What has to be looked at after a way, beyond what has to hold for every row."""

from typing import Any

from crash_table import checks
from crash_table.findings import Findings
from crash_table.stage import eventually
from crash_table.story import Story


def of_turns(story: Story, then: str, found: Findings) -> None:
    """What became of the turns: `then` names each one's state, in order."""
    checks.settled(story)
    for turn, state in zip(story.asked, then.split(", "), strict=True):
        checks.turn_is(story, turn, state, found)


def of_unasked(story: Story, then: str, found: Findings) -> None:
    """First of the turn that was asked for, then of the agent's own."""
    asked, own = then.split(", ")
    of_turns(story, asked, found)
    rows = story.turn_rows()
    row = rows.get(story.turns + 1)
    found.expect("the agent's own turn", row["state"] if row else checks.NEVER, own)
    if row is not None:
        found.expect("its origin", row["origin"], "agent")


def of_questions(story: Story, then: str, found: Findings) -> None:
    """First of the turn, then of the question: `unknown`, or the state of the permission."""
    turn, state = then.split(", ")
    of_turns(story, turn, found)
    rows = [
        row
        for row in story.stage.good("GET", "/permissions?state=all&limit=200")["permissions"]
        if row["session_id"] == story.session
    ]
    found.expect("the question", rows[0]["state"] if rows else "unknown", state)
    if len(rows) > 1:
        found.duplicate(f"the questions: {rows}")
    answer = story.told.get("answer")
    if answer is not None and answer.reply is not None:
        found.expect("the answer's status", answer.reply.status, 200)
        if not rows or answer.reply.body != rows[0]:
            found.loss(f"answered {answer.reply.body}, kept {rows}")
    touched = (story.stage.data / "sessions" / story.session / "work" / "touched").exists()
    if touched and state != "allowed":
        found.wrong("it was done, though not allowed")
    if turn == "done" and state == "allowed" and not touched:
        found.loss("it was allowed and done, and is not there")
    policy = story.row()["options"]["permissions"]
    remembered = bool(isinstance(policy, dict) and policy.get("remembered"))
    always = story.told.get("scope") == "always" and state == "allowed"
    found.expect("whether the answer is remembered", remembered, always)


def of_setting(story: Story, then: str, found: Findings) -> None:
    """`old` or `new`; set again it is new, and the agent goes by it."""
    checks.settled(story)
    kept = story.row()["options"]["effort"]
    found.expect("the setting", "new" if kept == "high" else "old", then)
    (asked,) = story.others
    if asked.reply is not None and (asked.reply.status == 200) and kept != "high":
        found.loss(f"the setting was acknowledged: {asked.reply}")
    story.stage.good("PATCH", f"/sessions/{story.session}", {"effort": "high"})
    found.expect("the agent's effort", "effort=high" in story.said("/settings"), True)


def of_close(story: Story, then: str, found: Findings) -> None:
    """`open` or `closed`, after the state of a turn if there was one; closed once, and reopened."""
    *turns, state = then.split(", ")
    checks.settled(story)
    closed = story.row()["closed_at"] is not None
    found.expect("the session", "closed" if closed else "open", state)
    (asked,) = story.others
    if asked.reply is not None and not closed:
        found.loss(f"the close was acknowledged: {asked.reply}")
    told = story.stage.good("DELETE", f"/sessions/{story.session}")
    found.expect("whether it was closed already", told["already_closed"], closed)
    times = [e["type"] for e in story.stage.events(story.session)].count("session_closed")
    if times != 1:
        found.duplicate(f"it was closed {times} times")
    story.stage.good("POST", f"/sessions/{story.session}/resume")
    if turns:
        of_turns(story, turns[0], found)


def of_reopening(story: Story, then: str, found: Findings) -> None:
    """`open` or `closed`; and reopened once."""
    found.expect("the session", "open" if story.row()["closed_at"] is None else "closed", then)
    story.stage.good("POST", f"/sessions/{story.session}/resume")
    times = [e["type"] for e in story.stage.events(story.session)].count("session_reopened")
    if times != 1:
        found.duplicate(f"it was reopened {times} times")


def of_copy(story: Story, then: str, found: Findings) -> None:
    """`there` or `none`; one that is there goes on with the conversation."""
    copies = _sessions(story, "copy of")
    found.expect("the copy", "there" if copies else "none", then)
    for copy in copies:
        checks.memory_is_there(story, copy["session_id"], found)
        story.stage.good("DELETE", f"/sessions/{copy['session_id']}")


def of_first_turn_of_copy(story: Story, then: str, found: Findings) -> None:
    """The state of the copy's turn; the copy knows what its source knew, and not the reverse."""
    copy = story.told["copy"]
    path = f"/sessions/{copy}/turns"
    eventually(
        lambda: all(row["state"] != "running" for row in story.stage.good("GET", path)["turns"]),
        "a turn of the copy runs that nobody ends",
    )
    (turn,) = story.asked
    checks.turn_is(story, turn, then, found)
    checks.memory_is_there(story, copy, found)
    story.stage.good("DELETE", f"/sessions/{copy}")


def of_new_session(story: Story, then: str, found: Findings) -> None:
    """`there` or `none`; asked for again under the same key, there is one."""
    made = _sessions(story, "row")
    found.expect("the session", "there" if made else "none", then)
    again = story.stage.good("POST", "/sessions", story.told["body"], key=story.name)
    made = _sessions(story, "row")
    if [row["session_id"] for row in made] != [again["session_id"]]:
        found.duplicate(f"the sessions of one key: {made}")
    story.session = again["session_id"]
    (asked,) = story.others
    if asked.reply is not None and asked.reply.body != again:
        found.loss(f"answered {asked.reply}, asked again {again}")
    story.follow(story.session)


def of_sweep(story: Story, _: str, found: Findings) -> None:
    """However often the sweep was cut short: closed once."""
    eventually(lambda: story.row()["closed_at"], "it is not closed")
    times = [e["type"] for e in story.stage.events(story.session)].count("session_closed")
    if times != 1:
        found.duplicate(f"it was closed {times} times")
    story.stage.good("POST", f"/sessions/{story.session}/resume")


def of_deletion(story: Story, _: str, found: Findings) -> None:
    """However often it was cut short: nothing is left of it."""
    reply = story.stage.call("GET", f"/sessions/{story.session}")
    found.expect("the session", reply.status, 404)
    kept = list((story.stage.home / ".clawdforge-demo").glob(f"{story.told['agent id']}*"))
    if kept:
        found.orphan(f"what the agent kept: {kept}")
    story.session = ""


def _sessions(story: Story, note: str) -> list[dict[str, Any]]:
    """Those that this row made, by what their notes say."""
    return [
        row
        for row in story.stage.good("GET", "/sessions")["sessions"]
        if (row["meta"] or {}).get(note) == story.name
    ]
