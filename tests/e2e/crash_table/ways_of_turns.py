"""The ways through a turn: from its first word to its end, its cancel, its questions."""

from crash_table import outcomes
from crash_table.stage import eventually
from crash_table.story import Story
from crash_table.way import CANCELS_SOON, HIBERNATES_SOON, hibernated, is_sleeping, way


@way("the first turn")
def first_turn(story: Story) -> None:
    story.new()
    story.arm()
    story.turn("/remember first")


@way("a turn")
def warm_turn(story: Story) -> None:
    story.remembering()
    story.arm()
    story.turn("/stream 12 20")


@way("a turn that wakes the agent", settings=HIBERNATES_SOON)
def waking_turn(story: Story) -> None:
    story.remembering()
    hibernated(story)
    story.arm()
    story.turn("/remember woken")


@way("a turn with a tool")
def tool_turn(story: Story) -> None:
    story.remembering()
    story.arm()
    story.turn("/tool hammer")


@way("a turn with a long tool")
def long_tool_turn(story: Story) -> None:
    story.remembering(permissions="allow-all")
    story.arm()
    story.turn("/ask sleep 600")


@way("a turn with a file")
def file_turn(story: Story) -> None:
    story.remembering()
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n\r\n'
        b"attached\r\n--x--\r\n"
    )
    kind = "multipart/form-data; boundary=x"
    token = story.stage.good("POST", "/files", raw=form, kind=kind)["file_token"]
    story.arm()
    story.turn("/cwd", files=[token])


@way("a turn that fails")
def failing_turn(story: Story) -> None:
    story.remembering()
    story.arm()
    story.turn("/fail on purpose")


@way("a turn in which the agent crashes")
def crashing_turn(story: Story) -> None:
    story.remembering()
    story.arm()
    story.turn("/crash")


@way("a turn that takes too long")
def late_turn(story: Story) -> None:
    story.remembering()
    story.arm()
    story.turn("/hang", timeout_secs=5)


@way("a turn after a first one that the agent did not keep", settings=HIBERNATES_SOON)
def turn_anew(story: Story) -> None:
    """The agent does not know the conversation, and gets the prompt in a new one."""
    story.new()
    first = story.turn("/hang", wait=False)
    assert story.watcher.has("agent_started")
    story.stage.good("POST", f"/sessions/{story.session}/cancel")
    first.asked.wait()
    story.asked.clear()
    hibernated(story)
    story.arm()
    story.turn("/remember anew")


@way("two turns, one waits")
def two_turns(story: Story) -> None:
    story.remembering()
    story.arm()
    first = story.turn("/stream 8 40")
    if story.watcher.has("text", first.number):
        story.turn("/remember second")


@way("the agent says something unasked", outcomes.of_unasked)
def unasked(story: Story) -> None:
    story.remembering()
    story.arm()
    story.turn("/background 0.2 later")
    story.watcher.has("text", story.turns + 1)


# Questions


@way("a question", outcomes.of_questions)
def question(story: Story) -> None:
    story.remembering(permissions="ask")
    story.arm()
    story.turn("/ask touch touched")
    story.answer("allow")


@way("an unanswered question", outcomes.of_questions)
def unanswered_question(story: Story) -> None:
    story.remembering(permissions="ask")
    story.arm()
    story.turn("/ask touch touched")


@way("a question, denied", outcomes.of_questions)
def denied_question(story: Story) -> None:
    story.remembering(permissions="ask")
    story.arm()
    story.turn("/ask touch touched")
    story.answer("deny")


@way("a question, answered for always", outcomes.of_questions)
def remembered_question(story: Story) -> None:
    story.remembering(permissions="ask")
    story.arm()
    story.turn("/ask touch touched")
    story.told["scope"] = "always"
    story.answer("allow", scope="always")


# Cancelling


@way("a cancelled turn")
def cancelled(story: Story) -> None:
    story.remembering()
    story.arm()
    turn = story.turn("/hang")
    if story.watcher.has("turn_started", turn.number):
        story.request("POST", "cancel")


@way("a cancelled tool")
def cancelled_tool(story: Story) -> None:
    story.remembering(permissions="allow-all")
    story.arm()
    story.turn("/ask sleep 600")
    if story.watcher.has("permission_resolved"):
        eventually(lambda: not story.stage.server.runs or is_sleeping(story), "no tool runs")
        story.request("POST", "cancel")


@way("a cancelled turn of a deaf agent", settings=CANCELS_SOON)
def cancelled_in_vain(story: Story) -> None:
    story.remembering()
    story.arm()
    turn = story.turn("/deaf")
    if story.watcher.has("text", turn.number):
        story.request("POST", "cancel")
