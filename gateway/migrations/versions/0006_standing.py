"""tiers, challenges and streaks, players on leaderboards

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.core import columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _tiers()
    _play()


def _tiers() -> None:
    op.create_table(
        "tier_books",
        sa.Column("campaign_id", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("counted_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_tier_books_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_tier_books")),
    )
    op.create_table(
        "tier_days",
        sa.Column("campaign_id", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("wallet", columns.Blob(20), nullable=False),
        sa.Column("day", columns.Int(0, 40000), autoincrement=False, nullable=False),
        sa.Column("points", columns.Uint96(), nullable=False),
        sa.Column("spend", columns.Uint96(), nullable=False),
        sa.Column("visits", columns.Int(0, 1000000), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_tier_days_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "wallet", "day", name=op.f("pk_tier_days")),
    )
    op.create_table(
        "tier_vips",
        sa.Column("campaign_id", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("wallet", columns.Blob(20), nullable=False),
        sa.Column("ladder", columns.Blob(8), nullable=False),
        sa.Column("rung", columns.Blob(8), nullable=False),
        sa.Column("first_day", columns.Int(0, 40000), nullable=False),
        sa.Column("last_day", columns.Int(0, 40000), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_tier_vips_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "wallet", "ladder", name=op.f("pk_tier_vips")),
    )


def _play() -> None:
    op.create_table(
        "play_rewards",
        sa.Column("campaign_id", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("wallet", columns.Blob(20), nullable=False),
        sa.Column("goal", columns.Blob(8), nullable=False),
        sa.Column("period", columns.Int(0, 100000), autoincrement=False, nullable=False),
        sa.Column("place", columns.Int(0, 100000), autoincrement=False, nullable=False),
        sa.Column("action_id", columns.PrimaryKey(), nullable=True),
        sa.Column("given", columns.Int(0, 10000), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["actions.id"], name=op.f("fk_play_rewards_action_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_play_rewards_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "wallet", "goal", "period", "place", name=op.f("pk_play_rewards")),
    )
    with op.batch_alter_table("play_rewards", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_play_rewards_action_id"), ["action_id"], unique=False)
    op.create_table(
        "players",
        sa.Column("campaign_id", columns.Int(1, 99999999999), autoincrement=False, nullable=False),
        sa.Column("wallet", columns.Blob(20), nullable=False),
        sa.Column("pseudonym", columns.Int(0, 409599), nullable=True),
        sa.Column("said_at", columns.Seconds(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_players_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "wallet", name=op.f("pk_players")),
        sa.UniqueConstraint("campaign_id", "pseudonym", name=op.f("uq_players_campaign_id_pseudonym")),
    )


def downgrade() -> None:
    for table in ("players", "play_rewards", "tier_vips", "tier_days", "tier_books"):
        op.drop_table(table)
