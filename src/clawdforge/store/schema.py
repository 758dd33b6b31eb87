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
    Column("policy", Text),
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
    Index("runs_started", "started_at", "run_id"),
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
    Index("audit_subject", "subject", "id"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

# What only grows: the numbers given so far, by what they count (`epoch`, `incarnation`).
sequences = Table(
    "sequences",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last", Integer, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# A row for each start of a server. Those of the past stay for a while, so that a ghost that
# wakes up is known to be older than who took its place.
nodes = Table(
    "nodes",
    metadata,
    Column("node_id", Text, primary_key=True),
    Column("incarnation", Text, primary_key=True),
    Column("began", Integer, nullable=False),
    Column("lease_until_ms", Integer, nullable=False),
    Column("url", Text),
    Index("nodes_began", "node_id", "began", unique=True),
    Index("nodes_living", "lease_until_ms", sqlite_where=text("lease_until_ms > 0")),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# What changes with every append comes first and the long texts last, where they are left alone.
sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("turn_count", Integer, nullable=False),
    Column("owner", Text),
    Column("owner_incarnation", Text),
    Column("app_id", Text, nullable=False),
    Column("app_name", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("model", Text),
    Column("created_at", Integer, nullable=False),
    Column("last_turn_at", Integer),
    Column("last_used_at", Integer, nullable=False),
    Column("closed_at", Integer),
    Column("agent_session_id", Text),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cache_read_tokens", Integer),
    Column("cache_write_tokens", Integer),
    Column("cost_microusd", Integer),
    Column("context_used", Integer),
    Column("context_size", Integer),
    Column("idempotency_key", Text),
    Column("request_digest", Text),
    Column("forked_from", Text),
    Column("meta", Text),
    Column("options", Text, nullable=False),
    Column("attached", Text),
    Index("sessions_of_app", "app_id", "created_at", "session_id"),
    Index(
        "sessions_open_of_app",
        "app_id",
        "created_at",
        "session_id",
        sqlite_where=text("closed_at IS NULL"),
    ),
    Index("sessions_open", "last_used_at", "session_id", sqlite_where=text("closed_at IS NULL")),
    Index("sessions_closed", "closed_at", "session_id", sqlite_where=text("closed_at IS NOT NULL")),
    Index(
        "sessions_key",
        "app_id",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
    ),
    Index("sessions_attached", "session_id", sqlite_where=text("attached IS NOT NULL")),
    Index(
        "sessions_conversation",
        "agent_session_id",
        sqlite_where=text("agent_session_id IS NOT NULL"),
    ),
    sqlite_strict=True,
)

turns = Table(
    "turns",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("started_at", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("model", Text),
    Column("prompt_bytes", Integer, nullable=False),
    Column("prompt_sha256", Text, nullable=False),
    Column("prompt_text", Text),
    Column("file_count", Integer, nullable=False),
    Column("timeout_secs", Integer, nullable=False),
    Column("waited_ms", Integer, nullable=False),
    Column("idempotency_key", Text),
    Column("request_digest", Text),
    Column("first_seq", Integer, nullable=False),
    Column("ended_at", Integer),
    Column("duration_ms", Integer),
    Column("stop_reason", Text),
    Column("error", Text),
    Column("stderr", Text),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cache_read_tokens", Integer),
    Column("cache_write_tokens", Integer),
    Column("cost_microusd", Integer),
    Column("last_seq", Integer),
    Index("turns_started", "started_at"),
    Index("turns_running", "session_id", "turn", sqlite_where=text("state = 'running'")),
    Index(
        "turns_key",
        "session_id",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
    ),
    sqlite_strict=True,
)

# With row ids on purpose: without, a row of more than a quarter of a page takes a page of its
# own, and adding to many sessions at once was a third slower.
events = Table(
    "events",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_strict=True,
)

permissions = Table(
    "permissions",
    metadata,
    Column("permission_id", Text, primary_key=True),
    Column("session_id", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("answered_at", Integer),
    Column("answered_by", Text),
    Column("answer", Text),
    Index("permissions_of_session", "session_id"),
    Index("permissions_pending", "session_id", sqlite_where=text("state = 'pending'")),
    Index("permissions_of_app", "app_id", "asked_at", "permission_id"),
    Index("permissions_in_state", "app_id", "state", "asked_at", "permission_id"),
    sqlite_strict=True,
)

# What the turns of deleted sessions cost, by the hour in which they began.
spent_hours = Table(
    "spent_hours",
    metadata,
    Column("hour", Integer, primary_key=True),
    Column("app_id", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("app_name", Text, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cache_read_tokens", Integer, nullable=False),
    Column("cache_write_tokens", Integer, nullable=False),
    Column("cost_microusd", Integer, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
