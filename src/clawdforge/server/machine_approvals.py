"""What sessions of other machines ask, beside those of this one."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.core.observed.machines import id_on
from clawdforge.errors import BusyError, ClawdforgeError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.http.services import Approvals
from clawdforge.monitor.approval_asking import RETRY_SECS, approvals_of, give_answer
from clawdforge.wire import atm
from clawdforge.wire.forge_approvals import ApprovalInfo

ASK_SECS = 5.0
"""A machine that takes longer to say what it asks is left out."""


class AllApprovals:
    """What sessions ask that were started by hand, on this machine and others.

    Args:
        here: Those of this machine.
        sockets: By name: the monitors' sockets of the machines that are heard of.
    """

    def __init__(self, here: Approvals, sockets: Callable[[], Mapping[str, Path]]) -> None:
        self._here = here
        self._sockets = sockets

    async def rows(self, *, every: bool = False, approval_id: str | None = None) -> list[Any]:
        """See `Approvals`."""
        rows = await self._here.rows(every=every, approval_id=approval_id)
        others = await self._others(every=every, approval_id=approval_id)
        if not others:
            return rows
        rows += [row for found in others.values() for row in found]
        return sorted(rows, key=lambda row: row["asked_at"], reverse=True)

    async def answer(self, approval_id: str, answer: ApprovalAnswer, who: Caller) -> Any:
        """See `Approvals`. Ids are long and random: one machine alone has it."""
        try:
            return await self._here.answer(approval_id, answer, who)
        except NotFoundError:
            others = await self._others(every=True, approval_id=approval_id)
            if not others:
                raise
        name = next(iter(others))
        path = self._sockets().get(name)
        if path is None:
            msg = f"{name} is not heard of now"
            raise BusyError(msg, code="no_monitor", retry_after_secs=RETRY_SECS)
        behalf = atm.OnBehalf(actor=who.actor, peer=who.peer, request_id=who.request_id)
        return _row_of(name, await give_answer(path, approval_id, answer, behalf))

    async def _others(self, *, every: bool, approval_id: str | None) -> dict[str, list[Any]]:
        """By machine: what its sessions ask."""
        found: dict[str, list[Any]] = {}

        async def ask(name: str, path: Path) -> None:
            try:
                async with asyncio.timeout(ASK_SECS):
                    rows = await approvals_of(path, every=every, approval_id=approval_id)
            except (ClawdforgeError, TimeoutError):
                return
            if good := [_row_of(name, row) for row in rows if _is_known(row)]:
                found[name] = good

        async with asyncio.TaskGroup() as group:
            for name, path in self._sockets().items():
                group.create_task(ask(name, path), name=f"approvals-{name}")
        return found


def _is_known(row: object) -> bool:
    """Whether we understand it: that machine may be of another version."""
    try:
        msgspec.convert(row, ApprovalInfo)
    except msgspec.ValidationError:
        return False
    return True


def _row_of(name: str, row: Any) -> Any:
    """A question as it is told here: of the session under the id that it has here."""
    return {**row, "session_id": id_on(name, row["session_id"]), "host": name}
