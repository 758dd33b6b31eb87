"""Who has a conversation on this machine: one process at a time, ours or a person's.

Agents themselves do not see to that: of two processes on one conversation, one loses its turns.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from clawdforge.agents.terminal import Holder, Terminal
from clawdforge.core.handover import Lease
from clawdforge.core.session_effects import StartAgent
from clawdforge.core.session_records import Session
from clawdforge.errors import AgentError, ConflictError

IN_USE = "conversation_in_use"


class Holding:
    """Looks who has what.

    Args:
        terminals: How conversations of an agent (by name) change hands; None: they cannot.
        started: When a living process of our own user began, as the system counts it; else None.
    """

    def __init__(
        self, terminals: Callable[[str], Terminal | None], started: Callable[[int], int | None]
    ) -> None:
        self.terminals = terminals
        self.started = started

    def terminal(self, agent: str) -> Terminal:
        """How conversations of an agent change hands.

        Raises:
            ConflictError: they cannot (`not_attachable`).
        """
        terminal = self.terminals(agent)
        if terminal is None:
            msg = (
                f"the agent {agent} has no program for terminals that goes on with a session; "
                "use `clawdforge chat --session`"
            )
            raise ConflictError(msg, code="not_attachable")
        return terminal

    async def holders(
        self, terminal: Terminal, conversation: str, home: str | None = None
    ) -> list[Holder]:
        """The living processes that have a conversation."""
        place = None if home is None else Path(home)
        found = await asyncio.to_thread(terminal.holders, conversation, place)
        return [one for one in found if self._lives(one)]

    async def is_held(self, session: Session, lease: Lease) -> bool:
        """Whether the process lives, or another one that goes on with the conversation for it."""
        if lease.pid is None:
            return False
        if self.started(lease.pid) == lease.start:
            return True
        terminal = self.terminals(session.agent)
        if terminal is None or not lease.conversation:
            return False
        return bool(await self.holders(terminal, lease.conversation))

    async def require_free(self, session: Session, start: StartAgent) -> None:
        """Before our agent goes on with a conversation: nobody else may have it.

        Raises:
            AgentError: somebody has it in a terminal (`conversation_in_use`).
        """
        if start.resume_id is None or start.fork:
            return
        terminal = self.terminals(session.agent)
        if terminal is not None and (found := await self.holders(terminal, start.resume_id)):
            raise AgentError(in_use(session.agent, found[0]).message, code=IN_USE)

    def _lives(self, holder: Holder) -> bool:
        started = self.started(holder.pid)
        return started is not None and holder.start in {None, started}


def in_use(agent: str, holder: Holder) -> ConflictError:
    """The error for whoever wants a conversation that runs in a terminal."""
    where = f", tmux pane {holder.place}" if holder.place else ""
    msg = (
        f"the conversation is open in a terminal ({agent}, process {holder.pid}{where}): end the "
        "agent there (/exit) first, or take over a copy (fork)"
    )
    return ConflictError(msg, code=IN_USE)
