"""workers of one database count at one depth

Revision: 0027, after 0026
"""

from __future__ import annotations

from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("home_chain", "depth", columns.Int(0, 1_000))
    add_column("home_chain", "depth_at", columns.Seconds())


def downgrade() -> None:
    op.drop_column("home_chain", "depth_at")
    op.drop_column("home_chain", "depth")
