"""What holds of a session whatever happens, and in whatever order: a world around its machine.

The world gives the machine only what the actor could give it, and that includes what was under
way when it was taken back: a place granted too late, a timer that ran out just then, last words.
What may never be done is refused by the `Book`; here is what has to be so after every step.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from session_playbook import CLOSE, STOP, Playbook, asks, granted, prompt, refused

from clawdforge.core.events import (
    AskWithdrawn,
    Background,
    Context,
    Event,
    Exited,
    Note,
    Ready,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
    TurnStarted,
)
from clawdforge.core.permission import Policy
from clawdforge.core.session_inputs import (
    Answered,
    Broke,
    CancelAsked,
    Expired,
    Gone,
    Happened,
    Input,
    OptionsChanged,
    RestAsked,
    StopAsked,
    Timer,
    WarmUp,
)
from clawdforge.core.session_records import PermissionState, TurnState
from clawdforge.core.session_state import Agent
from clawdforge.errors import AgentError

SEATS = {
    Agent.NONE: {"empty"},
    Agent.WANTED: {"line", "granted"},
    Agent.STARTING: {"agent"},
    Agent.UP: {"agent"},
    Agent.STOPPING: {"ending"},
}
WORDS: list[Event] = [
    Text(text="a"),
    Text(text="b", message_id="m"),
    Thought(text="c"),
    ToolCall(call_id="1", name="Bash"),
    Context(used=1, size=2, cost_microusd=5),
    Background(tasks=("sleep",)),
    Background(tasks=()),
    Note(kind="warning"),
]
POLICIES = [
    Policy(mode="ask"),
    Policy(mode="deny"),
    Policy(mode="allow-all"),
    Policy(mode="ask", on_timeout="allow"),
]


def is_awake(world: "World") -> bool:
    return not world.book.over


def has_process(world: "World") -> bool:
    return is_awake(world) and world.book.seat in {"agent", "ending"} and not world.exited


class World(RuleBasedStateMachine):
    """One session, the people around it, its agent, its timers, and the servers that own it."""

    def __init__(self) -> None:
        super().__init__()
        self.playbook = Playbook()
        self.tickets = 0
        self.questions = 0
        self.prompts: list[str] = []
        """Handed to the process that is there, or was last."""
        self.timers: list[tuple[Timer, str]] = []
        """All that were ever armed, newest last."""
        self.places: list[int] = []
        self.exited = False

    @property
    def book(self) -> Any:
        return self.playbook.book

    @property
    def machine(self) -> Any:
        return self.playbook.machine

    def do(self, input_: Input) -> None:
        turn_ids = set(self.book.prompts)
        self.playbook.later(0.1)
        words = self.playbook.on(input_)
        self.prompts += [each for each in self.book.prompts if each not in turn_ids]
        self.timers += [key for key in self.book.timers if key not in self.timers[-8:]]
        if "want place" in words:
            self.places.append(self.book.place)
        if any(each.startswith(("start agent", "resume", "fork")) for each in words):
            self.exited = False

    def happens(self, event: Event) -> None:
        self.do(Happened(event=event))

    @precondition(is_awake)
    @rule(steps=st.integers(1, 6), end=st.sampled_from([Stop.DONE, Stop.DONE, Stop.REFUSED]))
    def go_on(self, steps: int, end: Stop) -> None:
        """What mostly happens: somebody wants a turn, and gets it."""
        for _ in range(steps):
            match self.machine.agent:
                case Agent.WANTED:
                    self.do(granted(self.book.place))
                case Agent.STARTING if not self.exited:
                    self.get_ready("conv")
                case Agent.STOPPING:
                    self.be_gone()
                case Agent.UP if self.prompts and not self.exited:
                    self.speak(Text(text="so"))
                    turn_id = self.prompts.pop(0)
                    self.happens(TurnEnded(turn_id=turn_id, stop=end, text="so it is"))
                case _:
                    self.prompt(120)

    # People

    @precondition(lambda self: is_awake(self) and self.machine.waiting < 3)
    @rule(secs=st.sampled_from([5, 120]))
    def prompt(self, secs: int) -> None:
        self.tickets += 1
        self.do(prompt(self.tickets, secs=secs))

    @precondition(lambda self: self.machine.current or self.machine.waiting)
    @rule()
    def cancel(self) -> None:
        self.do(CancelAsked())

    @precondition(lambda self: self.machine.pending)
    @rule(data=st.data(), allow=st.booleans(), always=st.booleans())
    def answer(self, data: st.DataObject, allow: bool, always: bool) -> None:
        permission_id = data.draw(st.sampled_from(list(self.book.permissions)))
        self.do(Answered(permission_id=permission_id, allow=allow, always=always, by="app:a"))

    @precondition(is_awake)
    @rule(policy=st.sampled_from(POLICIES), restart=st.booleans())
    def change_options(self, policy: Policy, restart: bool) -> None:
        options = {"effort": "low" if restart else "high"}
        changes = (("effort", options["effort"]),)
        self.do(OptionsChanged(options=options, policy=policy, restart=restart, changes=changes))

    @precondition(lambda self: self.machine.turns > 2)
    @rule(stop=st.sampled_from([STOP, STOP, CLOSE]), again=st.booleans())
    def stop(self, stop: StopAsked, again: bool) -> None:
        self.do(stop)
        if again:  # handed in before anybody knew
            self.do(CLOSE)
            self.tickets += 1
            self.do(prompt(self.tickets))

    @precondition(lambda self: self.book.over)
    @rule()
    def wake_again(self) -> None:
        if self.machine.is_closed:
            self.do(WarmUp())
            self.do(CLOSE)
            self.bring_to_an_end()
            self.playbook = Playbook()
            self.tickets = 0
            self.forget_processes()
        else:
            self.sleep_and_wake()

    @precondition(is_awake)
    @rule()
    def warm_up(self) -> None:
        self.do(WarmUp())

    @precondition(has_process)
    @rule()
    def rest(self) -> None:
        self.do(RestAsked(reason="its place was needed"))

    # The line

    @precondition(lambda self: is_awake(self) and self.places)
    @rule(late=st.booleans())
    def grant(self, late: bool) -> None:
        self.do(granted(self.places[0 if late else -1]))

    @precondition(lambda self: is_awake(self) and self.places)
    @rule(late=st.booleans())
    def refuse(self, late: bool) -> None:
        self.do(refused(self.places[0 if late else -1]))

    # The agent

    @precondition(has_process)
    @rule(known_as=st.sampled_from([None, "conv", "other"]))
    def get_ready(self, known_as: str | None) -> None:
        self.happens(Ready(agent_session_id=known_as))

    @precondition(has_process)
    @rule(word=st.sampled_from(WORDS))
    def speak(self, word: Event) -> None:
        self.happens(word)

    @precondition(has_process)
    @rule()
    def begin_own_turn(self) -> None:
        self.happens(TurnStarted(turn_id=None))

    @precondition(has_process)
    @rule(stop=st.sampled_from([Stop.DONE, Stop.FAILED]))
    def end_own_turn(self, stop: Stop) -> None:
        self.happens(TurnEnded(turn_id=None, stop=stop))

    @precondition(lambda self: has_process(self) and self.prompts)
    @rule(
        stop=st.sampled_from([*Stop, Stop.DONE, Stop.DONE]),
        text=st.sampled_from([None, "a", "all"]),
        forgot=st.booleans(),
    )
    def end_turn(self, stop: Stop, text: str | None, forgot: bool) -> None:
        stop = Stop.FAILED if forgot else stop
        reason = "cannot_resume" if forgot else None
        turn_id = self.prompts.pop(0)
        self.happens(TurnEnded(turn_id=turn_id, stop=stop, reason=reason, text=text))

    @precondition(has_process)
    @rule(
        command=st.sampled_from(["ls", "rm x", "git push"]),
        then=st.sampled_from(["wait", "answer", "expire"]),
        allow=st.booleans(),
    )
    def ask(self, command: str, then: str, allow: bool) -> None:
        self.questions += 1
        before = set(self.book.permissions)
        self.do(asks(f"a{self.questions}", command))
        for permission_id in set(self.book.permissions) - before:
            if then == "answer":
                answer = Answered(
                    permission_id=permission_id, allow=allow, always=command == "ls", by="app:a"
                )
                self.do(answer)
            elif then == "expire":
                self.do(Expired(timer=Timer.ASK, key=permission_id))

    @precondition(lambda self: has_process(self) and self.book.questions)
    @rule(data=st.data())
    def withdraw_question(self, data: st.DataObject) -> None:
        ask_id = data.draw(st.sampled_from(sorted(self.book.questions)))
        self.happens(AskWithdrawn(ask_id=ask_id))

    @precondition(has_process)
    @rule(honest=st.booleans())
    def die(self, honest: bool) -> None:
        while honest and self.prompts:
            self.happens(TurnEnded(turn_id=self.prompts.pop(0), stop=Stop.LOST))
        self.exited = True
        self.happens(Exited(code=1))

    @precondition(has_process)
    @rule()
    def break_off(self) -> None:
        self.do(Broke(error=AgentError("too long a line", code="agent_protocol")))

    @precondition(lambda self: self.book.seat == "ending")
    @rule()
    def be_gone(self) -> None:
        self.prompts.clear()
        self.do(Gone())

    # Time, and servers

    @precondition(lambda self: is_awake(self) and self.timers)
    @rule(data=st.data(), late=st.booleans())
    def ring(self, data: st.DataObject, late: bool) -> None:
        armed = list(self.book.timers)
        known = self.timers[-8:] if late or not armed else armed
        timer, key = data.draw(st.sampled_from(known))
        self.do(Expired(timer=timer, key=key))

    @precondition(lambda self: self.machine.holds_text)
    @rule()
    def store_text(self) -> None:
        self.do(Expired(timer=Timer.JOIN))

    @precondition(lambda self: self.machine.agent is Agent.NONE and not self.machine.waiting)
    @rule()
    def sleep_and_wake(self) -> None:
        before = self.machine
        assert self.playbook.killed() == []
        self.agrees_with(before)
        self.forget_processes()

    @precondition(lambda self: self.machine.turns > 1)
    @rule()
    def kill_the_server(self) -> None:
        before, running = self.machine, self.book.running
        self.playbook.killed()
        self.agrees_with(before)
        self.forget_processes()
        if running is not None:
            assert self.book.turns[running].end.state is TurnState.INTERRUPTED

    def forget_processes(self) -> None:
        self.prompts.clear()
        self.places.clear()
        self.timers.clear()

    def agrees_with(self, before: Any) -> None:
        """The next owner knows what the one before knew."""
        machine = self.machine
        assert (machine.turns, machine.options) == (before.turns, before.options)
        assert machine.session.model == before.session.model
        assert machine.is_closed == before.is_closed
        assert machine.agent is Agent.NONE
        assert (machine.current, machine.waiting, machine.pending) == (None, 0, 0)
        known_as = before._state.agent_id
        assert known_as in {None, machine._state.agent_id}

    # What has to be so

    @invariant()
    def the_machine_and_the_book_agree(self) -> None:
        machine, book = self.machine, self.book
        assert machine.turns == book.row.turn_count == len(book.turns)
        assert (machine.current.turn if machine.current else None) == book.running
        assert machine.is_closed == (book.row.closed_at is not None)
        assert machine.options == book.row.options
        assert book.seat in SEATS[machine.agent]

    @invariant()
    def whoever_wants_a_turn_has_one_or_waits(self) -> None:
        current = self.machine.current
        mine = 1 if current is not None and not current.by_agent else 0
        assert len(self.book.wanted) == self.machine.waiting + mine

    @invariant()
    def whatever_waits_has_somebody_to_wait_for(self) -> None:
        machine = self.machine
        if machine.waiting or (machine.current and not machine.current.by_agent):
            assert machine.agent is not Agent.NONE

    @invariant()
    def every_question_waits_for_a_person(self) -> None:
        book = self.book
        open_ones = [p for p in book.permissions.values() if p.state is PermissionState.PENDING]
        assert len(open_ones) == self.machine.pending
        for permission in open_ones:
            assert (Timer.ASK, permission.permission_id) in book.timers
        if book.seat == "agent":
            assert len(book.questions) == self.machine.pending

    @invariant()
    def nothing_lasts_for_ever(self) -> None:
        machine, turn = self.machine, self.machine.current
        armed = {timer for timer, _ in self.book.timers}
        if machine.agent is Agent.STARTING:
            assert Timer.START in armed
        if turn is not None and turn.ending is None:
            assert (Timer.TURN, str(turn.turn)) in self.book.timers
        if turn is not None and turn.ending is not None and self.book.seat == "agent":
            assert Timer.GRACE in armed
        if machine.idle:
            assert Timer.IDLE in armed
        if turn is None:
            assert not armed & {Timer.TURN, Timer.GRACE, Timer.ASK}
        if self.book.seat in {"empty", "line", "ending"}:
            assert not armed & {Timer.START, Timer.IDLE}

    def teardown(self) -> None:
        self.bring_to_an_end()

    def bring_to_an_end(self) -> None:
        """Every session can be, and then nothing is left open."""
        if self.book.seat != "empty" or self.machine.current or not self.book.over:
            self.do(STOP)
            if self.machine.current is not None and self.book.seat == "agent":
                self.die(honest=True)
            if self.book.seat == "ending":
                self.be_gone()
        assert self.book.over
        assert not self.book.wanted
        assert self.book.running is None
        assert sorted(self.book.turns) == list(range(1, len(self.book.turns) + 1))
        for turn in self.book.turns.values():
            facts = [f.type for f in self.book.facts if f.turn == turn.start.turn]
            assert facts[0] == "turn_started"
            assert facts.count("turn_ended") == 1
        for permission in self.book.permissions.values():
            assert permission.state is not PermissionState.PENDING


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
