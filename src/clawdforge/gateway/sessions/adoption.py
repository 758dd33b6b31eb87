"""Sessions made of conversations that somebody began in a terminal."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from clawdforge.agents.driver import Agents
from clawdforge.agents.terminal import Terminal, Written
from clawdforge.core.handover import Lease, Past
from clawdforge.core.options import Adoption, SessionOptions
from clawdforge.core.records import App
from clawdforge.core.session_records import Session
from clawdforge.core.workspace import LocalPath, parse_root
from clawdforge.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.files import storage_fault
from clawdforge.gateway.sessions.handover import MAX_TURNS, Hands
from clawdforge.gateway.sessions.holding import Holding, in_use
from clawdforge.gateway.sessions.policies import Policies
from clawdforge.gateway.sessions.service import Sessions, check_meta
from clawdforge.gateway.sessions.specs import Specs
from clawdforge.store.session_ledger import SessionLedger
from clawdforge.tasks import TaskOwner, finish

DRIVEN = "already_driven"


class Adoptions:
    """Takes conversations over.

    Args:
        holding: Who has conversations on this machine.
        app: The app of a name; None: there is none.
        default_app: Whose a session is that the admin takes over without naming one.
        roots: Under which folders an app may have its agents work.
        utc: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: Sessions,
        hands: Hands,
        specs: Specs,
        policies: Policies,
        agents: Agents,
        holding: Holding,
        app: Callable[[str], App | None],
        default_app: str,
        roots: Sequence[str],
        utc: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._hands = hands
        self._specs = specs
        self._policies = policies
        self._agents = agents
        self._holding = holding
        self._app = app
        self._default_app = default_app
        parsed = [parse_root(root) for root in roots]
        self._roots = [Path(root.path) for root in parsed if isinstance(root, LocalPath)]
        self._utc = utc
        self._under_way: set[str] = set()
        self._owner = TaskOwner()

    async def adopt(self, wanted: Adoption, *, who: Caller) -> Session:
        """Make a session of a conversation, with its history.

        Raises:
            NotFoundError: there is no such conversation, or no such app.
            ForbiddenError: the caller may not say whose it is to be, or where to look.
            InputError: its folder may not be used (`workspace_not_allowed`), or is gone.
            ConflictError: it is open in a terminal (`conversation_in_use`), a session already
                (`already_driven`), or the agent cannot (`not_adoptable`).
        """
        owner = self._owner_of(wanted, who)
        check_meta(wanted.meta)
        assert owner.app is not None
        self._policies.check(wanted.permissions, owner.app.app_id)
        agent, terminal = self._agent(wanted.agent)
        if wanted.conversation in self._under_way:
            msg = "the conversation is being taken over already"
            raise ConflictError(msg, code=DRIVEN)
        self._under_way.add(wanted.conversation)
        try:
            # Whoever hangs up meanwhile has taken it over nevertheless.
            work = self._adopted(wanted, agent, terminal, owner, who)
            return await finish(self._owner.start(work, name="adopt", awaited=True))
        finally:
            self._under_way.discard(wanted.conversation)

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._owner.wait()

    async def _adopted(
        self, wanted: Adoption, agent: str, terminal: Terminal, owner: Caller, who: Caller
    ) -> Session:
        home = None if wanted.home is None else Path(wanted.home)
        written = await asyncio.to_thread(terminal.find, wanted.conversation, home)
        if written is None:
            msg = f"{agent} has written down no conversation of that id"
            raise NotFoundError(msg)
        await self._check_folder(written.cwd, who)
        if not wanted.fork:
            await self._require_nobodys(wanted, agent, terminal, owner, who)
        await self._sessions.require_room()
        session = self._sessions.new(agent, None, wanted.meta, SessionOptions(), owner)
        try:
            session, past = await self._brought(session, wanted, terminal, written, who)
        except OSError as error:
            raise storage_fault(error, "copying the conversation") from error
        await self._specs.make(session)
        await self._sessions.add(session, who, "adopt")
        return await self._hands.take_back(session, past)

    async def _brought(
        self, session: Session, wanted: Adoption, terminal: Terminal, written: Written, who: Caller
    ) -> tuple[Session, Past]:
        """The session as it is recorded first: nobody's, with everything yet to be read."""
        theirs: str | None = written.agent_session_id
        if wanted.fork or not written.is_ours:
            written = await asyncio.to_thread(terminal.copy, written, session.session_id)
            theirs = None
        name = written.agent_session_id
        past = await asyncio.to_thread(terminal.read, name, after=0, limit=MAX_TURNS)
        if not past.turns:
            msg = "nothing was said yet in the conversation"
            raise ConflictError(msg, code="not_adoptable")
        lease = Lease(
            by=who.actor,
            since=int(self._utc()),
            conversation=name,
            after=0,
            spent_microusd=None if wanted.fork else 0,
        )
        adopted = {
            "conversation": wanted.conversation,
            "folder": str(written.cwd),
            "theirs": theirs,
        }
        options = SessionOptions(permissions=wanted.permissions, adopted=adopted)
        session = replace(
            session,
            agent_session_id=name,
            options=options.to_json(),
            attached=lease.to_json(),
        )
        return session, past

    async def _require_nobodys(
        self, wanted: Adoption, agent: str, terminal: Terminal, owner: Caller, who: Caller
    ) -> None:
        assert owner.app is not None
        for session in await self._ledger.sessions_of_conversation(wanted.conversation):
            if session.options.get("fork") == wanted.conversation:
                continue  # a copy that is yet to be made
            if who.app is not None and session.app_id != who.app.app_id:
                msg = "the conversation is another app's session already"
                raise ConflictError(msg, code=DRIVEN)
            how = "" if session.closed_at is None else ", which is closed and can be resumed"
            msg = f"the conversation is the session {session.session_id} already{how}"
            raise ConflictError(msg, code=DRIVEN)
        found = await self._holding.holders(terminal, wanted.conversation, wanted.home)
        if found:
            raise in_use(agent, found[0])

    async def _check_folder(self, folder: Path, who: Caller) -> None:
        there, real = await asyncio.to_thread(_looked_at, folder)
        if not there:
            msg = f"the folder of the conversation is gone: {folder}"
            raise InputError(msg, code="workspace_gone")
        if who.app is None:
            return
        roots = await asyncio.to_thread(lambda: [root.resolve() for root in self._roots])
        if not any(real.is_relative_to(root) for root in roots):
            msg = "the folder of the conversation lies under none of the workspace_roots"
            raise InputError(msg, code="workspace_not_allowed")

    def _owner_of(self, wanted: Adoption, who: Caller) -> Caller:
        if who.app is not None:
            if wanted.app not in {None, who.app.name} or wanted.home is not None:
                msg = "app, home: only the admin may say whose it is to be, and where to look"
                raise ForbiddenError(msg, code="admin_only")
            return who
        app = self._app(wanted.app or self._default_app)
        if app is None:
            msg = f"there is no app {wanted.app!r}"
            raise NotFoundError(msg, code="unknown_app")
        return replace(who, app=app)

    def _agent(self, name: str | None) -> tuple[str, Terminal]:
        names = self._agents.names() if name is None else [name]
        for each in names:
            if each not in self._agents.names():
                msg = "agent: there is no agent of that name"
                raise InputError(msg, code="unknown_agent")
            terminal = self._holding.terminals(each)
            if terminal is not None:
                return each, terminal
        msg = "conversations of that agent cannot be taken over from a terminal"
        raise ConflictError(msg, code="not_adoptable")


def _looked_at(folder: Path) -> tuple[bool, Path]:
    try:
        return folder.is_dir(), folder.resolve()
    except OSError:
        return False, folder
