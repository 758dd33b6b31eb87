"""The questions of one session: which the policy answers, which wait for a person. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from clawdforge.core.events import Ask
from clawdforge.core.permission import Policy, Verdict, decide, remember, to_json
from clawdforge.core.session_effects import (
    Arm,
    Audit,
    Change,
    Disarm,
    Effect,
    Fact,
    Keep,
    Settled,
    TellAnswer,
)
from clawdforge.core.session_inputs import Answered, Moment, Timer
from clawdforge.core.session_records import Permission, PermissionState, Session, SessionPatch
from clawdforge.core.turn import OpenTurn

BY_POLICY = "policy"
BY_SERVER = "server"
QUESTIONS_TO_PEOPLE = frozenset({"AskUserQuestion"})
"""Tools of agents that ask for an answer, not for permission."""
REFUSED = "This is not permitted here. Do not try again; go on without it, or say what you need."
"""What the agent is told when the policy says no."""
NOBODY = "Nobody answered the question in time."
OVER = "The turn is over: nobody will answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    ask: Ask
    permission: Permission
    turn: OpenTurn


class Asks:
    """Decides what may be decided, and remembers what waits. Each method gives the effects."""

    def __init__(self, *, session: Session, epoch: int, policy: Policy, cwd: str) -> None:
        self.policy = policy
        self._session = session
        self.options = session.options
        self._epoch = epoch
        self._cwd = cwd
        self._count = 0
        self._open: dict[str, _Open] = {}

    @property
    def pending(self) -> int:
        """How many wait for a person."""
        return len(self._open)

    def asked(self, ask: Ask, turn: OpenTurn, now: Moment) -> Iterator[Effect]:
        """The agent asks."""
        verdict = decide(self.policy, ask, self._cwd)
        if verdict is Verdict.ALLOW and ask.tool in QUESTIONS_TO_PEOPLE:
            verdict = Verdict.ASK  # only a person has the answer
        if verdict is Verdict.ASK:
            yield from self._put_to_people(ask, turn, now)
            return
        allow = verdict is Verdict.ALLOW
        state = PermissionState.ALLOWED if allow else PermissionState.DENIED
        yield turn.fact(
            "permission_resolved",
            {
                "permission_id": None,
                "tool": ask.tool,
                "title": ask.title,
                "state": state.value,
                "decision": "allow" if allow else "deny",
                "scope": "once",
                "by": BY_POLICY,
            },
        )
        yield TellAnswer(ask_id=ask.ask_id, allow=allow, message=None if allow else REFUSED)

    def answered(self, answer: Answered, now: Moment) -> Iterator[Effect]:
        """A person has answered; nothing happens when it is too late."""
        opened = self._open.pop(answer.permission_id, None)
        if opened is None:
            return
        state = PermissionState.ALLOWED if answer.allow else PermissionState.DENIED
        scope = "always" if answer.always else "once"
        given: dict[str, Any] = {"decision": "allow" if answer.allow else "deny", "scope": scope}
        given |= {"option_id": answer.option_id, "message": answer.message}
        if answer.always:  # before it is told: what is to hold for ever is durable by then, too
            yield from self._remember(opened.ask, allow=answer.allow)
        yield from self._settle(opened, state, given, by=answer.by, now=now)
        yield TellAnswer(
            ask_id=opened.ask.ask_id,
            allow=answer.allow,
            option_id=answer.option_id,
            message=answer.message,
            args=answer.args,
        )

    def expired(self, permission_id: str, now: Moment) -> Iterator[Effect]:
        """Nobody has answered in time: the policy's default."""
        opened = self._open.pop(permission_id, None)
        if opened is None:
            return
        allow = self.policy.on_timeout == "allow"
        given = {"decision": "allow" if allow else "deny", "scope": "once"}
        yield from self._settle(opened, PermissionState.EXPIRED, given, by=BY_SERVER, now=now)
        yield TellAnswer(ask_id=opened.ask.ask_id, allow=allow, message=None if allow else NOBODY)

    def withdrawn(self, ask_id: str, now: Moment) -> Iterator[Effect]:
        """The agent does not wait any more."""
        for permission_id, opened in list(self._open.items()):
            if opened.ask.ask_id == ask_id:
                del self._open[permission_id]
                yield from self._settle(opened, PermissionState.WITHDRAWN, {}, BY_SERVER, now)

    def withdraw_all(self, now: Moment, *, tell: bool) -> Iterator[Effect]:
        """The turn is over, and with it its questions.

        Args:
            now: The time.
            tell: Tell the agent: it may be waiting all the same, for something in the background.
        """
        for opened in self._open.values():
            yield from self._settle(opened, PermissionState.WITHDRAWN, {}, BY_SERVER, now)
            if tell:
                yield TellAnswer(ask_id=opened.ask.ask_id, allow=False, message=OVER)
        self._open.clear()

    def left_behind(self, pending: Sequence[Permission], now: Moment) -> Iterator[Effect]:
        """Questions of an owner that died: nobody waits for their answers."""
        for permission in pending:
            settled = _settled(permission, PermissionState.WITHDRAWN, {}, BY_SERVER, now)
            yield Fact(type="permission_resolved", body=_told(settled), turn=permission.turn)
            yield Keep(permission=settled)

    def _put_to_people(self, ask: Ask, turn: OpenTurn, now: Moment) -> Iterator[Effect]:
        self._count += 1
        name = self._session.session_id.replace("-", "")
        permission_id = f"pm_{name}_{self._epoch:x}_{self._count:x}"
        permission = Permission(
            permission_id=permission_id,
            session_id=self._session.session_id,
            app_id=self._session.app_id,
            turn=turn.turn,
            asked_at=int(now.utc),
            expires_at=int(now.utc + self.policy.timeout_secs),
            request=_request(ask),
        )
        self._open[permission_id] = _Open(ask=ask, permission=permission, turn=turn)
        body = {
            "permission_id": permission_id,
            **permission.request,
            "expires_at": permission.expires_at,
        }
        yield turn.fact("permission_request", body)
        yield Keep(permission=permission)
        yield Arm(timer=Timer.ASK, secs=self.policy.timeout_secs, key=permission_id)

    def _settle(
        self,
        opened: _Open,
        state: PermissionState,
        given: Mapping[str, Any],
        by: str,
        now: Moment,
    ) -> Iterator[Effect]:
        permission = _settled(opened.permission, state, given, by, now)
        yield from opened.turn.flush()
        yield opened.turn.fact("permission_resolved", _told(permission))
        yield Keep(permission=permission)
        yield Audit(
            action="permission.resolve",
            detail={
                "permission_id": permission.permission_id,
                "tool": opened.ask.tool,
                "state": state.value,
                **{k: v for k, v in given.items() if k in {"decision", "scope"}},
            },
            actor=by,
        )
        yield Disarm(timer=Timer.ASK, key=permission.permission_id)
        yield Settled(permission=permission, state=state)

    def _remember(self, ask: Ask, *, allow: bool) -> Iterator[Effect]:
        policy = remember(self.policy, ask, self._cwd, allow=allow)
        if policy == self.policy:
            return  # nothing that could be told apart from other things
        self.policy = policy
        self.options = {**self.options, "permissions": to_json(self.policy)}
        yield Change(patch=SessionPatch(options=self.options))


def _request(ask: Ask) -> Mapping[str, Any]:
    return {
        "tool": ask.tool,
        "kind": ask.kind,
        "title": ask.title,
        "args": ask.args,
        "paths": list(ask.paths),
        "call_id": ask.call_id,
        "options": [asdict(option) for option in ask.options],
    }


def _settled(
    permission: Permission,
    state: PermissionState,
    given: Mapping[str, Any],
    by: str,
    now: Moment,
) -> Permission:
    return replace(
        permission, state=state, answered_at=int(now.utc), answered_by=by, answer=dict(given)
    )


def _told(permission: Permission) -> Mapping[str, Any]:
    answer = permission.answer or {}
    return {
        "permission_id": permission.permission_id,
        "tool": permission.request.get("tool"),
        "title": permission.request.get("title"),
        "state": permission.state.value,
        "decision": answer.get("decision"),
        "scope": answer.get("scope"),
        "by": permission.answered_by,
    }
