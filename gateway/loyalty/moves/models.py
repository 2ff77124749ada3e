"""Holders' signed orders that need no merchant: enter, leave, move, send, cash out, stay."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Flag, Hundredths, Int, PrimaryKey, Seconds, Uint96
from gateway.core.db import Base


class MoveKind(IntEnum):
    ENTER = 1
    LEAVE = 2
    MOVE = 3
    SEND = 4
    CASH_OUT = 5
    STAY = 6


class MoveState(IntEnum):
    ACCEPTED = 1  # with the relayer, or waiting for the order before it
    DONE = 2  # seen at depth
    DEAD = 3  # nonce or deadline passed without it
    REFUSED = 4  # the chain would refuse it; nothing was sent


class Move(Base):
    __tablename__ = "moves"
    __table_args__ = (
        sa.Index("ix_moves_holder", "holder", "id"),
        sa.Index("ix_moves_state", "state"),
        sa.Index("ix_moves_done_block", "done_block"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    kind: Mapped[MoveKind] = mapped_column(Choice(MoveKind))
    holder: Mapped[bytes] = mapped_column(Blob(20))
    #: Campaign left (leave, move, stay) and campaign entered (enter, move); 0 where there is none.
    source: Mapped[int] = mapped_column(Int())
    target: Mapped[int] = mapped_column(Int())
    amount: Mapped[int] = mapped_column(Hundredths())
    min_received: Mapped[int] = mapped_column(Hundredths(), default=0)
    recipient: Mapped[bytes | None] = mapped_column(Blob(20))
    stay: Mapped[bool] = mapped_column(Flag(), default=False)
    nonce: Mapped[int] = mapped_column(Int(0, 2**32 - 1))
    deadline: Mapped[int] = mapped_column(Seconds())
    signature: Mapped[bytes] = mapped_column(Blob(65))
    digest: Mapped[bytes] = mapped_column(Blob(32), unique=True)
    state: Mapped[MoveState] = mapped_column(Choice(MoveState))
    #: What the chain credited, bonus included.
    received: Mapped[int | None] = mapped_column(Uint96())
    tx_id: Mapped[int | None] = mapped_column(sa.ForeignKey("chain_txs.id"), index=True)
    #: Empty: nothing is to be sent. Else when to look whether its nonce is the next one.
    retry_at: Mapped[int | None] = mapped_column(Seconds(), index=True)
    done_block: Mapped[int | None] = mapped_column(Int())
    created_at: Mapped[int] = mapped_column(Seconds())
