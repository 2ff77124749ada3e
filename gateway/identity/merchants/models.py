"""Merchants and their API keys."""

from __future__ import annotations

from enum import IntFlag

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Flag, Int, PrimaryKey, Seconds
from gateway.core.db import Base


class Scope(IntFlag):
    """What a key may do."""

    ACTIONS = 1  # report actions and refunds (a till)
    CODES = 2  # check and use codes (a till)
    MANAGE = 4  # campaigns, offers, codes, webhooks, keys
    STATISTICS = 8  # read aggregates
    ADMIN = 16  # the operator: merchants


class Merchant(Base):
    __tablename__ = "merchants"
    __table_args__ = ({"info": {"side": "merchant"}},)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    #: The merchant's own wallet: signs offers, is paid in points.
    address: Mapped[bytes] = mapped_column(Blob(20), unique=True)
    active: Mapped[bool] = mapped_column(Flag(), default=True)
    created_at: Mapped[int] = mapped_column(Seconds())


class ApiKey(Base):
    """Only the hash of a key is kept. `merchant_id` is empty for the operator's keys."""

    __tablename__ = "api_keys"
    __table_args__ = ({"info": {"side": "merchant"}},)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int | None] = mapped_column(sa.ForeignKey("merchants.id"), index=True)
    #: Public part of the key, by which its row is found.
    prefix: Mapped[bytes] = mapped_column(Blob(8), unique=True)
    hash: Mapped[bytes] = mapped_column(Blob(32))
    scopes: Mapped[int] = mapped_column(Int(1, 31))
    created_at: Mapped[int] = mapped_column(Seconds())
    #: A rotated key works until then, so that tills can be changed over one by one.
    expires_at: Mapped[int | None] = mapped_column(Seconds())
    revoked_at: Mapped[int | None] = mapped_column(Seconds())
