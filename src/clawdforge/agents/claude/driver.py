"""The driver of `claude`: one process a conversation, stream-json both ways."""

from collections.abc import Mapping

from clawdforge.agents.claude.protocol import Decoder, arguments, initialize, user_message
from clawdforge.agents.driver import SessionSpec
from clawdforge.agents.lines import LineConversation, Program
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Processes

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
    # Each run has a folder of its own: its memory would be written, and never read again.
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
RETRIES = "3"
"""Its own default of 10 makes a wrong key or a dead network take three minutes."""


def child_environment(environ: Mapping[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """What Claude Code gets to see of `environ`, and what we set for it."""
    chosen = select(environ, (*MAY_SEE, *more))
    return {"CLAUDE_CODE_MAX_RETRIES": RETRIES, **chosen, **ALWAYS}


class ClaudeDriver(LineConversation):
    """One conversation with Claude Code. See the port for what each method promises."""

    def __init__(self, processes: Processes, program: Program) -> None:
        self._turns = Decoder()
        super().__init__(processes, program, self._turns)
        self._hello = b""

    async def open(self, spec: SessionSpec) -> None:
        """Start the process; the handshake goes out with the first prompt, in one burst."""
        self._hello = initialize(spec.system, spec.system_mode)
        await self.start(spec, arguments(model=spec.model, effort=spec.effort))

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in a prompt; `turn_id` must be a UUID."""
        hello, self._hello = self._hello, b""
        self._turns.expect(turn_id)
        await self.write(hello + user_message(turn_id, text))
