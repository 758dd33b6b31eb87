"""Recordings of Claude Code 2.1.329, replayed: each ambiguous case ends in the right state.

Cases of which there is no recording here (a queued prompt, `!cmd`, a dialog without a hook, a
scheduled wake-up) are told by hand in test_observed_fusing.py and test_observed_hooks.py.
"""

import importlib.util
import sys
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest

from clawdforge.core.observed.registry import Registry
from clawdforge.core.observed.signals import Moment

ROOT = Path(__file__).parents[2]


def _benchmark() -> ModuleType:
    path = ROOT / "benchmarks" / "state_accuracy.py"
    spec = importlib.util.spec_from_file_location("state_accuracy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


accuracy = _benchmark()
RECORDINGS = {path.stem: accuracy.load(path) for path in sorted(accuracy.FOLDER.glob("*.jsonl"))}

FUSED = {
    "session-background-blocked": "starting idle working tool permission ended",
    "session-background": "starting idle working tool working idle ended",
    "session-ctrl-c": "starting idle working idle working interrupted ended",
    "session-init-only": "working starting ended",
    "session-kill9-idle": "starting idle working idle",
    "session-manual-compact": "compacting idle working",
    "session-resume-in-app": "starting idle input idle",
    "session-sigterm": "starting idle working idle ended",
    "turn-api-error-401-retries-silently": "working compacting",
    "turn-api-error-429": "working error",
    "turn-auto-compact-prompt-too-long": "working compacting working compacting working error",
    "turn-auto-mode-denied": "working tool working idle",
    "turn-background-shell": "working tool working background working idle",
    "turn-bash": "working tool working idle",
    "turn-connection-lost": "working error",
    "turn-elicitation": "working tool permission input tool input tool working idle",
    "turn-esc-while-streaming": "working interrupted",
    "turn-esc-while-tool-runs": "working tool interrupted",
    "turn-nested-subagents": "working tool working background working idle",
    "turn-parallel-tools": "working tool working idle",
    "turn-permission-esc": "working tool working tool permission interrupted",
    "turn-permission-no-with-feedback": "working tool working tool permission working idle",
    "turn-plan-approval": "working input working idle",
    "turn-prompt-blocked-by-hook": "working interrupted",
    "turn-remote-approval": "working tool permission tool working idle",
    "turn-remote-denial": "working tool permission tool working idle",
    "turn-stop-hook-blocks": "working idle ended",
    "turn-subagent-permission": (
        "working tool working background permission background working idle"
    ),
    "turn-tasks": "working tool working tool working tool working idle",
    "turn-teammate": "working tool working background idle working idle ended",
    "turn-two-subagents": ("working tool working tool background tool background working idle"),
    "turn-usage-limit": "working error",
}
BLIND = {
    "session-ctrl-c": "starting idle working idle working ended",
    "session-resume-in-app": "starting idle starting idle",
    "session-manual-compact": "compacting idle ended",
    "turn-esc-while-streaming": "working",
    "turn-esc-while-tool-runs": "working tool",
    "turn-permission-esc": "working tool working tool permission",
    "turn-prompt-blocked-by-hook": "working",
    "turn-stop-hook-blocks": "working idle",
    "turn-teammate": "working tool working background idle",
}
"""What hooks alone cannot see: interrupts, open dialogs, exits without a SessionEnd."""


def states(name: str, mode: str) -> str:
    """The states of the only session of a recording, one after the other."""
    recording = RECORDINGS[name]
    registry = Registry()
    seen = []
    for at in accuracy.steps(registry, recording, mode):
        views = registry.views(Moment(utc=at + recording.utc_offset, mono=at))
        assert len(views) < 2, "one process is one session"
        seen.append(views[0].state if views else "ended")
    return " ".join(state for state, _ in groupby(seen))


def test_every_recording_is_known() -> None:
    assert set(RECORDINGS) == set(FUSED)


@pytest.mark.parametrize("name", FUSED)
def test_all_signals_together_give_the_states_of_the_recording(name: str) -> None:
    assert states(name, "fused") == FUSED[name]


@pytest.mark.parametrize("name", sorted(FUSED.keys() - BLIND.keys()))
def test_hooks_alone_are_never_wrong_for_long_where_nobody_interrupts(name: str) -> None:
    assert accuracy.score(RECORDINGS[name], "hooks").agrees == 100.0


@pytest.mark.parametrize("name", BLIND)
def test_hooks_alone_do_not_see_interrupts(name: str) -> None:
    assert states(name, "hooks") == BLIND[name]


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("mode", ["fused", "registry"])
def test_with_the_record_the_state_is_always_true(name: str, mode: str) -> None:
    score = accuracy.score(RECORDINGS[name], mode)
    assert score.agrees == 100.0, score.spells


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("offset", [0.0, -1e9, 1e9])
def test_the_clock_of_the_records_need_not_be_ours(name: str, offset: float) -> None:
    recording = RECORDINGS[name]
    shifted = accuracy.Recording(
        name=name,
        events=recording.events,
        utc_offset=recording.utc_offset + offset,
        end=recording.end,
    )
    score = accuracy.score(shifted, "fused")
    assert score.agrees > 90.0, score.spells


def test_hooks_alone_are_true_for_most_of_the_time() -> None:
    scores = [accuracy.score(recording, "hooks") for recording in RECORDINGS.values()]
    assert accuracy.total(scores).agrees > 96.0


def test_the_comparison_forgives_half_a_second_of_each_disagreement() -> None:
    true = [(0.0, "busy"), (5.0, "idle")]
    late = accuracy.compare(true, [(0.0, "busy"), (5.3, "idle")], 10.0)
    assert (late.agrees, late.at_once) == (100.0, pytest.approx(97.0))
    stuck = accuracy.compare(true, [(0.0, "busy")], 10.0)
    assert (stuck.agrees, stuck.at_once) == (pytest.approx(55.0), pytest.approx(50.0))
    assert accuracy.compare(true, [], 10.0).agrees == pytest.approx(5.0)


def test_a_recording_with_several_processes_is_compared_process_by_process(tmp_path: Path) -> None:
    lines = [
        '{"meta":true,"note":"two at once"}',
        '{"t":1,"src":"registry","event":"write","payload":{"pid":1,"sessionId":"a","procStart":"1","status":"busy"}}',
        '{"t":1,"src":"registry","event":"write","payload":{"pid":2,"sessionId":"b","procStart":"1","status":"idle"}}',
        '{"t":2,"src":"hook","event":"UserPromptSubmit","payload":{"session_id":"b","hook_event_name":"UserPromptSubmit"}}',
        '{"t":2.1,"src":"registry","event":"write","payload":{"pid":2,"sessionId":"b","procStart":"1","status":"busy"}}',
        '{"t":3,"src":"registry","event":"removed","payload":{"file":"1.json"}}',
        '{"t":4,"src":"something else","event":"x","payload":[1]}',
    ]
    path = tmp_path / "two.jsonl"
    path.write_text("\n".join(lines))
    recording = accuracy.load(path)
    assert accuracy.truth(recording) == {
        1: [(1.0, "busy"), (3.0, "ended")],
        2: [(1.0, "idle"), (2.1, "busy")],
    }
    assert accuracy.score(recording, "fused").agrees == 100.0
