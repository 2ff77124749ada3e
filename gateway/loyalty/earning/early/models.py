"""Who wants its points at once, for a day."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Flag, Int, PrimaryKey, Seconds
from gateway.core.db import Base


class EarlyAsk(Base):
    """A wallet's own word, by its signature. Counts as an order of the wallet; forgotten when it is a day old."""

    __tablename__ = "early_asks"
    __table_args__ = (
        sa.Index("ix_early_asks_holder", "holder", "id"),
        sa.Index("ix_early_asks_open", "open", "campaign_id"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"))
    holder: Mapped[bytes] = mapped_column(Blob(20))
    said_at: Mapped[int] = mapped_column(Seconds())
    #: What it asked for, hundredths of a point.
    points: Mapped[int] = mapped_column(Int())
    #: False once what waited was folded.
    open: Mapped[bool] = mapped_column(Flag(), default=True)
    created_at: Mapped[int] = mapped_column(Seconds())
