"""The spine: ops, raw, entities and joins, views.

Revision ID: 0001
"""

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes everything; the schemas themselves are there already."""
    scripts = files("stash_pipeline.warehouse.migrations") / "sql"
    for name in ("0001_functions.sql", "0001_tables.sql", "0001_views.sql"):
        op.get_bind().exec_driver_sql((scripts / name).read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drops everything but the schemas."""
    for schema in ("stash", "raw", "partitions"):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
        op.execute(f"CREATE SCHEMA {schema}")
    for table in ("dangling_references", "row_counts", "readings", "layer_watermarks", "sync_runs", "instances"):
        op.execute(f"DROP TABLE ops.{table} CASCADE")
