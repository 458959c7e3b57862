"""A view of the changes that ``updated_at`` did not tell of.

Revision ID: 0004
"""

from importlib.resources import files

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the view."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0004_unstamped.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drops it."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0004_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
