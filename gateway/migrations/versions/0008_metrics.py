"""what metrics tell: fees, and how long batches took

Revision: 0008, after 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    few = sa.text("kind = 0")
    op.create_index("ix_chain_events_rewinds", "chain_events", ["kind"], sqlite_where=few, postgresql_where=few)
    add_column("chain_txs", "fee", columns.Uint96())
    add_column("relayer_keys", "spent", columns.Uint96(), bytes(12))
    op.create_table(
        "landing_times",
        sa.Column("upto", columns.Int(0, 99999999999), autoincrement=False, nullable=False),
        sa.Column("batches", columns.Int(0, 99999999999), nullable=False),
        sa.Column("seconds", columns.Int(0, 99999999999), nullable=False),
        sa.PrimaryKeyConstraint("upto", name=op.f("pk_landing_times")),
    )


def downgrade() -> None:
    op.drop_table("landing_times")
    op.drop_column("relayer_keys", "spent")
    op.drop_column("chain_txs", "fee")
    op.drop_index("ix_chain_events_rewinds", "chain_events")
