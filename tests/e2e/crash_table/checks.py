"""What has to hold after every row, whoever was killed and wherever."""

from collections import Counter

from crash_table.findings import Findings
from crash_table.stage import GONE_SECS, Reply, Stage, eventually
from crash_table.story import AskedTurn, Story, key_of
from crash_table.watching import Event

NEVER = "never began"
STATUS = {"done": 200, "cancelled": 200, "failed": 502, "timeout": 502, "interrupted": 502}
REMEMBER = "/remember "


def events_are_whole(story: Story, found: Findings) -> None:
    """What was told to those who watch is there once, the same, in order and without gaps."""
    for watcher in story.watchers:
        stored = story.stage.events(watcher.session)
        for fault in watcher.faults:
            found.loss(fault)
        numbers = [event["seq"] for event in stored]
        if numbers != list(range(1, len(stored) + 1)):
            found.loss(f"the numbers of the events: {numbers}")
        for told, kept in zip(watcher.events, stored, strict=False):
            if told != kept:
                found.loss(f"told {told}, kept {kept}")
        if len(watcher.events) > len(stored):
            found.loss(f"told {watcher.events[len(stored) :]}, kept nothing of it")
        # The stream ended if the session was closed meanwhile: who wants the rest comes back.
        watcher.follow(story.stage.url, story.stage.token)
        if not watcher.has_all(len(stored)):
            found.loss(f"never told: {stored[len(watcher.events) :]}")
        turns_are_whole(stored, found)


def turns_are_whole(events: list[Event], found: Findings) -> None:
    """Each turn begins once and ends once, and all that is said in it is said between."""
    open_turn = 0
    count: Counter[tuple[str, int]] = Counter()
    for event in events:
        kind, turn = event["type"], event["turn"]
        if kind in {"turn_started", "turn_ended"}:
            count[kind, turn] += 1
            open_turn = turn if kind == "turn_started" else 0
        elif kind in {"text", "tool_call", "permission_request"} and turn != open_turn:
            found.wrong(f"outside of its turn: {event}")
    for (kind, turn), times in count.items():
        if times > 1:
            found.duplicate(f"{kind} of turn {turn}: {times} times")
    started = {turn for kind, turn in count if kind == "turn_started"}
    if started != {turn for kind, turn in count if kind == "turn_ended"}:
        found.wrong(f"turns that began or ended only: {dict(count)}")


def settled(story: Story) -> None:
    """Wait until no turn runs any more."""
    eventually(
        lambda: all(row["state"] != "running" for row in story.turn_rows().values()),
        "a turn runs that nobody ends",
    )


def turn_is(story: Story, turn: AskedTurn, then: str, found: Findings) -> None:
    """What became of a turn, and what its client gets who asks again.

    Args:
        then: Its state, or several with `or` between.
    """
    row = story.turn_rows().get(turn.number) if turn.session == story.session else None
    if turn.session != story.session:
        path = f"/sessions/{turn.session}/turns"
        rows = story.stage.good("GET", path)["turns"]
        row = next((row for row in rows if row["turn_index"] == turn.number), None)
    state = row["state"] if row is not None else NEVER
    if state not in then.split(" or "):
        found.wrong(f"turn {turn.number} is {state}, not {then}: {row}")
    times = prompts(story.stage)[turn.key]
    if times > 1:
        found.duplicate(f"the agent got turn {turn.number} {times} times")
    if state == NEVER and times:
        found.wrong(f"the agent got turn {turn.number}, which never began")
    if state == "done" and not times:
        found.loss(f"the agent never got turn {turn.number}, which is done")
    reply = turn.asked.reply
    if reply is not None and state == NEVER:
        found.loss(f"turn {turn.number} was answered: {reply}")
    again = story.repeat(turn)
    after = prompts(story.stage)[turn.key]
    if state == NEVER:
        if again.status != 200 or after != 1:
            found.wrong(f"asked again, turn {turn.number}: {again}, seen {after} times")
        return
    replayed(turn, state, reply, again, found)
    if after != times:
        found.duplicate(f"asked again, the agent got turn {turn.number} once more")


def replayed(
    turn: AskedTurn, state: str, reply: Reply | None, again: Reply, found: Findings
) -> None:
    """Who asks again under the same key gets the same answer."""
    number = again.body.get("turn_index", again.turn)
    if (again.status, number) != (STATUS[state], turn.number):
        found.wrong(f"asked again, turn {turn.number}, which is {state}: {again}")
    if reply is not None and reply != again:
        found.loss(f"answered {reply}, asked again {again}")


def memory_is_there(story: Story, session: str, found: Findings) -> None:
    """The next turn goes on with the conversation: the agent knows what it was told."""
    stored = story.stage.events(session)
    ended = {e["turn"]: e["state"] for e in stored if e["type"] == "turn_ended"}
    must = [story.word] if story.word else []
    may = set(must)
    for turn in story.asked:
        _, _, word = turn.prompt.partition(REMEMBER)
        if word and turn.session == session:
            may.add(word)
            # Asked again, it may have been done only now.
            if ended.get(turn.number) == "done" or turn.number not in ended:
                must.append(word)
    said = story.said("/recall", session)
    words = Counter(said.replace("(nothing)", "").split())
    for word in must:
        if not words[word]:
            found.loss(f"the agent does not know {word} any more; it says {said!r}")
    for word, times in words.items():
        if times > 1:
            found.duplicate(f"the agent was told {word} {times} times")
        if word not in may:
            found.wrong(f"the agent knows {word}, which it was not told")


def is_open(story: Story, found: Findings) -> None:
    """No crash closes a session."""
    row = story.row()
    if row["closed_at"] is not None:
        found.loss(f"the session is closed: {row}")


def nothing_is_left(stage: Stage, session: str | None, found: Findings) -> None:
    """No process of its agent, or of any."""
    try:
        eventually(lambda: not stage.processes(session), "left", GONE_SECS)
    except AssertionError:
        for process in stage.processes(session):
            found.orphan(f"process {process.pid}: {' '.join(process.cmdline())[-200:]}")


def folders_are_known(stage: Stage, found: Findings) -> None:
    """No folder of a session that there is not, and nothing in the temporary folder."""
    known = {row["session_id"] for row in stage.good("GET", "/sessions")["sessions"]}
    strays = stage.folders() - known - stage.reported
    stage.reported |= strays
    for stray in strays:
        found.orphan(f"folder {stray}")


def prompts(stage: Stage) -> Counter[str]:
    """How often each prompt came to an agent, by its key: more may have been added to it."""
    return Counter(key_of(prompt) for prompt in stage.prompts())
