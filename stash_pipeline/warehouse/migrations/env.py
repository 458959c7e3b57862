"""Alembic's environment, which uses the connection of ``migrate.upgrade``."""

from alembic import context

from stash_pipeline.warehouse.tables import METADATA

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("The alembic command is not supported; use `stash-pipeline db upgrade` or `make migration`.")
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table="alembic_version",
    version_table_schema="ops",
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
