"""The driver of `claude`: one process a conversation, stream-json both ways."""

import asyncio
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from clawdforge.agents.claude import transcripts
from clawdforge.agents.claude.control import initialize, setting, user_message
from clawdforge.agents.claude.launch import arguments, mcp_json
from clawdforge.agents.claude.protocol import Decoder
from clawdforge.agents.driver import Caps, Decision, SessionSpec, SettingName
from clawdforge.agents.lines import LineConversation, Program
from clawdforge.errors import AgentError
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


CAPS = Caps(
    resume=True,
    fork=True,
    asks=True,
    cancel=True,
    sets=frozenset(("model", "mode", "effort")),
    tells_background=True,
    takes_args=True,
    exact_text=True,
)
MCP_FILE = "mcp.json"


class ClaudeDriver(LineConversation):
    """One conversation with Claude Code. See the port for what each method promises."""

    def __init__(self, processes: Processes, program: Program) -> None:
        self._turns = Decoder()
        super().__init__(processes, program, self._turns)
        self._hello = b""

    @property
    def caps(self) -> Caps:
        """What Claude Code can do."""
        return CAPS

    async def open(self, spec: SessionSpec) -> None:
        """Start the process.

        A conversation that is kept shakes hands at once, so that `Ready` needs no prompt. For
        a single turn the handshake goes out with the prompt, in one burst.
        """
        session_id, new_id = _identity(spec)
        self._decoder = self._turns = Decoder(
            session_id=session_id,
            resuming=spec.kept and spec.resume_id is not None,
            asks=spec.asks,
            kept=spec.kept,
        )
        mcp_config = await asyncio.to_thread(write_mcp_config, spec)
        self._hello = initialize(spec.system, spec.system_mode)
        await self.start(spec, arguments(spec, new_id=new_id, mcp_config=mcp_config))
        if spec.kept:
            self.send(self._take_hello())

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in a prompt; `turn_id` must be a UUID."""
        self._turns.expect(turn_id)
        self.begin_turn()
        await self.write(self._take_hello() + user_message(turn_id, text))

    async def cancel(self, turn_id: str) -> None:
        """Interrupt that turn; whatever comes of it, its end is `Stop.CANCELLED`."""
        self._turns.cancel(turn_id)
        self.heard()

    async def answer(self, ask_id: str, decision: Decision) -> None:
        """Answer a question."""
        self._turns.answer(ask_id, decision)
        self.heard()

    async def set(self, key: SettingName, value: str) -> None:
        """Change a setting, and wait until Claude Code says that it has.

        It reads the answer itself when nobody else waits for events.
        """
        request = setting(key, value)
        if request is None:
            msg = f"{value!r} cannot be a {key}"
            raise AgentError(msg, code="cannot_set")
        self.send(self._take_hello())
        turns, request_id = self._turns, self._turns.ask(request)
        try:
            self.heard()
            await self.read_until(lambda: turns.reply(request_id) is not None)
            reply = turns.reply(request_id)
        finally:
            turns.drop(request_id)
        if reply is None:
            msg = "the agent has ended"
            raise AgentError(msg, code="agent_gone")
        if reply.error is not None:
            raise AgentError(reply.error, code="cannot_set")

    def heard(self) -> None:
        """Send what a line, or one of us, makes necessary."""
        self.send(self._turns.take_output())

    async def forget(self, spec: SessionSpec) -> None:
        """Remove the conversation's transcript from Claude Code's home."""
        if spec.resume_id is not None:
            env = {**self._program.env, **spec.env}
            await asyncio.to_thread(transcripts.remove, spec.resume_id, env)

    def _take_hello(self) -> bytes:
        hello, self._hello = self._hello, b""
        return hello


def _identity(spec: SessionSpec) -> tuple[str | None, str | None]:
    """The conversation's id, and the one that Claude Code must be given as new."""
    if not spec.kept:
        return None, None
    if spec.resume_id is not None and not spec.fork:
        return spec.resume_id, None
    new_id = spec.new_id or str(uuid.uuid4())
    return new_id, new_id


def write_mcp_config(spec: SessionSpec) -> str | None:
    """Write its MCP servers down; the file's path, None when it has none.

    A file of ours, for what is in a command line is seen by all users of the machine.
    """
    if not spec.mcp_servers:
        return None
    return write_private(Path(spec.tmp) / MCP_FILE, mcp_json(spec.mcp_servers))


def write_private(path: Path, text: str) -> str:
    """Write a file that nobody else can read; its path."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - the mode must be right from the start
        file.write(text)
    return str(path)
