"""The command lines of the containments. What they do is seen in `test_processes.py`."""

import pytest

from clawdforge.processes.containment import Containment, Limits, wrap

ARGV = ["/bin/a program", "--", "-x", "$(touch /tmp/x)", "it's", "two\nlines", ""]


@pytest.mark.parametrize("how", Containment)
def test_arguments_are_never_part_of_a_script(how: Containment) -> None:
    wrapped = wrap(ARGV, how, Limits())
    assert wrapped[:2] == ["/bin/sh", "-c"]
    assert wrapped[-len(ARGV) :] == ARGV
    assert "touch" not in wrapped[2]


@pytest.mark.parametrize("how", Containment)
def test_only_the_sweep_is_incomplete(how: Containment) -> None:
    assert how.is_complete is (how is not Containment.SWEEP)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(), ["ulimit -c 0"]),
        (Limits(core_bytes=1024, open_files=99), ["ulimit -c 2", "ulimit -n 99"]),
        (Limits(file_bytes=1), ["ulimit -c 0", "ulimit -f 1"]),
        (Limits(file_bytes=5120, cpu_secs=7), ["ulimit -c 0", "ulimit -f 10", "ulimit -t 7"]),
    ],
    ids=str,
)
def test_limits_are_set_before_anything_else(limits: Limits, said: list[str]) -> None:
    script = wrap(["/bin/true"], Containment.SWEEP, limits)[2]
    assert script.startswith("; ".join(said) + "; exec ")
