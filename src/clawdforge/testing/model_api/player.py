"""Where a script stands: hands out one step per request."""

from collections.abc import Sequence

from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import (
    Always,
    CallTool,
    CallTools,
    Chooser,
    Drop,
    Fail,
    Say,
    ScriptError,
    ScriptItem,
    Slow,
    Stall,
    Step,
)

_STEPS = (Say, CallTool, CallTools, Slow, Fail, Drop, Stall)


class Player:
    """Plays one script once. Not thread-safe: only the server's thread asks it."""

    def __init__(self, script: Sequence[ScriptItem]) -> None:
        """Take the script.

        Raises:
            ValueError: `Always` is not the last step, or an item is no step at all.
        """
        for item in script:
            inner: object = item.step if isinstance(item, Always) else item
            if not isinstance(inner, _STEPS) and not callable(inner):
                msg = f"not a step: {inner!r}"
                raise ValueError(msg)
        if any(isinstance(item, Always) for item in script[:-1]):
            msg = "steps after Always are never reached"
            raise ValueError(msg)
        self._script = tuple(script)
        self._used = 0

    @property
    def remaining(self) -> int:
        """How many steps are still to come; an `Always` counts as none."""
        once = sum(not isinstance(item, Always) for item in self._script)
        return max(0, once - self._used)

    def step_for(self, request: Request) -> Step:
        """Use up one step.

        Raises:
            ScriptError: the script is at its end, or its function failed.
        """
        self._used += 1
        if self._used <= len(self._script):
            item = self._script[self._used - 1]
        elif self._script and isinstance(self._script[-1], Always):
            item = self._script[-1]
        else:
            msg = f"the script has {len(self._script)} steps, and this is request {self._used}"
            raise ScriptError(msg)
        inner = item.step if isinstance(item, Always) else item
        return inner if isinstance(inner, _STEPS) else _choose(inner, request)


def _choose(chooser: Chooser, request: Request) -> Step:
    try:
        step: object = chooser(request)
    except Exception as error:
        msg = f"the script's function failed: {error!r}"
        raise ScriptError(msg) from error
    if not isinstance(step, _STEPS):
        msg = f"the script's function returned no step: {step!r}"
        raise ScriptError(msg)
    return step
