"""indexes of actions without their empty entries

Revision: 0023, after 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

COLUMNS = ("refers_to", "claim_expires", "batch_id")


def upgrade() -> None:
    for name in COLUMNS:
        there = sa.text(f"{name} IS NOT NULL")
        op.drop_index(f"ix_actions_{name}", "actions")
        op.create_index(f"ix_actions_{name}", "actions", [name], sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_index(f"ix_actions_{name}", "actions")
        op.create_index(f"ix_actions_{name}", "actions", [name])
