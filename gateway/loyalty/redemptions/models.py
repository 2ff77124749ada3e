"""Orders for codes, from the holder's signature to the delivered box."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Hundredths, Int, PrimaryKey, Seconds
from gateway.core.db import Base

#: Seconds until a payment whose code was not found is looked at again: its codes may be uploaded anew.
AGAIN_AFTER = 300


class RedemptionState(IntEnum):
    ACCEPTED = 1  # code reserved and sealed; waits for the next batch
    SUBMITTED = 2  # in a transaction of the relayer
    DELIVERED = 3  # paid at depth; the box is in the inbox
    CONFIRMED = 4  # the holder opened the box; it is forgotten here
    DEAD = 5  # nonce or deadline passed without payment; the code is free again
    FLAGGED = 6  # delivered, its payment reorganised away; or paid when given up, and no code yet: a human looks


class StrayState(IntEnum):
    SEEN = 1  # to be looked up on the chain
    UNKNOWN = 2  # paid, but none of the offer's codes is the one that was sold


class StrayRedemption(Base):
    """A payment for an offer of ours whose order this database does not know. It becomes a redemption again."""

    __tablename__ = "stray_redemptions"

    #: Its REDEEMED or SPENT.
    event_id: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    offer_id: Mapped[int] = mapped_column(sa.ForeignKey("offers.id"))
    state: Mapped[StrayState] = mapped_column(Choice(StrayState), default=StrayState.SEEN, index=True)
    #: Of the order, once it was read: by these the code is recognised.
    digest: Mapped[bytes | None] = mapped_column(Blob(32))
    commitment: Mapped[bytes | None] = mapped_column(Blob(32))
    retry_at: Mapped[int] = mapped_column(Seconds())


_BOXED = sa.text("box IS NOT NULL")


class Redemption(Base):
    __tablename__ = "redemptions"
    __table_args__ = (
        sa.Index("ix_redemptions_holder", "holder", "id"),
        sa.Index("ix_redemptions_state", "state", "merchant_id"),
        sa.Index("ix_redemptions_paid_block", "paid_block"),
        # Whose box is to be wiped one day.
        sa.Index("ix_redemptions_box", "expires_at", sqlite_where=_BOXED, postgresql_where=_BOXED),
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    holder: Mapped[bytes] = mapped_column(Blob(20))
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"))
    offer_id: Mapped[int] = mapped_column(sa.ForeignKey("offers.id"))
    #: 0: wallet points; else the campaign of the account.
    campaign: Mapped[int] = mapped_column(Int())
    amount: Mapped[int] = mapped_column(Hundredths())
    nonce: Mapped[int] = mapped_column(Int(0, 2**32 - 1))
    deadline: Mapped[int] = mapped_column(Seconds())
    seal_key: Mapped[bytes] = mapped_column(Blob(32))
    signature: Mapped[bytes] = mapped_column(Blob(65))
    #: EIP-712 digest of what was signed: the same order sent twice is one redemption.
    digest: Mapped[bytes] = mapped_column(Blob(32), unique=True)
    code_id: Mapped[int] = mapped_column(sa.ForeignKey("codes.id"), index=True)
    commitment: Mapped[bytes] = mapped_column(Blob(32), unique=True)
    box: Mapped[bytes | None] = mapped_column(Blob(208))
    state: Mapped[RedemptionState] = mapped_column(Choice(RedemptionState))
    tx_id: Mapped[int | None] = mapped_column(sa.ForeignKey("chain_txs.id"), index=True)
    #: Empty: nothing is to be sent. Else when to try (again).
    retry_at: Mapped[int | None] = mapped_column(Seconds(), index=True)
    #: How often the chain refused the whole transaction; after the first time it is sent alone.
    attempts: Mapped[int] = mapped_column(Int(0, 10_000), default=0)
    paid_block: Mapped[int | None] = mapped_column(Int())
    #: End of the code's validity, set at the first delivery.
    expires_at: Mapped[int | None] = mapped_column(Seconds())
    created_at: Mapped[int] = mapped_column(Seconds())


#: Paid after it was given up, and without a code so far.
UNSERVED = sa.and_(Redemption.state == RedemptionState.FLAGGED, Redemption.expires_at.is_(None))
