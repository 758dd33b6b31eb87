"""Which turn runs: one of ours, or one that Claude Code began by itself. Pure.

It may begin one when work in the background has ended, and may take a prompt of ours into it.
`command_lifecycle` tells what becomes of each prompt (2.1.329); before there was that, the
result's `origin` has to do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clawdforge.agents.claude.values import strings, text
from clawdforge.core.events import Stop, TurnEnded, TurnStarted


@dataclass(slots=True)
class Prompt:
    """A prompt that has no end yet."""

    turn_id: str
    state: str | None = None
    """What Claude Code last told about it: `queued`, `started` …; None: nothing yet."""
    running: bool = False
    """Its turn runs: an interrupt is not lost any more."""
    cancelled: bool = False
    interrupted: bool = False
    """…and an interrupt was sent since it runs."""


class Turns:
    """The turns that are open."""

    def __init__(self) -> None:
        self.own = False
        """A turn of Claude Code's own runs."""
        self.must_interrupt = False
        """An interrupt is to be sent now; whoever sends it sets this back."""
        self._prompts: list[Prompt] = []

    @property
    def waiting(self) -> bool:
        """Whether a prompt has no end yet."""
        return bool(self._prompts)

    def expect(self, turn_id: str) -> None:
        """A prompt is handed in."""
        self._prompts.append(Prompt(turn_id))

    def cancel(self, turn_id: str) -> None:
        """A turn is to stop; nothing happens when it has ended."""
        prompt = self._find(turn_id)
        if prompt is not None:
            prompt.cancelled = True
            self._interrupt(prompt)

    def told(
        self, value: Mapping[str, Any], model: str | None
    ) -> Iterator[TurnStarted | TurnEnded]:
        """What a `command_lifecycle` says."""
        prompt = self._find(text(value.get("command_uuid")) or "")
        if prompt is None:
            return
        prompt.state = text(value.get("state"))
        if prompt.state == "started" and self.own:  # the turn goes on, with our prompt
            self.own = False
            yield TurnEnded(turn_id=None, stop=Stop.DONE)
            yield from self._begin(prompt, model)

    def begun(self, init: Mapping[str, Any], model: str | None) -> Iterator[TurnStarted]:
        """A turn begins, says a `system/init`."""
        prompt = self._prompts[0] if self._prompts else None
        is_told = "msg_lifecycle_v1" in strings(init.get("capabilities"))
        if prompt is not None and (prompt.state == "started" or not is_told):
            yield from self._begin(prompt, model)
        elif not self.own:
            self.own = True
            yield TurnStarted(turn_id=None, model=model)

    def ended_by(self, result: Mapping[str, Any]) -> Prompt | None:
        """The prompt that a `result` ends; None: it ends a turn that was not ours."""
        prompt = self._prompts[0] if self._prompts else None
        if prompt is None or not _ends(prompt, result):
            self.own = False
            return None
        return self._prompts.pop(0)

    def dropped(self, turn_id: object) -> Prompt | None:
        """A prompt will never run, so that it has no result: it ends here."""
        prompt = self._find(turn_id) if isinstance(turn_id, str) else None
        if prompt is not None:
            self._prompts.remove(prompt)
        return prompt

    def all_over(self) -> list[str | None]:
        """The process ended, and with it these turns; None for Claude Code's own."""
        ended: list[str | None] = [prompt.turn_id for prompt in self._prompts]
        if self.own:
            ended.append(None)
        self._prompts, self.own = [], False
        return ended

    def _find(self, turn_id: str) -> Prompt | None:
        name = turn_id.lower()
        return next((each for each in self._prompts if each.turn_id.lower() == name), None)

    def _begin(self, prompt: Prompt, model: str | None) -> Iterator[TurnStarted]:
        if not prompt.running:
            prompt.running = True
            yield TurnStarted(turn_id=prompt.turn_id, model=model)
        if prompt.cancelled and not prompt.interrupted:
            self._interrupt(prompt)

    def _interrupt(self, prompt: Prompt) -> None:
        """Before its turn runs it may be lost (10 of 10 at 0 ms): then it is sent again."""
        prompt.interrupted = prompt.running
        self.must_interrupt = True


def _ends(prompt: Prompt, result: Mapping[str, Any]) -> bool:
    listed = [uuid.lower() for uuid in strings(result.get("user_message_uuids"))]
    if listed:
        return prompt.turn_id.lower() in listed
    if prompt.state is not None:
        return prompt.state != "queued"
    return not isinstance(result.get("origin"), dict)
