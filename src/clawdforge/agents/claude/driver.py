"""The driver of `claude`: one process a conversation, stream-json both ways."""

from collections import deque
from collections.abc import Mapping

from clawdforge.agents.claude.protocol import Decoder, arguments, initialize, user_message
from clawdforge.agents.driver import SessionSpec
from clawdforge.core.events import Event, Exited
from clawdforge.errors import AgentError
from clawdforge.processes.child import Child
from clawdforge.processes.containment import Limits
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Command, Processes

MAY_SEE = (
    "ANTHROPIC_*",
    "AWS_*",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_*",
    "CLAUDE_CODE_SKIP_*_AUTH",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_API_KEY_HELPER_TTL_MS",
    "CLAUDE_CODE_CLIENT_*",
    "CLOUD_ML_REGION",
    "GOOGLE_*",
    "VERTEX_REGION_*",
    "API_TIMEOUT_MS",
    "BASH_*_TIMEOUT_MS",
    "MAX_THINKING_TOKENS",
)
"""Login, provider and limits. Not what a surrounding Claude Code session sets for its children."""

ALWAYS = {
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
RETRIES = "3"
"""Its own default of 10 makes a wrong key or a dead network take three minutes."""

EOF_SECS = 2.0
TERM_SECS = 3.0


def child_environment(environ: Mapping[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """What Claude Code gets to see of `environ`, and what we set for it."""
    chosen = select(environ, (*MAY_SEE, *more))
    return {"CLAUDE_CODE_MAX_RETRIES": RETRIES, **chosen, **ALWAYS}


class ClaudeDriver:
    """One conversation with Claude Code. See the port for what each method promises.

    Args:
        argv: The program (an absolute path) and the operator's own arguments.
        env: Its whole environment, but for `TMPDIR`.
    """

    def __init__(
        self,
        processes: Processes,
        *,
        argv: tuple[str, ...],
        extra_args: tuple[str, ...] = (),
        env: Mapping[str, str],
        limits: Limits,
        max_output_bytes: int,
    ) -> None:
        self._processes = processes
        self._argv = argv
        self._extra_args = extra_args
        self._env = env
        self._limits = limits
        self._max_output_bytes = max_output_bytes
        self._decoder = Decoder()
        self._events: deque[Event] = deque()
        self._child: Child | None = None
        self._hello = b""
        self._over = False

    async def open(self, spec: SessionSpec) -> None:
        """Start the process; the handshake goes out with the first prompt, in one burst."""
        self._hello = initialize(spec.system, spec.system_mode)
        flags = arguments(model=spec.model, effort=spec.effort)
        self._child = await self._processes.start(
            Command(
                argv=(*self._argv, *flags, *self._extra_args),
                cwd=spec.cwd,
                env={**self._env, "TMPDIR": str(spec.tmp)},
                limits=self._limits,
                max_output_bytes=self._max_output_bytes,
                max_line_bytes=self._max_output_bytes,
            )
        )

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in a prompt; `turn_id` must be a UUID."""
        child = self._started()
        hello, self._hello = self._hello, b""
        self._decoder.expect(turn_id)
        await child.write(hello + user_message(turn_id, text))

    async def next_event(self) -> Event | None:
        """The next event; None after `Exited`."""
        child = self._started()
        while not self._events and not self._over:
            line = await child.read_line()
            if line is None:
                await child.wait()
                self._end(child)
            else:
                self._events.extend(self._decoder.feed(line))
        return self._events.popleft() if self._events else None

    @property
    def stderr(self) -> str:
        """The last part of standard error."""
        return self._child.stderr_text if self._child else ""

    async def close(self) -> None:
        """End the process: politely when it has nothing to do, at once otherwise."""
        if self._child is not None:
            busy = self._decoder.has_open_turn
            eof_secs = 0.0 if busy else EOF_SECS
            await self._processes.stop(self._child, eof_secs=eof_secs, term_secs=TERM_SECS)

    def _end(self, child: Child) -> None:
        self._over = True
        self._events.extend(self._decoder.lost())
        assert child.exited is not None
        self._events.append(Exited(code=child.exited.code, signal=child.exited.signal))

    def _started(self) -> Child:
        if self._child is None:
            msg = "the driver was not opened"
            raise AgentError(msg, code="not_open")
        return self._child
