"""wishes for badges

Revision: 0012, after 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLE = "badge_wishes"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("campaign_id", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("badge", columns.Int(1, 9999), autoincrement=False, nullable=False),
        sa.Column("wallet", columns.Blob(20), nullable=False),
        sa.Column("signature", columns.Blob(65), nullable=False),
        sa.Column("deadline", columns.Seconds(), nullable=False),
        sa.Column("tx_id", columns.PrimaryKey(), nullable=True),
        sa.Column("retry_at", columns.Seconds(), nullable=True),
        sa.Column("attempts", columns.Int(0, 10000), nullable=False),
        sa.Column("landed_block", columns.Int(0, 99999999999), nullable=True),
        sa.Column("created_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_badge_wishes_campaign_id")),
        sa.ForeignKeyConstraint(["tx_id"], ["chain_txs.id"], name=op.f("fk_badge_wishes_tx_id")),
        sa.PrimaryKeyConstraint("campaign_id", "badge", "wallet", name=op.f("pk_badge_wishes")),
    )
    for column in ("deadline", "landed_block", "retry_at", "tx_id"):
        op.create_index(op.f(f"ix_badge_wishes_{column}"), TABLE, [column])


def downgrade() -> None:
    op.drop_table(TABLE)
