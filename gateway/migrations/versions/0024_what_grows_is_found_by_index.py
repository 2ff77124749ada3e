"""indexes for what was found by reading a whole table

Revision: 0024, after 0023
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

#: Table, name, columns and which rows are in it.
Index = tuple[str, str, list[str], str | None]
NEW: Sequence[Index] = (
    ("actions", "ix_actions_out", ["campaign_id", "claim_expires"], "state = 1"),
    ("chain_events", "ix_chain_events_flows", ["campaign"], "kind IN (15, 19, 20, 30, 31, 34, 37, 39)"),
    ("chain_events", "ix_chain_events_moves", ["other_campaign"], "kind = 37"),
    ("moves", "ix_moves_done_block", ["done_block"], None),
    ("redemptions", "ix_redemptions_box", ["expires_at"], "box IS NOT NULL"),
    ("redemptions", "ix_redemptions_paid_block", ["paid_block"], None),
)
OLD: Sequence[Index] = (
    ("actions", "ix_actions_claim_expires", ["claim_expires"], "claim_expires IS NOT NULL"),
    ("chain_events", "ix_chain_events_caps", ["campaign"], "kind = 15"),
)


def upgrade() -> None:
    _swap(OLD, NEW)


def downgrade() -> None:
    _swap(NEW, OLD)


def _swap(old: Sequence[Index], new: Sequence[Index]) -> None:
    for table, name, *_ in old:
        op.drop_index(name, table)
    for table, name, columns, rows in new:
        where = None if rows is None else sa.text(rows)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
