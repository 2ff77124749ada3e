"""Wishes for badges, each for as long as it can come true."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Int, Seconds
from gateway.core.db import Base

#: This room's cursor in the stream of chain events.
STREAM = "badges"


class BadgeWish(Base):
    """A wallet's signed word that it wants a badge on the chain. Deleted once its deadline has passed at depth: who has
    which badge is in the ledger."""

    __tablename__ = "badge_wishes"

    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    badge: Mapped[int] = mapped_column(Int(1, 9_999), primary_key=True, autoincrement=False)
    wallet: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    signature: Mapped[bytes] = mapped_column(Blob(65))
    deadline: Mapped[int] = mapped_column(Seconds(), index=True)
    #: The transaction that it was last sent in.
    tx_id: Mapped[int | None] = mapped_column(sa.ForeignKey("chain_txs.id"), index=True)
    #: When to send it (again); empty: nothing is to be sent.
    retry_at: Mapped[int | None] = mapped_column(Seconds(), index=True)
    #: How often the chain refused its transaction.
    attempts: Mapped[int] = mapped_column(Int(0, 10_000), default=0)
    landed_block: Mapped[int | None] = mapped_column(Int(), index=True)
    created_at: Mapped[int] = mapped_column(Seconds())
