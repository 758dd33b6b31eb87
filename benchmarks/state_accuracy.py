"""How often the registry's picture of a session is true: replays of recorded sessions.

    python benchmarks/state_accuracy.py [FOLDER] [--spells] [--json]

A recording is a file of JSON lines `{"t": seconds, "src": "hook"|"statusline"|"registry", "event",
"payload"}`, as Claude Code told them. What its live registry (`sessions/<pid>.json`) says is taken
for the truth. Each recording is replayed three times: with hooks and status lines alone, with the
registry alone, and with all. Time is virtual: the registry is ticked exactly when it asks for it.

`agrees` is the share of time in which the picture was not wrong for longer than 0.5 s: the truth
itself comes 40 to 330 ms late, so the first 0.5 s of each disagreement are not counted. `at once`
counts them. The last word holds for 2 s after a recording's end: a state in which it gets stuck
shows there.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from clawdforge.core.observed.registry import Registry
from clawdforge.core.observed.signals import Hook, Moment, ProcessId, Record, StatusLine
from clawdforge.core.observed.views import SessionView

FOLDER = Path(__file__).parent.parent / "tests" / "fixtures" / "claude-timelines"
GRACE_SECS = 0.5
TAIL_SECS = 2.0
FAKE_PID = 4_194_303

Source = Literal["hook", "statusline", "registry"]
Trace = list[tuple[float, str]]
"""What holds from when on."""
MODES: dict[str, frozenset[Source]] = {
    "hooks": frozenset({"hook", "statusline"}),
    "registry": frozenset({"registry"}),
    "fused": frozenset({"hook", "statusline", "registry"}),
}


class Line(msgspec.Struct):
    """A line of a recording."""

    t: float = 0.0
    src: str = ""
    event: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")
    meta: bool = False


class _File(msgspec.Struct):
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that was told."""

    at: float
    src: Source
    signal: StatusLine | Hook | Record | int
    """An int: the record of this pid is gone."""
    process: ProcessId


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What was told of the sessions of a few processes."""

    name: str
    events: list[Event]
    utc_offset: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """How true a picture was."""

    secs: float = 0.0
    late: float = 0.0
    """Seconds of disagreement."""
    wrong: float = 0.0
    """Seconds of it after the first 0.5 s."""
    spells: list[tuple[float, float, str, str]] = field(default_factory=list)
    """Disagreements of more than 0.5 s: from, to, the truth, the picture."""

    @property
    def agrees(self) -> float:
        """The share of time without those disagreements, in percent."""
        return 100.0 * (1 - self.wrong / self.secs) if self.secs else 100.0

    @property
    def at_once(self) -> float:
        """The share of time without any, in percent."""
        return 100.0 * (1 - self.late / self.secs) if self.secs else 100.0


def load(path: Path) -> Recording:
    """Read a recording; lines that are none of ours are passed over."""
    lines = [msgspec.json.decode(raw, type=Line) for raw in path.read_bytes().splitlines() if raw]
    told = sorted((line for line in lines if not line.meta), key=lambda line: line.t)
    records = [(line.t, _record(line)) for line in told if line.src == "registry"]
    written = [(at, record) for at, record in records if isinstance(record, Record)]
    lags = [at - r.status_updated_at / 1000 for at, r in written if r.status_updated_at]
    events = []
    for line in told:
        signal = _signal(line)
        if signal is not None:
            process = _process(signal, line.t, written)
            src: Source = (
                "registry"
                if isinstance(signal, (Record, int))
                else ("hook" if isinstance(signal, Hook) else "statusline")
            )
            events.append(Event(at=line.t, src=src, signal=signal, process=process))
    end = max((event.at for event in events), default=0.0) + TAIL_SECS
    return Recording(name=path.stem, events=events, utc_offset=-min(lags, default=0.0), end=end)


def _signal(line: Line) -> StatusLine | Hook | Record | int | None:
    match line.src:
        case "hook":
            return msgspec.json.decode(line.payload, type=Hook)
        case "statusline" if line.event == "StatusLine":
            return msgspec.json.decode(line.payload, type=StatusLine)
        case "registry":
            return _record(line)
        case _:
            return None


def _record(line: Line) -> Record | int | None:
    if line.event != "removed":
        return msgspec.json.decode(line.payload, type=Record)
    pid = msgspec.json.decode(line.payload, type=_File).file.partition(".")[0]
    return int(pid) if pid.isdigit() else None


def _process(
    signal: StatusLine | Hook | Record | int, at: float, written: list[tuple[float, Record]]
) -> ProcessId:
    """Whose signal it is. The hook client tells the pid; the recorder did not, so look it up."""
    if isinstance(signal, int):
        fits = [record for _, record in written if record.pid == signal]
    elif isinstance(signal, Record):
        fits = [signal]
    else:
        same = [one for one in written if one[1].session_id == signal.session_id] or written
        before = [record for then, record in same if then <= at]
        fits = before[-1:] or [record for _, record in same]
    if not fits:
        return ProcessId(FAKE_PID, 1)
    start = fits[0].proc_start or "1"
    return ProcessId(fits[0].pid, int(start) if start.isdigit() else 1)


def truth(recording: Recording) -> dict[int, Trace]:
    """What Claude Code's registry says, by pid."""
    traces: dict[int, Trace] = {}
    for event in recording.events:
        if isinstance(event.signal, Record):
            status = event.signal.status or "idle"  # no status: it starts
            traces.setdefault(event.signal.pid, []).append((event.at, status))
        elif isinstance(event.signal, int):
            traces.setdefault(event.signal, []).append((event.at, "ended"))
    return traces


