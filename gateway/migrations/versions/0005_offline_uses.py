"""Uses of signed codes that tills report afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "offline_uses",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("merchant_id", columns.PrimaryKey(), nullable=False),
        sa.Column("code_id", columns.PrimaryKey(), nullable=False),
        sa.Column("key_id", columns.Int(1, 99999999999), nullable=False),
        sa.Column("used_at", columns.Seconds(), nullable=False),
        sa.Column("counted", columns.Flag(), nullable=False),
        sa.Column("other_key", columns.Int(1, 99999999999), nullable=True),
        sa.Column("other_at", columns.Seconds(), nullable=True),
        sa.Column("reported_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(["code_id"], ["codes.id"], name=op.f("fk_offline_uses_code_id")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_offline_uses_merchant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offline_uses")),
        sa.UniqueConstraint("code_id", "key_id", "used_at", name=op.f("uq_offline_uses_code_id_key_id_used_at")),
    )
    op.create_index("ix_offline_uses_doubles", "offline_uses", ["merchant_id", "counted", "id"])


def downgrade() -> None:
    op.drop_index("ix_offline_uses_doubles", table_name="offline_uses")
    op.drop_table("offline_uses")
