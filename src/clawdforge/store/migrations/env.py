"""Runs the migration scripts on the connection that `clawdforge.store.migrate` hands in."""

from alembic import context

from clawdforge.store.migrate import VERSION_TABLE
from clawdforge.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
