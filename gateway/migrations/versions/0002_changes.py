"""changes: the audit log

Revision: 0002, after 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("owner", columns.Int(0, 99999999999), nullable=False),
        sa.Column("key_id", columns.Int(1, 99999999999), nullable=False),
        sa.Column("by_operator", columns.Flag(), nullable=False),
        sa.Column("at", columns.Seconds(), nullable=False),
        sa.Column("what", columns.JobKind(), nullable=False),
        sa.Column("subject", columns.Int(0, 99999999999), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index("ix_changes_owner", ["owner", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.drop_index("ix_changes_owner")
    op.drop_table("changes")
