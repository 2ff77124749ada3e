"""Messages about codes that were used twice.

Revision: 0010, after 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAMES = ("id", "endpoint_id", "message_id", "kind", "ref", "state", "attempts", "next_at", "created_at")
OLD = sa.table("webhook_deliveries", *map(sa.column, NAMES))
USED_TWICE = 6


def upgrade() -> None:
    _make(USED_TWICE)


def downgrade() -> None:
    _make(USED_TWICE - 1)


def _make(last: int) -> None:
    """Made anew with its checks; the messages of the kinds up to `last` are moved over."""
    query = sa.select(OLD).where(OLD.c.kind <= last).order_by(OLD.c.id)
    kept = [dict(row) for row in op.get_bind().execute(query).mappings()]
    op.drop_table("webhook_deliveries")
    table = op.create_table(
        "webhook_deliveries",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("endpoint_id", columns.PrimaryKey(), nullable=False),
        sa.Column("message_id", columns.Blob(16), nullable=False),
        sa.Column("kind", columns.Choice(range(1, last + 1)), nullable=False),
        sa.Column("ref", columns.Int(0, 99999999999), nullable=False),
        sa.Column("state", columns.Choice([1, 2, 3]), nullable=False),
        sa.Column("attempts", columns.Int(0, 100), nullable=False),
        sa.Column("next_at", columns.Seconds(), nullable=False),
        sa.Column("created_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_deliveries_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("endpoint_id", "kind", "ref", name=op.f("uq_webhook_deliveries_endpoint_id_kind_ref")),
        sa.UniqueConstraint("message_id", name=op.f("uq_webhook_deliveries_message_id")),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_at"])
    op.bulk_insert(table, kept)
