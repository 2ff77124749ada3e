"""What everybody has, rebuilt from the stream of chain events and from nothing else."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.chain.indexer.models import EventKind
from gateway.core.columns import Blob, Choice, Flag, Int, PrimaryKey, Seconds, Uint96, Uint256
from gateway.core.db import Base
from gateway.core.durations import DAY

#: The name of this room's cursor in the event stream.
STREAM = "ledger"


class HubCampaign(Base):
    """The terms that decide how an account matures, of every campaign on the hub: anybody may create one."""

    __tablename__ = "hub_campaigns"

    id: Mapped[int] = mapped_column(Int(1), primary_key=True, autoincrement=False)
    block: Mapped[int] = mapped_column(Int(), index=True)
    hold: Mapped[int] = mapped_column(Int(0, 90 * DAY))
    closed: Mapped[bool] = mapped_column(Flag())


class Holding(Base):
    """One holder's points in the wallet (`campaign` 0) or in a campaign's account, in the contract's own buckets."""

    __tablename__ = "holdings"
    __table_args__ = (sa.Index("ix_holdings_release", "campaign", "release_from"),)

    holder: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    campaign: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    matured: Mapped[int] = mapped_column(Uint96(), default=0)
    old: Mapped[int] = mapped_column(Uint96(), default=0)
    young: Mapped[int] = mapped_column(Uint96(), default=0)
    period: Mapped[int] = mapped_column(Int(), default=0)
    #: True: the holder chose that nobody else may send matured points to the wallet.
    stay: Mapped[bool] = mapped_column(Flag(), default=False)
    #: Open campaigns: since or from when something can be released to the wallet; empty when nothing can.
    release_from: Mapped[int | None] = mapped_column(Seconds())


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


class ChainBadge(Base):
    """A badge that landed on the chain, whoever sent it. `renounced_block`: where its holder gave it up."""

    __tablename__ = "chain_badges"
    __table_args__ = (
        sa.UniqueConstraint("campaign", "badge", "holder"),
        sa.Index("ix_chain_badges_holder", "holder", "id"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    campaign: Mapped[int] = mapped_column(Int())
    badge: Mapped[int] = mapped_column(Int(0, 2**32 - 1))
    holder: Mapped[bytes] = mapped_column(Blob(20))
    block: Mapped[int] = mapped_column(Int(), index=True)
    at: Mapped[int] = mapped_column(Seconds())
    renounced_block: Mapped[int | None] = mapped_column(Int(), index=True)


class Measure(IntEnum):
    """What anybody can add up from the chain's events."""

    MINTED = 1
    BURNED = 2
    CASHED_OUT = 3
    AWARDED = 4
    CLAWED_BACK = 5
    ENTERED = 6  # from wallets, without bonus
    LEFT = 7  # to wallets, by the holder or released
    MOVED_IN = 8  # from other campaigns, without bonus
    MOVED_OUT = 9
    BONUS = 10
    REDEEMED = 11  # paid to a merchant
    EXPIRED = 12


class LedgerTotal(Base):
    """One running total of public chain events."""

    __tablename__ = "ledger_totals"

    #: 0: wallets.
    campaign: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    measure: Mapped[Measure] = mapped_column(Choice(Measure), primary_key=True)
    #: The merchant who was paid; zero where there is none.
    party: Mapped[bytes] = mapped_column(Blob(20), primary_key=True)
    events: Mapped[int] = mapped_column(Int())
    points: Mapped[int] = mapped_column(Uint256())
