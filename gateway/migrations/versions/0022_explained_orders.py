"""an open order is buried only when an event explains it: all that uses a nonce is found by it

Revision: 0022, after 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BEFORE, AFTER = sa.text("kind IN (3, 42)"), sa.text("kind IN (3, 4, 40, 41, 42, 43)")


def upgrade() -> None:
    _index_orders(AFTER)
    add_column("open_orders", "unexplained", columns.Flag(), 0)
    told = sa.text("unexplained = 1")
    op.create_index("ix_open_orders_unexplained", "open_orders", ["kind"], sqlite_where=told, postgresql_where=told)


def downgrade() -> None:
    op.drop_index("ix_open_orders_unexplained", "open_orders")
    op.drop_column("open_orders", "unexplained")
    _index_orders(BEFORE)


def _index_orders(kinds: sa.TextClause) -> None:
    op.drop_index("ix_chain_events_order", "chain_events")
    op.create_index(
        "ix_chain_events_order", "chain_events", ["holder", "nonce"], sqlite_where=kinds, postgresql_where=kinds
    )
