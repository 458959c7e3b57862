"""The log of changed objects, and merges in a table of their own.

Revision ID: 0006
"""

from importlib.resources import files

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables, and moves merges out of raw."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0006_object_log.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Moves them back."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0006_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
