"""what a restored database takes back in from the chain

Revision: 0007, after 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MAX_SUM = 2**62


def upgrade() -> None:
    add_column("relayer_keys", "fence", columns.Int(0, 99999999999))
    add_column("campaigns", "ahead", columns.Int(0, MAX_SUM), 0)
    add_column("campaigns", "forgotten_until", columns.Seconds())
    add_column("campaigns", "codes_trusted", columns.Flag(), 0)
    add_column("campaigns", "searched", columns.Flag(), 0)
    add_column("carries", "ahead", columns.Uint96(), bytes(12))
    add_column("carries", "back", columns.Uint96(), bytes(12))
    add_column("carries", "until", columns.Seconds())
    op.create_table(
        "stray_batches",
        sa.Column("campaign_id", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("number", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("event_id", columns.Int(0, 99999999999), nullable=False),
        sa.Column("state", columns.Choice([1, 2, 3]), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_stray_batches_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "number", name=op.f("pk_stray_batches")),
    )
    op.create_index(op.f("ix_stray_batches_state"), "stray_batches", ["state"])
    op.create_table(
        "stray_redemptions",
        sa.Column("event_id", columns.Int(0, 99999999999), autoincrement=False, nullable=False),
        sa.Column("offer_id", columns.PrimaryKey(), nullable=False),
        sa.Column("state", columns.Choice([1, 2]), nullable=False),
        sa.Column("digest", columns.Blob(32)),
        sa.Column("commitment", columns.Blob(32)),
        sa.Column("retry_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.id"], name=op.f("fk_stray_redemptions_offer_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_stray_redemptions")),
    )
    op.create_index(op.f("ix_stray_redemptions_state"), "stray_redemptions", ["state"])


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead")
