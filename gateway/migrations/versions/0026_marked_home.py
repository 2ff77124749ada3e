"""a database knows its master secret

Revision: 0026, after 0025
"""

from __future__ import annotations

from alembic import op

from gateway.core import columns
from gateway.migrations.adding import add_column

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("home_chain", "mark", columns.Blob(32))


def downgrade() -> None:
    op.drop_column("home_chain", "mark")
