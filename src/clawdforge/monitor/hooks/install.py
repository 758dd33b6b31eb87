"""Installing the hooks: the client is built, the settings changed, and both taken back again."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clawdforge.monitor.hooks import building, files, settings
from clawdforge.monitor.hooks.building import Form
from clawdforge.monitor.hooks.settings import Approvals


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done, or would be done, to the settings."""

    path: Path
    before: str
    after: str

    @property
    def is_needed(self) -> bool:
        """Whether anything changes."""
        return self.before != self.after

    @property
    def diff(self) -> str:
        """What changes, as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            str(self.path),
            str(self.path),
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the hooks stand."""

    path: Path
    program: Path
    form: Form | None
    """None: there is no client."""
    events: tuple[str, ...]
    """Those that are reported."""
    missing: tuple[str, ...]
    status_line: bool
    approvals: Approvals | None
    """How what is asked may be answered from anywhere; None: in the terminal only."""
    strangers: tuple[str, ...]
    """Clients that the settings name, and that are not ours here."""

    @property
    def is_whole(self) -> bool:
        """Whether everything is reported."""
        return self.form is not None and not self.missing and self.status_line


def approvals_wanted(
    environ: Mapping[str, str],
    *,
    given: bool | None,
    secs: int | None = None,
    subagent_secs: int | None = None,
    headless: bool | None = None,
) -> Approvals | None:
    """How approvals are to stand: as asked for, else as they stand.

    Raises:
        ConfigError: the settings cannot be read, or are none.
    """
    known = settings.approvals_in(settings.parsed(files.read(files.settings_file(environ))))
    if given is False or (given is None and known is None):
        return None
    usual = known or Approvals()
    return Approvals(
        secs=usual.secs if secs is None else secs,
        subagent_secs=usual.subagent_secs if subagent_secs is None else subagent_secs,
        headless=usual.headless if headless is None else headless,
    )


def planned(
    environ: Mapping[str, str], program: Path, approvals: Approvals | None = None
) -> Change:
    """What installing would change in the settings.

    Raises:
        ConfigError: they cannot be read, or are none.
    """
    path = files.settings_file(environ)
    before = files.read(path)
    held = settings.parsed(before)
    wanted = settings.installed(held, str(program), approvals)
    return Change(path=path, before=before, after=_text(held, wanted, before))


def planned_removal(environ: Mapping[str, str]) -> Change:
    """What uninstalling would change in the settings.

    Raises:
        ConfigError: they cannot be read, or are none.
    """
    path = files.settings_file(environ)
    before = files.read(path)
    held = settings.parsed(before)
    return Change(path=path, before=before, after=_text(held, settings.removed(held), before))


def carry_out(change: Change) -> Path | None:
    """Write the settings; where they are kept as they were.

    Raises:
        ConfigError: they cannot be written.
    """
    return files.replace(change.path, change.after) if change.is_needed else None


def remove_program(program: Path) -> None:
    """Take the client away; hooks that still name it do nothing then."""
    program.unlink(missing_ok=True)


def standing(environ: Mapping[str, str], program: Path) -> Standing:
    """How the hooks stand.

    Raises:
        ConfigError: the settings cannot be read, or are none.
    """
    path = files.settings_file(environ)
    held = settings.parsed(files.read(path))
    events = settings.reported(held)
    return Standing(
        path=path,
        program=program,
        form=building.form_of(program),
        events=tuple(event for event in settings.EVENTS if event in events),
        missing=tuple(event for event in settings.EVENTS if event not in events),
        status_line=settings.has_status_line(held),
        approvals=settings.approvals_in(held),
        strangers=tuple(sorted(settings.programs(held) - {str(program)})),
    )


def _text(held: settings.Settings, wanted: settings.Settings, before: str) -> str:
    """The new text; the old one where nothing but its looks would change."""
    return before if held == wanted else settings.written(wanted, before)
