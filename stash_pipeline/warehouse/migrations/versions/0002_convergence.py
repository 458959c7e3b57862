"""What incremental refreshes have to remember.

Revision ID: 0002
"""

from importlib.resources import files

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns and a table; existing rows are kept."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0002_convergence.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drops them."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0002_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
