"""What counts for ladders, by wallet and day, and rungs that merchants gave."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Int, Seconds, Uint96
from gateway.core.db import Base

#: Days since 1970 that are stored: up to 2079.
LAST_DAY = 40_000
#: Of one wallet on one day.
MAX_VISITS = 1_000_000


class TierDay(Base):
    """What one wallet did on one local day of a campaign with ladders, less what was refunded. Hundredths; `visits`:
    purchases and visits."""

    __tablename__ = "tier_days"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    day: Mapped[int] = mapped_column(Int(0, LAST_DAY), primary_key=True, autoincrement=False)
    points: Mapped[int] = mapped_column(Uint96())
    spend: Mapped[int] = mapped_column(Uint96())
    visits: Mapped[int] = mapped_column(Int(0, MAX_VISITS))


class TierBook(Base):
    """A campaign whose past was counted when it got its first ladder."""

    __tablename__ = "tier_books"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    counted_at: Mapped[int] = mapped_column(Seconds())


class Vip(Base):
    """A rung that the merchant gave a wallet at its own wish. `ladder` and `rung`: see parts.name_key."""

    __tablename__ = "tier_vips"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    ladder: Mapped[bytes] = mapped_column(Blob(8), primary_key=True)
    rung: Mapped[bytes] = mapped_column(Blob(8))
    first_day: Mapped[int] = mapped_column(Int(0, LAST_DAY))
    last_day: Mapped[int] = mapped_column(Int(0, LAST_DAY))
