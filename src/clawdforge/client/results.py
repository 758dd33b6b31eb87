"""What the methods of a client give back, where it is more than the server's JSON."""

from dataclasses import dataclass
from typing import Any

import msgspec

from clawdforge.client.errors import ProtocolError
from clawdforge.client.secret import Secret
from clawdforge.wire import forge


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What an agent answered.

    `result` is what the agent's text was as JSON, a surrounding code fence removed, else the
    text itself: so any JSON value. `as_text` and `as_json` give one or the other for sure.

        result = client.run("List three colours as a JSON array.")
        colours = result.as_json()
    """

    result: Any
    duration_ms: int
    stop_reason: str | None
    run_id: str | None
    """The run's id in the server's ledger, for `get_run`; None from older servers."""
    request_id: str | None

    def as_text(self) -> str:
        """The answer as text: itself if it is text, else as compact JSON."""
        if isinstance(self.result, str):
            return self.result
        return msgspec.json.encode(self.result).decode()

    def as_json(self) -> Any:
        """The answer as a JSON value.

        Raises:
            ProtocolError: the agent answered with text that is not JSON.
        """
        if not isinstance(self.result, str):
            return self.result
        try:
            return forge.decode(self.result.encode("utf-8", "surrogatepass"), object)
        except forge.MalformedError as error:
            problem = f"the agent's answer is not JSON: {error}"
        raise ProtocolError(problem, status=200, run_id=self.run_id, request_id=self.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToken:
    """An uploaded file: put it, or its `file_token`, into `files` of a run.

    Only the app that uploaded the file can use it, until `ttl_secs` have passed.
    """

    secret: Secret
    ttl_secs: int
    size: int
    """Bytes the server received."""

    @property
    def file_token(self) -> str:
        """The token, `ff_…`."""
        return self.secret.reveal()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppToken:
    """A new app. Its `token` is shown nowhere but here: keep it."""

    name: str
    secret: Secret
    ip_cidrs: tuple[str, ...]

    @property
    def token(self) -> str:
        """The bearer token, `cf_…`."""
        return self.secret.reveal()
