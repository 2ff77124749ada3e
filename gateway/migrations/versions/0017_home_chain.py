"""a database knows its deployment

Revision: 0017, after 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "home_chain",
        sa.Column("id", columns.Int(1, 1), autoincrement=False, nullable=False),
        sa.Column("genesis_hash", columns.Blob(32), nullable=False),
        sa.Column("hub", columns.Blob(20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_chain")),
    )


def downgrade() -> None:
    op.drop_table("home_chain")
