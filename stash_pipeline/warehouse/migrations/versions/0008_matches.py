"""Matches.

Revision ID: 0008
"""

from importlib.resources import files

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes tables and views to match the registry."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0008_matches.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Reverts the changes."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0008_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
