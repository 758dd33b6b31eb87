"""Records to try a ledger with."""

from collections.abc import Collection, Sequence

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, RunState, StoredFile
from clawdforge.core.usage import Usage
from clawdforge.store.ledger import Ledger

NOT_UNICODE = "half a pair: \ud800"


def an_app(name: str = "shop", *, app_id: str = "", digest: str = "") -> App:
    """A live app; its id and digest follow from the name unless given."""
    return App(
        app_id=app_id or f"id-of-{name}",
        name=name,
        token_digest=digest or f"digest-of-{name}",
        ip_cidrs=("10.0.0.0/8", "2001:db8::/32"),
        scopes=("run", "files"),
        created_at=1_000,
    )


def a_file(name: str = "f1", *, app_id: str = "shop", expires_at: int = 2_000) -> StoredFile:
    """A stored file; its digest follows from the name."""
    return StoredFile(
        token_digest=f"digest-of-{name}",
        app_id=app_id,
        stored_name=name,
        original_name="Überblick \N{SNOWMAN}.pdf",
        size_bytes=2**40,
        sha256="ab" * 32,
        created_at=1_000,
        expires_at=expires_at,
    )


def a_run(run_id: str = "r1", *, app_id: str = "shop", started_at: int = 1_000) -> RunStart:
    """A run that starts, with every field set."""
    return RunStart(
        run_id=run_id,
        app_id=app_id,
        app_name=f"name-of-{app_id}",
        agent="claude",
        model="sonnet",
        effort="high",
        prompt_bytes=12,
        prompt_sha256="cd" * 32,
        prompt_text="Grüße\n\x00\N{PILE OF POO} 'quoted'",
        file_count=2,
        timeout_secs=300,
        started_at=started_at,
        waited_ms=7,
    )


def an_end(state: RunState = RunState.DONE, *, ended_at: int = 1_090) -> RunEnd:
    """The end of a run, with every field set."""
    return RunEnd(
        state=state,
        duration_ms=90_000,
        stop_reason="end_turn",
        error="It went as well as could be expected.",
        result_bytes=3,
        usage=Usage(
            input_tokens=1,
            output_tokens=2,
            cache_read_tokens=3,
            cache_write_tokens=0,
            cost_microusd=2**53 + 1,
        ),
        ended_at=ended_at,
    )


def an_entry(action: str = "app.create", *, at: int = 1_000, subject: str = "shop") -> AuditEntry:
    """An audit entry, with every field set."""
    return AuditEntry(
        at=at,
        actor="admin",
        action=action,
        subject=subject,
        peer="192.0.2.7",
        request_id="req-1",
        detail={"text": "ü", "number": 1, "list": [1, None, True], "object": {}},
    )


async def reopened(ledger: Ledger) -> Ledger:
    """Close the ledger and open it again."""
    await ledger.__aexit__(None, None, None)
    return await ledger.__aenter__()


def stored_names(files: Sequence[StoredFile]) -> list[str]:
    """The names of files, in their order."""
    return [file.stored_name for file in files]


def ids_of(runs: Collection[Run]) -> list[str]:
    """The ids of runs, in their order."""
    return [run.start.run_id for run in runs]
