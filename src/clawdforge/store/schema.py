"""The tables of the ledger, as they are at the newest revision.

Times are UTC seconds, durations milliseconds, money whole micro-dollars: integers all of them.
Lists and small objects are JSON text. The tables are STRICT, so that SQLite refuses a value
of the wrong type instead of keeping it.

A change here needs a migration of the same shape; a test compares the two.
"""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, text

metadata = MetaData()

apps = Table(
    "apps",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("token_digest", Text, nullable=False),
    Column("ip_cidrs", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("last_used_at", Integer),
    Column("revoked_at", Integer),
    Index("apps_token_digest", "token_digest", unique=True),
    Index("apps_live_name", "name", unique=True, sqlite_where=text("revoked_at IS NULL")),
    sqlite_strict=True,
)

files = Table(
    "files",
    metadata,
    Column("token_digest", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("stored_name", Text, nullable=False),
    Column("original_name", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Index("files_stored_name", "stored_name", unique=True),
    Index("files_expires_at", "expires_at", "token_digest"),
    sqlite_strict=True,
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("app_name", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("model", Text),
    Column("effort", Text),
    Column("prompt_bytes", Integer, nullable=False),
    Column("prompt_sha256", Text, nullable=False),
    Column("prompt_text", Text),
    Column("file_count", Integer, nullable=False),
    Column("timeout_secs", Integer, nullable=False),
    Column("started_at", Integer, nullable=False),
    Column("waited_ms", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("duration_ms", Integer),
    Column("stop_reason", Text),
    Column("error", Text),
    Column("result_bytes", Integer),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cache_read_tokens", Integer),
    Column("cache_write_tokens", Integer),
    Column("cost_microusd", Integer),
    Column("ended_at", Integer),
    Index("runs_of_app", "app_id", "started_at", "run_id"),
    Index("runs_running", "started_at", "run_id", sqlite_where=text("state = 'running'")),
    sqlite_strict=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("peer", Text),
    Column("request_id", Text),
    Column("detail", Text, nullable=False),
    Index("audit_action", "action", "id"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)
