"""Sessions: who owns them, their turns, events and permissions. A policy for apps."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("apps", sa.Column("policy", sa.Text))
    op.create_index("audit_subject", "audit", ["subject", "id"])
    _nodes()
    _sessions()
    _turns()
    _events()
    _permissions()


def _nodes() -> None:
    op.create_table(
        "sequences",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_table(
        "nodes",
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("incarnation", sa.Text, primary_key=True),
        sa.Column("began", sa.Integer, nullable=False),
        sa.Column("lease_until_ms", sa.Integer, nullable=False),
        sa.Column("url", sa.Text),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_index("nodes_began", "nodes", ["node_id", "began"], unique=True)
    op.create_index(
        "nodes_living", "nodes", ["lease_until_ms"], sqlite_where=sa.text("lease_until_ms > 0")
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("turn_count", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("owner_incarnation", sa.Text),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("app_name", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("last_turn_at", sa.Integer),
        sa.Column("last_used_at", sa.Integer, nullable=False),
        sa.Column("closed_at", sa.Integer),
        sa.Column("agent_session_id", sa.Text),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cache_read_tokens", sa.Integer),
        sa.Column("cache_write_tokens", sa.Integer),
        sa.Column("cost_microusd", sa.Integer),
        sa.Column("context_used", sa.Integer),
        sa.Column("context_size", sa.Integer),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_digest", sa.Text),
        sa.Column("forked_from", sa.Text),
        sa.Column("meta", sa.Text),
        sa.Column("options", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("sessions_of_app", "sessions", ["app_id", "created_at", "session_id"])
    op.create_index(
        "sessions_open_of_app",
        "sessions",
        ["app_id", "created_at", "session_id"],
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "sessions_open",
        "sessions",
        ["last_used_at", "session_id"],
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "sessions_closed",
        "sessions",
        ["closed_at", "session_id"],
        sqlite_where=sa.text("closed_at IS NOT NULL"),
    )
    op.create_index(
        "sessions_key",
        "sessions",
        ["app_id", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )


def _turns() -> None:
    op.create_table(
        "turns",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("turn", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", sa.Integer, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("prompt_bytes", sa.Integer, nullable=False),
        sa.Column("prompt_sha256", sa.Text, nullable=False),
        sa.Column("prompt_text", sa.Text),
        sa.Column("file_count", sa.Integer, nullable=False),
        sa.Column("timeout_secs", sa.Integer, nullable=False),
        sa.Column("waited_ms", sa.Integer, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_digest", sa.Text),
        sa.Column("first_seq", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.Integer),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("stop_reason", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("stderr", sa.Text),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cache_read_tokens", sa.Integer),
        sa.Column("cache_write_tokens", sa.Integer),
        sa.Column("cost_microusd", sa.Integer),
        sa.Column("last_seq", sa.Integer),
        sqlite_strict=True,
    )
    op.create_index(
        "turns_running", "turns", ["session_id", "turn"], sqlite_where=sa.text("state = 'running'")
    )
    op.create_index(
        "turns_key",
        "turns",
        ["session_id", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_strict=True,
    )


def _permissions() -> None:
    op.create_table(
        "permissions",
        sa.Column("permission_id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("answered_at", sa.Integer),
        sa.Column("answered_by", sa.Text),
        sa.Column("answer", sa.Text),
        sqlite_strict=True,
    )
    op.create_index("permissions_of_session", "permissions", ["session_id"])
    op.create_index(
        "permissions_pending",
        "permissions",
        ["session_id"],
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index("permissions_of_app", "permissions", ["app_id", "asked_at", "permission_id"])
    op.create_index(
        "permissions_in_state", "permissions", ["app_id", "state", "asked_at", "permission_id"]
    )
