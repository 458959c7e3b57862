"""Matches.

Revision ID: 0007
"""

from importlib.resources import files

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables and views to what the registry says."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0007_matches.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Takes that back."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0007_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
