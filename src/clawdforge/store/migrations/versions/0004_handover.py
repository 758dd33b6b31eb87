"""Sessions that somebody has in a terminal; whose a conversation is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("attached", sa.Text))
    op.create_index(
        "sessions_attached",
        "sessions",
        ["session_id"],
        sqlite_where=sa.text("attached IS NOT NULL"),
    )
    op.create_index(
        "sessions_conversation",
        "sessions",
        ["agent_session_id"],
        sqlite_where=sa.text("agent_session_id IS NOT NULL"),
    )
