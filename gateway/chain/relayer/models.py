"""Transactions on their way to the chain."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Calldata, Choice, Flag, Int, PrimaryKey, Seconds, SignedTransaction, Uint96
from gateway.core.db import Base


class Purpose(IntEnum):
    """Which room asked; `ref` is a row of that room."""

    AWARD = 1
    CLAWBACK = 2
    REDEEM = 3
    MOVE = 4
    RELEASE = 5
    FILL = 6  # nobody: an empty transaction of the relayer's own that closes a gap of nonces
    BADGE = 7


class TxState(IntEnum):
    QUEUED = 1  # wanted, no nonce yet
    SIGNED = 2  # nonce taken, bytes saved, sent at least once or about to be
    DONE = 3  # its nonce passed at depth and it succeeded
    REVERTED = 4  # its nonce passed at depth and it failed on chain
    REFUSED = 5  # never signed: the node says that it must fail


class ChainTx(Base):
    __tablename__ = "chain_txs"
    __table_args__ = (sa.UniqueConstraint("sender", "nonce"),)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    purpose: Mapped[Purpose] = mapped_column(Choice(Purpose))
    ref: Mapped[int] = mapped_column(Int())
    recipient: Mapped[bytes] = mapped_column(Blob(20))
    data: Mapped[bytes] = mapped_column(Calldata())
    state: Mapped[TxState] = mapped_column(Choice(TxState), default=TxState.QUEUED, index=True)
    sender: Mapped[bytes | None] = mapped_column(Blob(20))
    nonce: Mapped[int | None] = mapped_column(Int())
    gas: Mapped[int | None] = mapped_column(Int(21_000, 2**24))
    created_at: Mapped[int] = mapped_column(Seconds())
    #: Not before: set after a temporary error.
    retry_at: Mapped[int] = mapped_column(Seconds())
    attempts: Mapped[int] = mapped_column(Int(0, 10_000), default=0)
    #: Where it was mined; empty when its nonce was used up without it. A block that vanishes makes it SIGNED again.
    block: Mapped[int | None] = mapped_column(Int())
    block_hash: Mapped[bytes | None] = mapped_column(Blob(32))
    #: What it cost, in wei.
    fee: Mapped[int | None] = mapped_column(Uint96())


class SignedTx(Base):
    """Every signed form of a transaction; a replacement has the same nonce and a higher fee. Wei per gas."""

    __tablename__ = "signed_txs"

    hash: Mapped[bytes] = mapped_column(Blob(32), primary_key=True)
    tx_id: Mapped[int] = mapped_column(sa.ForeignKey("chain_txs.id"), index=True)
    raw: Mapped[bytes] = mapped_column(SignedTransaction())
    max_fee: Mapped[int] = mapped_column(Uint96())
    tip: Mapped[int] = mapped_column(Uint96())
    #: True: only uses the nonce up, because the node takes no other form.
    empty: Mapped[bool] = mapped_column(Flag(), default=False)
    signed_at: Mapped[int] = mapped_column(Seconds())


class KeyState(Base):
    """The next nonce of each relayer key, and the row lock that keeps two workers from taking the same one."""

    __tablename__ = "relayer_keys"

    sender: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    next_nonce: Mapped[int] = mapped_column(Int())
    #: Set while the key may have sent what this database does not know: all nonces below it must pass first. 0: to be
    #: put up. See chain/relayer/fence.py.
    fence: Mapped[int | None] = mapped_column(Int())
    #: Wei paid for gas since this database began.
    spent: Mapped[int] = mapped_column(Uint96(), default=0)
    out_of_gas: Mapped[bool] = mapped_column(Flag(), default=False)
