"""What the chain said, as one stream that rooms read with cursors of their own."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Flag, Int, JobKind, PrimaryKey, Seconds, Uint96
from gateway.core.db import Base


class EventKind(IntEnum):
    """One number for each event of the contracts, and REWIND, which the indexer adds on a reorganisation."""

    REWIND = 0  # everything in blocks above `block` never happened
    TRANSFER = 1  # holder → counterparty (zero address: mint, burn)
    CASHED_OUT = 2  # counterparty = who got the asset
    TOKEN_ORDER = 3  # nonce: this one was used
    TOKEN_CANCELLED = 4  # nonce: all below are void
    CAMPAIGN_CREATED = 10  # holder = owner, amount = hold, extra = closed (0, 1), nonce = expiry, commitment = terms
    CHANGE_SCHEDULED = 11  # nonce = kind of change, extra = effective at; what it changes to is read from the hub
    CHANGE_WITHDRAWN = 12
    OWNERSHIP_OFFERED = 13  # counterparty = candidate
    OWNERSHIP_TRANSFERRED = 14  # holder → counterparty
    OPERATOR_SET = 15  # counterparty = operator, amount = daily cap
    MERCHANT_INVITED = 16  # counterparty = merchant
    MERCHANT_ACCEPTED = 17
    DELEGATE_SET = 18  # holder = merchant, counterparty = delegate, amount = 0 or 1
    FUNDED = 19  # holder = funder, amount = budget, extra = pot
    SWEPT = 20  # holder = who got it
    AWARD_LANDED = 30  # number, amount = total
    CLAWBACK_LANDED = 31
    ACCOUNT_AWARDED = 32
    ACCOUNT_CLAWED_BACK = 33
    ENTERED = 34  # extra = bonus
    LEFT = 35
    RELEASED = 36
    MOVED = 37  # campaign = from, other_campaign = to, extra = bonus
    STAY_SET = 38  # amount = 0 or 1
    EXPIRED = 39
    REDEEMED = 40  # counterparty = merchant, nonce, offer, commitment
    SPENT = 41
    ACCOUNT_ORDER = 42  # nonce: this one was used
    ACCOUNT_CANCELLED = 43  # nonce: all below are void
    BADGE = 50  # holder → counterparty (zero address: awarded, renounced), number = the badge's (see chain/badges.py)


#: Kinds whose `nonce` is that of a holder's orders: used, or voided. A query must say it in these words to be answered
#: from the index; by values SQLite would read the whole table.
NONCED = sa.text("kind IN (3, 4, 40, 41, 42, 43)")
#: What stands, in the words of the index on block and place.
STANDS = sa.text("orphaned = 0 AND kind <> 0")
#: What moves a campaign's own money, or says how much of it our keys may award; and that in the words of the index on
#: campaigns.
MONEY = frozenset(
    {
        EventKind.OPERATOR_SET,
        EventKind.FUNDED,
        EventKind.SWEPT,
        EventKind.AWARD_LANDED,
        EventKind.CLAWBACK_LANDED,
        EventKind.ENTERED,
        EventKind.MOVED,
        EventKind.EXPIRED,
    }
)
FLOWS = sa.text(f"kind IN ({', '.join(str(kind.value) for kind in sorted(MONEY))})")
#: MOVED alone, in the words of the index on the campaigns that points moved to.
MOVES = sa.text("kind = 37")


class ChainEvent(Base):
    """One event at depth. `id` rises in the order in which the chain's history was learnt."""

    __tablename__ = "chain_events"
    __table_args__ = (
        # One log is recorded once, unless a rewind took it back.
        sa.Index(
            "uq_chain_events_place",
            "block",
            "log_index",
            unique=True,
            sqlite_where=STANDS,
            postgresql_where=STANDS,
        ),
        # Of a campaign's own money only: the many that each holder has pay nothing for these.
        sa.Index("ix_chain_events_flows", "campaign", sqlite_where=FLOWS, postgresql_where=FLOWS),
        sa.Index("ix_chain_events_moves", "other_campaign", sqlite_where=MOVES, postgresql_where=MOVES),
        # Reorganisations, of which there are few: for metrics.
        sa.Index(
            "ix_chain_events_rewinds", "kind", sqlite_where=sa.text("kind = 0"), postgresql_where=sa.text("kind = 0")
        ),
        # What used a holder's nonce: of NONCED kinds only, so that nothing else pays for it.
        sa.Index("ix_chain_events_order", "holder", "nonce", sqlite_where=NONCED, postgresql_where=NONCED),
    )

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    kind: Mapped[EventKind] = mapped_column(Choice(EventKind))
    block: Mapped[int] = mapped_column(Int())
    block_time: Mapped[int] = mapped_column(Seconds())
    log_index: Mapped[int] = mapped_column(Int())
    tx_hash: Mapped[bytes] = mapped_column(Blob(32))
    campaign: Mapped[int | None] = mapped_column(Int())
    other_campaign: Mapped[int | None] = mapped_column(Int())
    holder: Mapped[bytes | None] = mapped_column(Blob(20))
    counterparty: Mapped[bytes | None] = mapped_column(Blob(20))
    amount: Mapped[int | None] = mapped_column(Uint96())
    extra: Mapped[int | None] = mapped_column(Uint96())
    nonce: Mapped[int | None] = mapped_column(Int())
    number: Mapped[bytes | None] = mapped_column(Blob(32))
    offer: Mapped[bytes | None] = mapped_column(Blob(32))
    commitment: Mapped[bytes | None] = mapped_column(Blob(32))
    #: True once a later REWIND took it back.
    orphaned: Mapped[bool] = mapped_column(Flag(), default=False)


class IndexedBlock(Base):
    """The last blocks read, and every block with events: their hashes show a reorganisation and where it began."""

    __tablename__ = "indexed_blocks"

    number: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(Blob(32))
    time: Mapped[int] = mapped_column(Seconds())


class HomeChain(Base):
    """The one deployment whose events this database holds, and the master secret that its boxes derive from; see
    home.py."""

    __tablename__ = "home_chain"

    id: Mapped[int] = mapped_column(Int(1, 1), primary_key=True, autoincrement=False)
    genesis_hash: Mapped[bytes] = mapped_column(Blob(32))
    hub: Mapped[bytes] = mapped_column(Blob(20))
    #: A digest by the secret. Empty until a process has started since there is this column.
    mark: Mapped[bytes | None] = mapped_column(Blob(32))
    #: The most confirmations of the workers that run, and when one with so many said so last.
    depth: Mapped[int | None] = mapped_column(Int(0, 1_000))
    depth_at: Mapped[int | None] = mapped_column(Seconds())


class Subscription(Base):
    """How far one room has read the stream; moved in the transaction that applies the events."""

    __tablename__ = "subscriptions"

    name: Mapped[str] = mapped_column(JobKind(), primary_key=True)
    last_event: Mapped[int] = mapped_column(Int(), default=0)
