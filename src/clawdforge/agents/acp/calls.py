"""Requests of ours to an ACP agent, and everything else that goes out. Pure."""

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from clawdforge.agents.acp.opening import Call, OpeningError
from clawdforge.wire import jsonrpc
from clawdforge.wire.jsonrpc import Answer, Failure, Id

T = TypeVar("T")
Then = Callable[[Answer | Failure], None]
"""Takes an answer."""


class Calls:
    """Numbers our requests, and finds who wants an answer."""

    def __init__(self) -> None:
        self._waiting: dict[Id, Then] = {}
        self._number = 0
        self._out = bytearray()

    def say(self, line: bytes) -> None:
        """Send a line that has no answer."""
        self._out += line

    def call(self, method: str, params: Mapping[str, Any], then: Then) -> int:
        """Make a request; its number."""
        self._number += 1
        self._waiting[self._number] = then
        self._out += jsonrpc.request(self._number, method, params)
        return self._number

    def answered(self, message: Answer | Failure) -> bool:
        """An answer came; whether anybody wanted it."""
        then = self._waiting.pop(message.id, None) if message.id is not None else None
        if then is not None:
            then(message)
        return then is not None

    def walk(
        self,
        steps: Generator[Call, Answer | Failure, T],
        then: Callable[[T], None],
        refused: Callable[[OpeningError], None],
    ) -> None:
        """Make requests one after the other, each with the answer to the one before.

        Args:
            steps: Gives the requests.
            then: Takes what came of them.
            refused: Is called instead when one of them was refused.
        """

        def step(advance: Callable[[], Call]) -> None:
            try:
                call = advance()
            except StopIteration as done:
                then(done.value)
            except OpeningError as error:
                refused(error)
            else:
                self.call(call.method, call.params, lambda got: step(lambda: steps.send(got)))

        step(lambda: next(steps))

    def take_out(self) -> bytes:
        """What is to be sent."""
        out = bytes(self._out)
        self._out.clear()
        return out
