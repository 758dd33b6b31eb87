"""The questions of agents that wait for a person, and the answers."""

from collections.abc import Sequence
from typing import Any

from clawdforge.core.session_inputs import Answered
from clawdforge.core.session_records import Permission, PermissionState
from clawdforge.errors import ConflictError, InputError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.store.session_ledger import SessionLedger


class Permissions:
    """Shows the questions of an app's sessions, and takes answers."""

    def __init__(self, *, ledger: SessionLedger, supervisor: Supervisor) -> None:
        self._ledger = ledger
        self._supervisor = supervisor

    async def page(
        self, *, limit: int, state: PermissionState | None, who: Caller
    ) -> Sequence[Permission]:
        """Some of the app's questions, newest first."""
        assert who.app is not None
        return await self._ledger.permissions(who.app.app_id, limit=limit, state=state)

    async def get(self, permission_id: str, *, who: Caller) -> Permission:
        """One question.

        Raises:
            NotFoundError: there is none of that id, or it is another app's.
        """
        assert who.app is not None
        permission = await self._ledger.permission(permission_id)
        if permission is None or permission.app_id != who.app.app_id:
            msg = "there is no such permission"
            raise NotFoundError(msg)
        return permission

    async def answer(
        self,
        permission_id: str,
        *,
        allow: bool,
        always: bool = False,
        option_id: str | None = None,
        message: str | None = None,
        args: Any = None,
        who: Caller,
    ) -> Permission:
        """Answer a question; who answers first wins.

        Raises:
            ConflictError: it has its answer, or the agent waits no more (`already_answered`).
            InputError: the agent did not offer that option.
        """
        permission = await self.get(permission_id, who=who)
        _check_option(permission, allow=allow, option_id=option_id)
        actor = self._supervisor.awake(permission.session_id)
        if permission.state is not PermissionState.PENDING or actor is None:
            raise _too_late(permission)
        if args is not None and (actor.caps is None or not actor.caps.takes_args):
            msg = "args: this agent does what it asked for or nothing; it takes no other input"
            raise InputError(msg, code="args_not_taken")
        if actor.waiting_for.is_being_answered(permission_id):
            msg = "somebody else's answer came first"
            raise ConflictError(msg, code="already_answered")
        settled = actor.waiting_for.expect_answer(permission_id)
        actor.put(
            Answered(
                permission_id=permission_id,
                allow=allow,
                always=always,
                option_id=option_id,
                message=message,
                args=args,
                by=who.actor,
            )
        )
        answered = await settled
        if answered is None or answered.answered_by != who.actor:
            raise _too_late(answered or await self.get(permission_id, who=who))
        return answered


def _too_late(permission: Permission) -> ConflictError:
    msg = f"it was settled already: {permission.state.value}"
    return ConflictError(msg, code="already_answered")


def _check_option(permission: Permission, *, allow: bool, option_id: str | None) -> None:
    if option_id is None:
        return
    for option in permission.request.get("options", ()):
        if option["option_id"] == option_id:
            kind = option["kind"] or ""
            if kind.startswith("reject" if allow else "allow"):
                msg = "option_id: that option means the opposite of the decision"
                raise InputError(msg, code="option_mismatch")
            return
    msg = "option_id: the agent did not offer that"
    raise InputError(msg, code="unknown_option")
