"""a job for many neighbours

Revision: 0009, after 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OLD = sa.table("jobs", *map(sa.column, ("id", "kind", "ref", "run_at", "attempts")))


def upgrade() -> None:
    # Made anew, with its checks; what waits in it is moved over.
    waiting = _take()
    op.drop_table("jobs")
    table = op.create_table(
        "jobs",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("kind", columns.JobKind(), nullable=False),
        sa.Column("ref", columns.Int(0, 99999999999), nullable=False),
        sa.Column("count", columns.Int(1, 1000000), nullable=False),
        sa.Column("run_at", columns.Seconds(), nullable=False),
        sa.Column("attempts", columns.Int(0, 10000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_run_at"), "jobs", ["run_at"], unique=False)
    op.bulk_insert(table, [row | {"count": 1} for row in waiting])


def downgrade() -> None:
    waiting = _take(sa.column("count"))
    op.drop_table("jobs")
    table = op.create_table(
        "jobs",
        sa.Column("id", columns.PrimaryKey(), nullable=False),
        sa.Column("kind", columns.JobKind(), nullable=False),
        sa.Column("ref", columns.Int(0, 99999999999), nullable=False),
        sa.Column("run_at", columns.Seconds(), nullable=False),
        sa.Column("attempts", columns.Int(0, 10000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_run_at"), "jobs", ["run_at"], unique=False)
    one_by_one = [row | {"ref": row["ref"] + more} for row in waiting for more in range(row["count"])]
    op.bulk_insert(table, [{name: value for name, value in row.items() if name != "count"} for row in one_by_one])


def _take(*more: sa.ColumnClause[int]) -> list[dict[str, int]]:
    query = sa.select(OLD.c.kind, OLD.c.ref, OLD.c.run_at, OLD.c.attempts, *more).order_by(OLD.c.id)
    return [dict(row) for row in op.get_bind().execute(query).mappings()]
