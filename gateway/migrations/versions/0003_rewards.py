"""Offers know the kind of their reward, and whether their merchant was told that few codes are left."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KINDS = ("percentage", "fixed", "product", "experience", "partner", "gift_card", "access_code", "ticket")
PRODUCT = KINDS.index("product") + 1


def upgrade() -> None:
    add_column("offers", "kind", columns.Choice(range(1, len(KINDS) + 1)), PRODUCT)
    add_column("offers", "low_told", columns.Flag(), 0)
    offers = sa.table("offers", sa.column("id"), sa.column("document"), sa.column("kind"))
    bind = op.get_bind()
    for number, document in bind.execute(sa.select(offers.c.id, offers.c.document)).all():
        kind = KINDS.index(json.loads(document)["kind"]) + 1
        bind.execute(sa.update(offers).where(offers.c.id == number).values(kind=kind))


def downgrade() -> None:
    for name in ("low_told", "kind"):
        op.drop_column("offers", name)
