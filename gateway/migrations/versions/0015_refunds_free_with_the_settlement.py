"""refunds free what was reserved with the settlement, no longer at once

Revision: 0015, after 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

#: What refunds of awards that no settlement has folded yet had freed: states 1 and 2 wait.
FREED = """(
    SELECT COALESCE(SUM(refund.points), 0) FROM actions AS refund JOIN actions AS award ON award.id = refund.refers_to
    WHERE award.campaign_id = campaigns.id AND award.state IN (1, 2)
)"""


def upgrade() -> None:
    op.execute(sa.text(f"UPDATE campaigns SET reserved = reserved + {FREED}"))  # noqa: S608 - a text of ours


def downgrade() -> None:
    op.execute(sa.text(f"UPDATE campaigns SET reserved = reserved - {FREED}"))  # noqa: S608 - a text of ours
