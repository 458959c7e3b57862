"""Live.

Revision ID: 0011
"""

from importlib.resources import files

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes tables and views to match the registry."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0011_live.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Reverts the changes."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0011_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
