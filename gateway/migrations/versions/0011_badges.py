"""badges on the chain: their events, their transactions, and who has which

Revision: 0011, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns
from gateway.migrations.adding import choose_from

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

EVENTS = (*range(5), *range(10, 21), *range(30, 44))
#: Table, column, numbers until now, and the new one.
CHOICES = (
    ("chain_events", "kind", EVENTS, 50),
    ("ledger_entries", "kind", EVENTS, 50),
    ("chain_txs", "purpose", range(1, 7), 7),
    ("webhook_deliveries", "kind", range(1, 7), 7),
)


def upgrade() -> None:
    for table, column, numbers, new in CHOICES:
        choose_from(table, column, numbers, (*numbers, new))
    op.create_table(
        "chain_badges",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("campaign", columns.Int(0, 99999999999), nullable=False),
        sa.Column("badge", columns.Int(0, 4294967295), nullable=False),
        sa.Column("holder", columns.Blob(20), nullable=False),
        sa.Column("block", columns.Int(0, 99999999999), nullable=False),
        sa.Column("at", columns.Seconds(), nullable=False),
        sa.Column("renounced_block", columns.Int(0, 99999999999), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_badges")),
        sa.UniqueConstraint("campaign", "badge", "holder", name=op.f("uq_chain_badges_campaign_badge_holder")),
    )
    op.create_index("ix_chain_badges_holder", "chain_badges", ["holder", "id"])
    op.create_index(op.f("ix_chain_badges_block"), "chain_badges", ["block"])
    op.create_index(op.f("ix_chain_badges_renounced_block"), "chain_badges", ["renounced_block"])


def downgrade() -> None:
    op.drop_table("chain_badges")
    op.execute(sa.text("DELETE FROM signed_txs WHERE tx_id IN (SELECT id FROM chain_txs WHERE purpose = 7)"))
    for table, column, numbers, new in reversed(CHOICES):
        op.execute(sa.text(f"DELETE FROM {table} WHERE {column} = {new}"))  # noqa: S608 - names of ours
        choose_from(table, column, (*numbers, new), numbers)
