"""How the library of an instance is read: by its answers, or by a copy of its database.

Revision ID: 0003
"""

from importlib.resources import files

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns; existing rows are kept."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0003_snapshot.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drops them."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0003_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
