"""Webhook endpoints of merchants, and the messages owed to them."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Flag, Int, PrimaryKey, Seconds
from gateway.core.db import Base


class MessageKind(IntEnum):
    BATCH_LANDED = 1
    REDEMPTION_DELIVERED = 2
    CODE_USED = 3
    STATISTICS_RELEASED = 4
    CODES_LOW = 5
    CODE_USED_TWICE = 6
    BADGES_LANDED = 7


class Endpoint(Base):
    __tablename__ = "webhook_endpoints"
    __table_args__ = ({"info": {"side": "merchant"}, "sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), index=True)
    url: Mapped[str] = mapped_column(sa.String(500))
    #: Signing secret, encrypted with the gateway's key.
    secret_box: Mapped[bytes] = mapped_column(sa.LargeBinary())
    active: Mapped[bool] = mapped_column(Flag(), default=True)
    created_at: Mapped[int] = mapped_column(Seconds())


class DeliveryState(IntEnum):
    WAITING = 1
    DELIVERED = 2
    GIVEN_UP = 3


class Delivery(Base):
    """One message to one endpoint; its body is built from `kind` and `ref` each time, its id stays."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        sa.UniqueConstraint("endpoint_id", "kind", "ref"),
        sa.Index("ix_webhook_deliveries_due", "state", "next_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(sa.ForeignKey("webhook_endpoints.id"))
    message_id: Mapped[bytes] = mapped_column(Blob(16), unique=True)
    kind: Mapped[MessageKind] = mapped_column(Choice(MessageKind))
    ref: Mapped[int] = mapped_column(Int())
    state: Mapped[DeliveryState] = mapped_column(Choice(DeliveryState), default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(Int(0, 100), default=0)
    next_at: Mapped[int] = mapped_column(Seconds())
    created_at: Mapped[int] = mapped_column(Seconds())
