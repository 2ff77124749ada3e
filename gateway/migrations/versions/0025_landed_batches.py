"""an index of where batches landed, for reorganisations

Revision: 0025, after 0024
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_batches_landed_block", "batches", ["landed_block"])


def downgrade() -> None:
    op.drop_index("ix_batches_landed_block", "batches")
