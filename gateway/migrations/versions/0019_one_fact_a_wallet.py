"""one fact a wallet and week, not one for each metric

Revision: 0019, after 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

#: Metrics by number; 1 stands for the wallet itself.
SUMS = {2: "purchases", 3: "revenue", 4: "visits", 5: "claims"}
WHOSE = "merchant_id, week, tag"


def upgrade() -> None:
    sums = ", ".join(f"SUM(CASE metric WHEN {number} THEN value ELSE 0 END) AS {name}" for number, name in SUMS.items())
    _rebuild(
        [f"SELECT {WHOSE}, {sums} FROM stat_facts GROUP BY {WHOSE}"],  # noqa: S608 - names of ours
        [sa.Column(name, columns.Hundredths(), nullable=False) for name in SUMS.values()],
        [],
    )


def downgrade() -> None:
    _rebuild(
        [f"SELECT {WHOSE}, 1 AS metric, 1 AS value FROM stat_facts"]  # noqa: S608 - names of ours
        + [f"SELECT {WHOSE}, {n}, {name} FROM stat_facts WHERE {name} > 0" for n, name in SUMS.items()],  # noqa: S608
        [
            sa.Column("metric", columns.Choice([1, 2, 3, 4, 5]), nullable=False),
            sa.Column("value", columns.Hundredths(), nullable=False),
        ],
        ["metric"],
    )


def _rebuild(rows: list[str], values: list[sa.Column[int]], key: list[str]) -> None:
    """The table anew, with these columns after those that say whose the fact is, and these rows of the old one."""
    op.execute(sa.text(f"CREATE TEMPORARY TABLE facts_before AS {' UNION ALL '.join(rows)}"))
    op.drop_table("stat_facts")
    op.create_table(
        "stat_facts",
        sa.Column("merchant_id", columns.PrimaryKey(), autoincrement=False, nullable=False),
        sa.Column("week", columns.Int(0, 30000), autoincrement=False, nullable=False),
        sa.Column("tag", columns.Blob(16), nullable=False),
        *values,
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_stat_facts_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "week", "tag", *key, name=op.f("pk_stat_facts")),
    )
    op.execute(sa.text("INSERT INTO stat_facts SELECT * FROM facts_before"))
    op.execute(sa.text("DROP TABLE facts_before"))
