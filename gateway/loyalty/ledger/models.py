"""What everybody has, rebuilt from the stream of chain events and from nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Int, PrimaryKey, Seconds, Uint96
from gateway.core.db import Base
from gateway.chain.indexer.models import EventKind


class Holding(Base):
    """One holder's points in the wallet (`campaign` 0) or in a campaign's account, in the contract's own buckets."""

    __tablename__ = "holdings"

    holder: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    campaign: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    matured: Mapped[int] = mapped_column(Uint96(), default=0)
    old: Mapped[int] = mapped_column(Uint96(), default=0)
    young: Mapped[int] = mapped_column(Uint96(), default=0)
    period: Mapped[int] = mapped_column(Int(), default=0)


class LedgerEntry(Base):
    """One change of one holding: the holder's history, and what a rewind takes back."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        sa.Index("ix_ledger_entries_holder", "holder", "id"),
        sa.Index("ix_ledger_entries_block", "block"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    event_id: Mapped[int] = mapped_column(sa.ForeignKey("chain_events.id"))
    kind: Mapped[EventKind] = mapped_column(Choice(EventKind))
    block: Mapped[int] = mapped_column(Int())
    at: Mapped[int] = mapped_column(Seconds())
    holder: Mapped[bytes] = mapped_column(Blob(20))
    campaign: Mapped[int] = mapped_column(Int())
    credit: Mapped[int] = mapped_column(Uint96(), default=0)
    debit: Mapped[int] = mapped_column(Uint96(), default=0)
