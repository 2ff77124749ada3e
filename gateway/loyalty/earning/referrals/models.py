"""Who brought whom, for as long as it may be rewarded."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Seconds
from gateway.core.db import Base


class Referral(Base):
    """A wallet's own word, by its signature. Forgotten when the campaign closes."""

    __tablename__ = "referrals"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    referrer: Mapped[bytes] = mapped_column(Blob(20), index=True)
    named_at: Mapped[int] = mapped_column(Seconds())
    #: The action that it was rewarded for.
    action_id: Mapped[int | None] = mapped_column(sa.ForeignKey("actions.id"), index=True)
