"""campaigns announce how they will settle

Revision: 0018, after 0017
"""

from __future__ import annotations

from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("campaigns", "coming_every", columns.Int(0, 604800))
    add_column("campaigns", "coming_wallets", columns.Int(1, 10000))
    add_column("campaigns", "coming_step", columns.Hundredths())
    add_column("campaigns", "coming_from", columns.Seconds())


def downgrade() -> None:
    for name in ("coming_every", "coming_wallets", "coming_step", "coming_from"):
        op.drop_column("campaigns", name)
