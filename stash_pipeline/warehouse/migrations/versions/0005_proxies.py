"""What a proxy before a server is shown.

Revision ID: 0005
"""

from importlib.resources import files

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0005_proxies.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drops them."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "0005_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
