"""Who plays under which name, for as long as it wants to."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Int, Seconds
from gateway.core.db import Base


class Player(Base):
    """A wallet's own word, by its signature. `pseudonym` is empty once it left; the row stays until the campaign
    closes, so that an older word of it cannot be said again."""

    __tablename__ = "players"
    __table_args__ = (sa.UniqueConstraint("campaign_id", "pseudonym"),)

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    pseudonym: Mapped[int | None] = mapped_column(Int(0, 409_599))
    said_at: Mapped[int] = mapped_column(Seconds())