def replay(recording: Recording, mode: str) -> dict[int, Trace]:
    """What the registry shows, by pid."""
    registry = Registry()
    traces: dict[int, Trace] = {}
    for at in steps(registry, recording, mode):
        moment = Moment(utc=at + recording.utc_offset, mono=at)
        shown = {view.pid: word(view) for view in registry.views(moment) if view.pid is not None}
        for pid in shown.keys() | traces.keys():
            trace = traces.setdefault(pid, [])
            state = shown.get(pid, "ended")
            if not trace or trace[-1][1] != state:
                trace.append((at, state))
    return traces


def steps(registry: Registry, recording: Recording, mode: str) -> Iterator[float]:
    """Tell it everything at its time, and tick it in between; yields after each step."""
    for event in (*(one for one in recording.events if one.src in MODES[mode]), None):
        until = recording.end if event is None else event.at
        while (due := registry.next_deadline) is not None and due <= until:
            registry.tick(Moment(utc=due + recording.utc_offset, mono=due))
            yield due
        if event is not None:
            tell(registry, event, Moment(utc=event.at + recording.utc_offset, mono=event.at))
            yield event.at


def tell(registry: Registry, event: Event, now: Moment) -> None:
    """Tell the registry what was recorded."""
    match event.signal:
        case Record():
            registry.record(event.signal, now)
        case int():
            registry.record_removed(event.signal, now)
        case Hook():
            hook = msgspec.structs.replace(event.signal, pid=event.process.pid)
            registry.hook(hook, now, event.process)
        case StatusLine():
            line = msgspec.structs.replace(event.signal, pid=event.process.pid)
            registry.status_line(line, now, event.process)


def word(view: SessionView) -> str:
    """A view in the words of Claude Code's registry."""
    if view.status == "attention_needed":
        return "waiting"
    if view.status == "working":
        return "busy"
    return "shell" if view.state == "background" else "idle"


def score(recording: Recording, mode: str) -> Score:
    """Compare the picture with the truth, for all processes together."""
    shown = replay(recording, mode)
    scores = [
        compare(trace, shown.get(pid, []), recording.end) for pid, trace in truth(recording).items()
    ]
    return total(scores)


def compare(true: Trace, shown: Trace, end: float) -> Score:
    """Compare two traces from the first word of truth on."""
    began = true[0][0]
    times = sorted({began, *(at for at, _ in [*true, *shown] if began < at < end), end})
    late = wrong = 0.0
    spells: list[tuple[float, float, str, str]] = []
    since: float | None = None
    for at, until in itertools.pairwise(times):
        right, ours = _word_at(true, at), _word_at(shown, at)
        if right == ours:
            since = None
            continue
        since = at if since is None else since
        late += until - at
        over = max(0.0, until - max(at, since + GRACE_SECS))
        wrong += over
        if over > 0:
            spells.append((max(at, since + GRACE_SECS), until, right, ours))
    return Score(secs=end - began, late=late, wrong=wrong, spells=spells)


def _word_at(trace: Trace, at: float) -> str:
    word = "ended"
    for since, one in trace:
        if since > at:
            break
        word = one
    return word


def total(scores: list[Score]) -> Score:
    """Several scores as one."""
    return Score(
        secs=sum(one.secs for one in scores),
        late=sum(one.late for one in scores),
        wrong=sum(one.wrong for one in scores),
        spells=[spell for one in scores for spell in one.spells],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--spells", action="store_true", help="show each wrong spell")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    recordings = [load(path) for path in sorted(options.folder.glob("*.jsonl"))]
    if not recordings:
        sys.exit(f"no recordings (*.jsonl) in {options.folder}")
    rows = {one.name: {mode: score(one, mode) for mode in MODES} for one in recordings}
    sums = {mode: total([row[mode] for row in rows.values()]) for mode in MODES}
    if options.json:
        print(json.dumps(_as_json({**rows, "all": sums}), indent=2))
    else:
        _show(rows, sums, with_spells=options.spells)


def _as_json(rows: dict[str, dict[str, Score]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {
            mode: {"agrees": one.agrees, "at_once": one.at_once, "secs": one.secs}
            for mode, one in row.items()
        }
        for name, row in rows.items()
    }


def _show(rows: dict[str, dict[str, Score]], sums: dict[str, Score], *, with_spells: bool) -> None:
    print(f"{'agrees with the truth, % of time':40}" + "".join(f"{mode:>18}" for mode in MODES))
    print(f"{'after 0.5 s (at once)':40}")
    for name, row in [*rows.items(), (f"all, {sums['fused'].secs:.0f} s", sums)]:
        figures = "".join(f"{one.agrees:10.1f} ({one.at_once:5.1f})" for one in row.values())
        print(f"{name:40}{figures}")
        if with_spells:
            for mode, one in row.items():
                for since, until, right, ours in one.spells:
                    print(f"    {mode}: {since:.2f}-{until:.2f} s: {right}, shown as {ours}")


if __name__ == "__main__":
    main()
