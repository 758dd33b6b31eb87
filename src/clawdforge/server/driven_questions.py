"""What the sessions that this server drives ask, for notices, and answers that webhooks give."""

from dataclasses import dataclass
from typing import Any

from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.core.records import App
from clawdforge.core.session_records import Permission, PermissionState, Session
from clawdforge.errors import InputError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.sessions.permissions import Permissions
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.http.rows import permission_row
from clawdforge.monitor.approval_log import By

MAX_LOOKED_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnBehalf(Caller):
    """Somebody the operator lets answer for the app whose session it is."""

    name: str = ""

    @property
    def actor(self) -> str:
        """The name in the audit."""
        return self.name


class DrivenQuestions:
    """See `monitor.notifying.questions.GatewayQuestions`."""

    def __init__(self, supervisor: Supervisor, permissions: Permissions) -> None:
        self._supervisor = supervisor
        self._permissions = permissions

    async def question(self, session_id: str) -> dict[str, Any] | None:
        """What a session asks, the oldest, as `GET /permissions` tells it; None: nothing."""
        session = self._session(session_id)
        if session is None:
            return None
        waiting = await self._permissions.page(
            limit=MAX_LOOKED_AT, state=PermissionState.PENDING, who=_caller(session, By(name=""))
        )
        own = [one for one in waiting if one.session_id == session_id]
        return permission_row(own[-1]) if own else None

    async def answer(
        self, session_id: str, permission_id: str, answer: ApprovalAnswer, by: By
    ) -> None:
        """Answer it.

        Raises:
            NotFoundError, ConflictError, InputError: see `Permissions.answer`.
        """
        session = self._session(session_id)
        if session is None:
            msg = "the session is not awake any more"
            raise NotFoundError(msg)
        if answer.mode is not None:
            msg = "mode: this agent takes none"
            raise InputError(msg, code="mode_not_offered")
        who = _caller(session, by)
        asked = await self._permissions.get(permission_id, who=who)
        await self._permissions.answer(
            permission_id,
            allow=answer.decision == "allow",
            message=answer.message,
            args=_args(asked, answer),
            who=who,
        )

    def _session(self, session_id: str) -> Session | None:
        actor = self._supervisor.awake(session_id)
        return None if actor is None else actor.machine.session


def _caller(session: Session, by: By) -> Caller:
    # Questions are shown and answered per app: this is the app whose session it is.
    app = App(app_id=session.app_id, name=session.app_name, token_digest="", created_at=0)
    return _OnBehalf(app=app, peer=by.peer, request_id=by.request_id, name=by.name)


def _args(asked: Permission, answer: ApprovalAnswer) -> Any:
    if answer.answers is None:
        return None
    given = asked.request.get("args")
    return {**(given if isinstance(given, dict) else {}), "answers": answer.answers}
