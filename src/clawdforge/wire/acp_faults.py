"""ACP v1: failures that an agent tells as if they were answers. Pure.

Codex's adapter and goose end a turn whose model call has failed with `end_turn`, and put the
reason among the text. Learnt from codex-acp 2.6.0 and goose 0.20.1.
"""

from collections.abc import Mapping
from typing import Any

from clawdforge.core.events import Retry

_GOOSE_BEGINS = "Ran into this error: "
_GOOSE_ENDS = "Please retry if you think this is a transient or recoverable error."
_SILENT = "the agent does not say why"


class Faults:
    """Watches one turn for signs that it comes to nothing."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why the turn has failed, whatever its end is called; None: it has not."""
        self._retries = 0
        self._broken = False

    def retry(self, update: Mapping[str, Any]) -> Retry | None:
        """What a `session_info_update` says: Codex tells there that it tries again, or gives up."""
        match update:
            case {"_meta": {"codex": {"threadStatus": {"type": "systemError"}}}}:
                self._broken, self.reason = True, _SILENT
            case {"_meta": {"codex": {"error": {"willRetry": True}}}}:
                self._retries += 1
                return Retry(attempt=self._retries)
        return None

    def takes(self, update: Mapping[str, Any], text: str) -> bool:
        """Whether a piece of text is the reason of a failure, and no part of the answer."""
        if self._broken:
            if "messageId" in update:
                return False
            said = "" if self.reason in {None, _SILENT} else f"{self.reason}\n"
            self.reason = f"{said}{text.strip()}"
            return True
        is_fault = text.startswith(_GOOSE_BEGINS) and text.endswith(_GOOSE_ENDS)
        # Only of the last piece: else the model has said so, and gone on.
        self.reason = text[len(_GOOSE_BEGINS) : -len(_GOOSE_ENDS)].strip() if is_fault else None
        return is_fault
