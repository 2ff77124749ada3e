"""Offers, and the codes that fulfil them."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Flag, Hundredths, Int, PrimaryKey, Seconds
from gateway.core.db import Base
from gateway.core.durations import DAY
from gateway.core.limits import MAX_SUM


class CodeSource(IntEnum):
    POOL = 1  # uploaded by the merchant
    GENERATED = 2  # made when drawn, from a pattern; without one: signed


class RewardKind(IntEnum):
    """The kinds of rewards.py."""

    PERCENTAGE = 1
    FIXED = 2
    PRODUCT = 3
    EXPERIENCE = 4
    PARTNER = 5
    GIFT_CARD = 6
    ACCESS_CODE = 7
    TICKET = 8


class Offer(Base):
    """A document signed by its merchant; its hash and price are in every order."""

    __tablename__ = "offers"
    __table_args__ = ({"info": {"side": "merchant"}},)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), index=True)
    document: Mapped[str] = mapped_column(sa.Text())
    hash: Mapped[bytes] = mapped_column(Blob(32), unique=True)
    signature: Mapped[bytes] = mapped_column(Blob(65))
    kind: Mapped[RewardKind] = mapped_column(Choice(RewardKind))
    price: Mapped[int] = mapped_column(Hundredths())
    #: Empty: paid from the wallet. Else: from accounts of this campaign.
    campaign_id: Mapped[int | None] = mapped_column(sa.ForeignKey("campaigns.id"))
    source: Mapped[CodeSource] = mapped_column(Choice(CodeSource))
    pattern: Mapped[str | None] = mapped_column(sa.String(64))
    starts_at: Mapped[int] = mapped_column(Seconds())
    ends_at: Mapped[int] = mapped_column(Seconds())
    #: A delivered code can be used this many seconds.
    code_valid: Mapped[int] = mapped_column(Int(60, 5 * 366 * DAY))
    stock_limit: Mapped[int | None] = mapped_column(Int(0, 10_000_000))
    #: Codes that are reserved, delivered or used.
    drawn: Mapped[int] = mapped_column(Int(), default=0)
    #: Codes that can be drawn without making one.
    free: Mapped[int] = mapped_column(Int(), default=0)
    #: An offer of which so many or fewer codes are left tells its merchant, once until there are more.
    low_stock: Mapped[int] = mapped_column(Int(0, 1_000_000), default=0)
    low_told: Mapped[bool] = mapped_column(Flag(), default=False)
    #: Of documents of version 1; later ones name their limits themselves.
    wallet_limit: Mapped[int | None] = mapped_column(Int(1, 10_000))
    active: Mapped[bool] = mapped_column(Flag(), default=True)
    created_at: Mapped[int] = mapped_column(Seconds())

    def add_free(self, count: int) -> None:
        """So many more codes can be drawn."""
        self.free += count
        self.low_told = self.low_told and self.free <= self.low_stock

    @property
    def signed(self) -> bool:
        """Its codes are tokens that tills check without a network."""
        return self.source == CodeSource.GENERATED and self.pattern is None


class CodeState(IntEnum):
    FREE = 1
    RESERVED = 2  # drawn for an order that is not yet at depth
    DELIVERED = 3
    USED = 4
    STAGED = 5  # of a file that is not decided or not let out yet


class UploadState(IntEnum):
    STAGED = 1
    DECIDED = 2  # all of its codes count
    GIVEN_UP = 3  # none of them does


class CodeUpload(Base):
    """A large file of codes, while it is taken in (uploads.py)."""

    __tablename__ = "code_uploads"
    __table_args__ = ({"info": {"side": "merchant"}, "sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    offer_id: Mapped[int] = mapped_column(sa.ForeignKey("offers.id"))
    state: Mapped[UploadState] = mapped_column(Choice(UploadState))
    touched_at: Mapped[int] = mapped_column(Seconds())


class Code(Base):
    """One code. Its text is kept encrypted while it is free or reserved, and only as a keyed digest after delivery."""

    __tablename__ = "codes"
    __table_args__ = (
        sa.UniqueConstraint("merchant_id", "digest"),
        sa.Index("ix_codes_draw", "offer_id", "state", "draw"),
        # Of files that are being taken in only.
        sa.Index(
            "ix_codes_upload",
            "upload_id",
            sqlite_where=sa.text("upload_id IS NOT NULL"),
            postgresql_where=sa.text("upload_id IS NOT NULL"),
        ),
        {"info": {"side": "merchant"}},
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"))
    offer_id: Mapped[int] = mapped_column(sa.ForeignKey("offers.id"))
    digest: Mapped[bytes] = mapped_column(Blob(32))
    text_box: Mapped[bytes | None] = mapped_column(sa.LargeBinary())
    #: Random; codes are drawn in this order, so that the n-th redemption says nothing about the n-th row.
    draw: Mapped[int] = mapped_column(Int(0, MAX_SUM))
    state: Mapped[CodeState] = mapped_column(Choice(CodeState), default=CodeState.FREE)
    expires_at: Mapped[int | None] = mapped_column(Seconds())
    used_at: Mapped[int | None] = mapped_column(Seconds())
    #: Id of the API key that used it: only the same till may undo.
    used_by: Mapped[int | None] = mapped_column(Int())
    #: The file that it is staged with; empty once it may be drawn.
    upload_id: Mapped[int | None] = mapped_column(Int(1))


class OfflineUse(Base):
    """A use that a till reported afterwards. `counted`: it used the code up; else the code had been used before."""

    __tablename__ = "offline_uses"
    __table_args__ = (
        sa.UniqueConstraint("code_id", "key_id", "used_at"),
        sa.Index("ix_offline_uses_doubles", "merchant_id", "counted", "id"),
        {"info": {"side": "merchant"}},
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"))
    code_id: Mapped[int] = mapped_column(sa.ForeignKey("codes.id"))
    #: The till's API key, and when it took the code.
    key_id: Mapped[int] = mapped_column(Int(1))
    used_at: Mapped[int] = mapped_column(Seconds())
    counted: Mapped[bool] = mapped_column(Flag())
    #: Of a double use: the other till's, as it counts.
    other_key: Mapped[int | None] = mapped_column(Int(1))
    other_at: Mapped[int | None] = mapped_column(Seconds())
    reported_at: Mapped[int] = mapped_column(Seconds())


class CodeMiss(Base):
    """How many codes that were not handed out a merchant's tills asked for in the last hour in which they did."""

    __tablename__ = "code_misses"
    __table_args__ = ({"info": {"side": "merchant"}},)

    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), primary_key=True, autoincrement=False)
    #: Hours since 1970.
    hour: Mapped[int] = mapped_column(Int(0, 1_000_000))
    misses: Mapped[int] = mapped_column(Int())
