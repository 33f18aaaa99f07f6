"""Runs the revisions over a connection that `gateway.db.migrate` hands in, inside its transaction."""

from alembic import context
from gateway.db.tables import METADATA

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `carepact db upgrade`; the alembic command alone has no database")

context.configure(
    connection=connection,
    target_metadata=list(METADATA),
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
