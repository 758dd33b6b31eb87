"""Apps, files, runs and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _apps()
    _files()
    _runs()
    _audit()


def _apps() -> None:
    op.create_table(
        "apps",
        sa.Column("app_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_digest", sa.Text, nullable=False),
        sa.Column("ip_cidrs", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("last_used_at", sa.Integer),
        sa.Column("revoked_at", sa.Integer),
        sqlite_strict=True,
    )
    op.create_index("apps_token_digest", "apps", ["token_digest"], unique=True)
    op.create_index(
        "apps_live_name",
        "apps",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
    )


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("token_digest", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("stored_name", sa.Text, nullable=False),
        sa.Column("original_name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("files_stored_name", "files", ["stored_name"], unique=True)
    op.create_index("files_expires_at", "files", ["expires_at", "token_digest"])


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("app_name", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("effort", sa.Text),
        sa.Column("prompt_bytes", sa.Integer, nullable=False),
        sa.Column("prompt_sha256", sa.Text, nullable=False),
        sa.Column("prompt_text", sa.Text),
        sa.Column("file_count", sa.Integer, nullable=False),
        sa.Column("timeout_secs", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Integer, nullable=False),
        sa.Column("waited_ms", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("stop_reason", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("result_bytes", sa.Integer),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cache_read_tokens", sa.Integer),
        sa.Column("cache_write_tokens", sa.Integer),
        sa.Column("cost_microusd", sa.Integer),
        sa.Column("ended_at", sa.Integer),
        sqlite_strict=True,
    )
    op.create_index("runs_of_app", "runs", ["app_id", "started_at", "run_id"])
    op.create_index(
        "runs_running",
        "runs",
        ["started_at", "run_id"],
        sqlite_where=sa.text("state = 'running'"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("peer", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("audit_action", "audit", ["action", "id"])
