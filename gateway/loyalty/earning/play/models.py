"""Which rewards for challenges and streaks a wallet was given."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Int
from gateway.core.db import Base


class PlayReward(Base):
    """The reward number `place` for a goal (parts.name_key) in a period. `action_id`: the bonus, None while it is taken
    back; `given`: how often it was given."""

    __tablename__ = "play_rewards"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    goal: Mapped[bytes] = mapped_column(Blob(8), primary_key=True)
    period: Mapped[int] = mapped_column(Int(0, 100_000), primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(Int(0, 100_000), primary_key=True, autoincrement=False)
    action_id: Mapped[int | None] = mapped_column(sa.ForeignKey("actions.id"), index=True)
    given: Mapped[int] = mapped_column(Int(0, 10_000))
