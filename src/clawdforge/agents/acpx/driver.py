"""The driver of `acpx`: one `acpx prompt` process a turn, all of a conversation in one place.

`acpx` leaves a detached process behind, its queue owner, which keeps the agent warm for the next
prompt. All calls of a conversation are made by one small shell script, which is the child that
`Processes` contains: owner and agent live in its namespace, and end with it. Why, and what it
costs: `docs/decisions/0010-acpx-turns.md`.
"""

import asyncio
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from clawdforge.agents.acpx.files import forget_session, remove_locks, version_of, write_private
from clawdforge.agents.acpx.protocol import Decoder
from clawdforge.agents.acpx.script import (
    SHELL,
    arguments,
    cancel_line,
    prompt_line,
    rest_line,
    split_id,
)
from clawdforge.agents.driver import Caps, Decision, SessionSpec, SettingName
from clawdforge.agents.lines import LineConversation, Program
from clawdforge.errors import AgentError, AgentMissingError
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Processes

MAY_SEE = (
    "ACPX_*",
    "ANTHROPIC_*",
    "AWS_*",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_EXECUTABLE",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_*",
    "CLAUDE_CODE_SKIP_*_AUTH",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLOUD_ML_REGION",
    "GOOGLE_*",
    "VERTEX_REGION_*",
    "API_TIMEOUT_MS",
    "MAX_THINKING_TOKENS",
)
"""Login, provider and limits of Claude, and acpx's own. For another agent the configuration
names what it needs."""

ALWAYS = {
    # Else every turn asks the model a second time, for what the user may say next.
    "CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION": "false",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
RETRIES = "3"
EOF_SECS = 4.0
"""acpx waits a second for a quiet stream after each turn, before its owner can be ended."""


def child_environment(environ: Mapping[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """What acpx and its agent get to see of `environ`, and what we set for them."""
    chosen = select(environ, (*MAY_SEE, *more))
    return {"CLAUDE_CODE_MAX_RETRIES": RETRIES, **chosen, **ALWAYS}


class AcpxDriver(LineConversation):
    """One conversation through acpx. See the port for what each method promises.

    Args:
        processes: Starts the children.
        program: acpx: its path, its whole environment, and the operator's flags, which are
            acpx's global ones.
        agent: acpx's name of the agent. Of the configuration, never a caller's: acpx runs a name
            that it does not know as a command.
    """

    def __init__(self, processes: Processes, program: Program, *, agent: str = "claude") -> None:
        self._turns = Decoder()
        self._acpx = program
        self._agent = agent
        self._tmp = Path()
        # The script is what is started; acpx and its flags are its arguments.
        script = replace(program, argv=SHELL, extra_args=())
        super().__init__(processes, script, self._turns, eof_secs=EOF_SECS)

    @property
    def caps(self) -> Caps:
        """It can resume. acpx answers what the agent asks by itself: reads yes, the rest no."""
        return Caps(resume=True)

    async def open(self, spec: SessionSpec) -> None:
        """Start the script, which makes the session, or goes on with it.

        Raises:
            AgentError: the conversation wants what acpx has no safe way for (`code`
                `unsupported`): a system prompt would stand in its argv, and be lost when it
                resumes; effort, mode and MCP servers are not offered through it.
        """
        _refuse_unsupported(spec)
        acpx = self._acpx
        if await asyncio.to_thread(shutil.which, acpx.argv[0]) is None:
            msg = f"{acpx.argv[0]} is not there or cannot be executed"
            raise AgentMissingError(msg)
        resumed = spec.resume_id is not None
        name, record = _names(spec)
        if record is not None:
            await asyncio.to_thread(remove_locks, self._acpx.env, record)
        version = await asyncio.to_thread(version_of, acpx.argv[0])
        self._turns.begin(
            name,
            record,
            resumed=resumed,
            version=version,
            spent_microusd=spec.spent_microusd,
        )
        self._tmp = spec.tmp
        calls = arguments(
            program=acpx.argv,
            extra=acpx.extra_args,
            cwd=str(spec.cwd),
            model=spec.model,
            agent=self._agent,
        )
        model = {} if spec.model is None else {"ANTHROPIC_MODEL": spec.model}
        how = "resume" if resumed else "new"
        await self.start(replace(spec, env={**model, **spec.env}), (name, how, *calls))

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in a prompt: as a file in the conversation's own folder, acpx's standard input."""
        self.begin_turn()
        try:
            await asyncio.to_thread(write_private, self._tmp / f"prompt-{turn_id}", text)
        except OSError as error:
            msg = f"the prompt cannot be handed over: {error.strerror}"
            raise AgentError(msg) from error
        self._turns.expect(turn_id)
        await self.write(prompt_line(turn_id))

    async def cancel(self, turn_id: str) -> None:
        """Have `acpx cancel` called until it finds the turn, or the turn has ended."""
        if self._turns.cancel(turn_id):
            self.send(cancel_line(turn_id))

    async def answer(self, ask_id: str, decision: Decision) -> None:
        """Nothing: acpx answers by itself."""

    async def set(self, key: SettingName, value: str) -> None:  # noqa: ARG002
        """Refuse.

        Raises:
            AgentError: always (`code` `cannot_set`).
        """
        msg = f"acpx does not change the {key} of a conversation"
        raise AgentError(msg, code="cannot_set")

    def heard(self) -> None:
        """End what is left of a conversation that cannot go on as it was."""
        if self._turns.broken and self._child is not None:
            self._processes.stop_soon(self._child, eof_secs=0.0, term_secs=0.0)

    async def close(self) -> None:
        """End the owner and all below it: politely when it has nothing to do."""
        record = self._turns.record
        if self._child is not None and record is not None and not self._turns.has_open_turn:
            self.send(rest_line(record))
        await super().close()

    async def forget(self, spec: SessionSpec) -> None:
        """Remove acpx's record of the conversation, and what Claude wrote down of it."""
        _, record = split_id(spec.resume_id or "")
        if record is not None:
            await asyncio.to_thread(forget_session, self._acpx.env, record)


def _names(spec: SessionSpec) -> tuple[str, str | None]:
    """Our name of the conversation, and acpx's if it has one."""
    if spec.fork:  # which acpx cannot: so it is to be told about a session that is not there
        return str(uuid.uuid4()), None
    return split_id(spec.resume_id or spec.new_id or str(uuid.uuid4()))


def _refuse_unsupported(spec: SessionSpec) -> None:
    wanted = {
        "system prompt": spec.system,
        "effort": spec.effort,
        "mode": spec.mode,
        "MCP servers": spec.mcp_servers,
    }
    for what, value in wanted.items():
        if value:
            msg = f"an agent behind acpx takes no {what}"
            hint = "use the driver claude or acp for this agent"
            raise AgentError(msg, code="unsupported", hint=hint)
