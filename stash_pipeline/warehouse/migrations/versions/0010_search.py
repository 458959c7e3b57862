"""Search.

Revision ID: 0010
"""

from importlib.resources import files

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes tables and views to match the registry."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0010_search.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Reverts the changes."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0010_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
