"""Signed orders that the gateway holds and the chain has not yet answered."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Flag, Hundredths, Int, Seconds
from gateway.core.db import Base

#: In the words of its index.
UNEXPLAINED = sa.text("unexplained = 1")


class OrderKind(IntEnum):
    """Whose row `ref` is."""

    REDEMPTION = 1
    MOVE = 2


class OpenOrder(Base):
    """One order on a wallet (`campaign` 0) or an account. The key lets two orders never share a nonce."""

    __tablename__ = "open_orders"
    __table_args__ = (
        sa.Index("ix_open_orders_ref", "kind", "ref", unique=True),
        sa.Index("ix_open_orders_look", "kind", "look_at"),
        # None, as a rule: for readiness.
        sa.Index("ix_open_orders_unexplained", "kind", sqlite_where=UNEXPLAINED, postgresql_where=UNEXPLAINED),
    )

    holder: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    campaign: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    nonce: Mapped[int] = mapped_column(Int(0, 2**32 - 1), primary_key=True, autoincrement=False)
    kind: Mapped[OrderKind] = mapped_column(Choice(OrderKind))
    ref: Mapped[int] = mapped_column(Int())
    #: Leaves the wallet or account when the order lands.
    amount: Mapped[int] = mapped_column(Hundredths())
    deadline: Mapped[int] = mapped_column(Seconds())
    created_at: Mapped[int] = mapped_column(Seconds())
    #: When to ask the chain whether it is still alive.
    look_at: Mapped[int] = mapped_column(Seconds())
    #: True: the chain's nonce has passed this one, and no event that we know says by what.
    unexplained: Mapped[bool] = mapped_column(Flag(), default=False)


class SharedOrders(Base):
    """How many orders were taken on a UTC day (days since 1970) of wallets that had earned nothing here."""

    __tablename__ = "shared_orders"

    day: Mapped[int] = mapped_column(Int(0, 30_000), primary_key=True, autoincrement=False)
    orders: Mapped[int] = mapped_column(Int())
