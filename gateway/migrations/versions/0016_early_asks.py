"""wallets ask for their points at once

Revision: 0016, after 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "early_asks",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("campaign_id", columns.Int(1), nullable=False),
        sa.Column("holder", columns.Blob(20), nullable=False),
        sa.Column("said_at", columns.Seconds(), nullable=False),
        sa.Column("points", columns.Int(), nullable=False),
        sa.Column("open", columns.Flag(), nullable=False),
        sa.Column("created_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_early_asks_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_early_asks")),
    )
    op.create_index("ix_early_asks_holder", "early_asks", ["holder", "id"])
    op.create_index("ix_early_asks_open", "early_asks", ["open", "campaign_id"])


def downgrade() -> None:
    op.drop_table("early_asks")
