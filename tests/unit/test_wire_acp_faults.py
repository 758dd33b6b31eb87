"""Failures that agents tell as answers. Pure."""

from collections.abc import Mapping
from typing import Any

from clawdforge.core.events import Event, Retry, Text
from clawdforge.wire.acp import Updates

GOOSE = (
    "Ran into this error: Request failed: Bad request (400): bad.\n\n"
    "Please retry if you think this is a transient or recoverable error."
)
GAVE_UP = {"threadStatus": {"type": "systemError"}}


def chunk(text: str, **more: str) -> Mapping[str, Any]:
    content = {"type": "text", "text": text}
    return {"sessionUpdate": "agent_message_chunk", "content": content, **more}


def codex(about: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"sessionUpdate": "session_info_update", "_meta": {"codex": about}}


def fed(*updates: Mapping[str, Any]) -> tuple[list[Event], str | None]:
    reader = Updates()
    reader.begin_turn()
    events = [event for update in updates for event in reader.feed(update)]
    return events, reader.faults.reason


def test_an_answer_is_no_failure() -> None:
    idle = codex({"threadStatus": {"type": "idle"}})
    assert fed(chunk("hello"), idle) == ([Text(text="hello")], None)


def test_codex_says_why_it_gave_up() -> None:
    said = chunk("This ", messageId="m1")
    events, reason = fed(said, codex(GAVE_UP), chunk("it is\n\n"), chunk("broken\n\n"))
    assert events == [Text(text="This ", message_id="m1")]
    assert reason == "it is\nbroken"


def test_codex_may_not_say_why() -> None:
    assert fed(codex(GAVE_UP)) == ([], "the agent does not say why")


def test_codex_tells_that_it_tries_again() -> None:
    again = codex({"error": {"message": "Reconnecting... 1/5", "willRetry": True}})
    events, reason = fed(again, again, chunk("hello", messageId="m1"))
    assert events == [Retry(attempt=1), Retry(attempt=2), Text(text="hello", message_id="m1")]
    assert reason is None


def test_goose_says_what_it_ran_into() -> None:
    assert fed(chunk("Well. "), chunk(GOOSE)) == (
        [Text(text="Well. ")],
        "Request failed: Bad request (400): bad.",
    )


def test_what_goose_went_on_after_is_no_failure() -> None:
    assert fed(chunk(GOOSE), chunk("fine"))[1] is None


def test_a_model_may_talk_about_errors() -> None:
    events, reason = fed(chunk("Ran into this error: none at all."))
    assert len(events) == 1
    assert reason is None


def test_the_next_turn_begins_without_it() -> None:
    reader = Updates()
    reader.feed(codex(GAVE_UP))
    reader.begin_turn()
    assert reader.faults.reason is None
