"""Plain names for tables and columns.

Revision ID: 0007
"""

from importlib.resources import files

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Renames tables, views and columns; all rows stay."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0007_plain_names.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Restores the previous names."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0007_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
