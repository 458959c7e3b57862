"""Plain comments.

Revision ID: 0012
"""

from importlib.resources import files

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes tables and views to match the registry."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0012_plain_comments.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Reverts the changes."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0012_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
