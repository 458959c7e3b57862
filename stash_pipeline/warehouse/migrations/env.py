"""Alembic's environment: runs on the connection that ``migrate.upgrade`` hands over."""

from alembic import context

from stash_pipeline.warehouse.tables import METADATA

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Alembic's own command has no database here: use stash-pipeline db upgrade, or make migration.")
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table="alembic_version",
    version_table_schema="ops",
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
