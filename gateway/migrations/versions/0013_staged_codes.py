"""large files of codes are staged

Revision: 0013, after 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column, choose_from

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATES = range(1, 5)
STAGED = 5


def upgrade() -> None:
    op.create_table(
        "code_uploads",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("offer_id", columns.PrimaryKey(), nullable=False),
        sa.Column("state", columns.Choice([1, 2, 3]), nullable=False),
        sa.Column("touched_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.id"], name=op.f("fk_code_uploads_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_uploads")),
    )
    add_column("codes", "upload_id", columns.Int(1, 99999999999))
    choose_from("codes", "state", STATES, [*STATES, STAGED])
    staged = sa.text("upload_id IS NOT NULL")
    op.create_index("ix_codes_upload", "codes", ["upload_id"], sqlite_where=staged, postgresql_where=staged)


def downgrade() -> None:
    op.drop_index("ix_codes_upload", "codes")
    # Whether they count was not decided, or they are not let out yet: they are to be sent again.
    op.execute(sa.text(f"DELETE FROM codes WHERE state = {STAGED}"))  # noqa: S608 - a number of ours
    choose_from("codes", "state", [*STATES, STAGED], STATES)
    op.drop_column("codes", "upload_id")
    op.drop_table("code_uploads")
