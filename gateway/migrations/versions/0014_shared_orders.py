"""wallets that earned nothing here share so many orders a day

Revision: 0014, after 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shared_orders",
        sa.Column("day", columns.Int(0, 30000), autoincrement=False, nullable=False),
        sa.Column("orders", columns.Int(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_shared_orders")),
    )


def downgrade() -> None:
    op.drop_table("shared_orders")
