"""campaigns know the number of their newest rules

Revision: 0020, after 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("campaigns", "last_version", columns.Int(1, 100000), 1)
    newest = "SELECT MAX(version) FROM rule_versions WHERE rule_versions.campaign_id = campaigns.id"
    op.execute(sa.text(f"UPDATE campaigns SET last_version = COALESCE(({newest}), 1)"))  # noqa: S608 - ours


def downgrade() -> None:
    op.drop_column("campaigns", "last_version")
