"""The ledger: holdings, their history and public totals, kept in step with the stream of chain events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.core.bulk import Write
from gateway.loyalty.ledger import badges, maturity
from gateway.loyalty.ledger.book import Book
from gateway.loyalty.ledger.maturity import Slot
from gateway.loyalty.ledger.models import ChainBadge, Holding, HubCampaign, LedgerEntry, LedgerTotal, Measure
from gateway.loyalty.ledger.postings import WALLETS, of_kind

#: Events booked at once.
CHUNK = 5_000


@dataclass(frozen=True)
class Account:
    """One holding as of a moment; `campaign` 0 is the wallet. `next_maturity`: when the older of `pending` matures."""

    campaign: int
    matured: int
    pending: int
    next_maturity: int | None
    stay: bool


@dataclass(frozen=True)
class HistoryItem:
    """One entry of a holder. `credit` and `debit` are what it changed; `amount` is what the event said.
    `counterparty`: whom it went to, and of a transfer to the holder whom it came from (zero: issued, burnt)."""

    id: int
    kind: EventKind
    block: int
    at: int
    campaign: int
    credit: int
    debit: int
    amount: int
    counterparty: bytes | None


@dataclass(frozen=True)
class Total:
    """One public total: of wallets (`campaign` 0) or a campaign; `party` is the merchant paid, where there is one."""

    campaign: int
    measure: Measure
    party: bytes
    events: int
    points: int


class Ledger:
    """Reads and keeps what everybody has. All amounts in hundredths of a point, times in Unix seconds."""

    def plan(self, session: Session, events: Sequence[ChainEvent]) -> Write:
        """What `apply_events` would write, worked out by what `session` sees. Where a REWIND is among the events, all
        is left for later: what follows it stands on what it leaves."""
        if of_kind(events, EventKind.REWIND):
            return lambda writer: self.apply_events(writer, events)
        book = Book(session).plan(events)
        landed = of_kind(events, EventKind.BADGE)

        def write(writer: Session) -> None:
            book(writer)
            badges.append(writer, landed)

        return write

    def apply_events(self, session: Session, events: Sequence[ChainEvent]) -> None:
        """Books events in stream order; a REWIND takes back what lies in blocks above its own."""
        run: list[ChainEvent] = []
        for event in events:
            if event.kind == EventKind.REWIND:
                self.plan(session, run)(session)
                Book(session).rewind(event.block)
                badges.rewind(session, event.block)
                run = []
            else:
                run.append(event)
        self.plan(session, run)(session)

    def rebuild(self, session: Session, upto: int) -> None:
        """Makes everything anew from the events up to and with id `upto` that no reorganisation took back. The caller
        holds the reader's cursor."""
        for table in (LedgerEntry, LedgerTotal, Holding, HubCampaign, ChainBadge):
            session.execute(sa.delete(table))
        session.expire_all()
        last = 0
        while True:
            query = sa.select(ChainEvent).where(ChainEvent.id.between(last + 1, upto), ChainEvent.orphaned == 0)
            query = query.where(ChainEvent.kind != EventKind.REWIND).order_by(ChainEvent.id).limit(CHUNK)
            events = session.scalars(query).all()
            if not events:
                return
            self.apply_events(session, events)
            last = events[-1].id
            session.flush()
            session.expunge_all()

    def accounts(self, session: Session, holder: bytes, now: int, cursor: int, limit: int) -> list[Account]:
        """At most `limit` accounts of a holder that are not empty, of campaigns above `cursor` (0: of all), by
        campaign."""
        h = Holding
        full = sa.or_(h.matured != 0, h.old != 0, h.young != 0)
        mine = _holdings().where(h.holder == holder, h.campaign > max(cursor, WALLETS), full)
        return [_account(row, now) for row in session.execute(mine.order_by(h.campaign).limit(limit))]

    def holding(self, session: Session, holder: bytes, campaign: int, now: int) -> Account:
        """One holding (`campaign` 0: the wallet); all zero when there is none."""
        row = session.execute(_holdings().where(Holding.holder == holder, Holding.campaign == campaign)).first()
        return Account(campaign, 0, 0, None, False) if row is None else _account(row, now)

    def paid(self, session: Session, holder: bytes, amount: int, since: int, until: int) -> list[bytes]:
        """Hashes of the transactions in which just so much left a wallet, in blocks of that time, ends included."""
        entry = LedgerEntry
        mine = (
            entry.holder == holder,
            entry.campaign == WALLETS,
            entry.debit == amount,
            entry.at.between(since, until),
        )
        query = sa.select(ChainEvent.tx_hash).join(entry, entry.event_id == ChainEvent.id).where(*mine)
        return list(session.scalars(query.distinct()))

    def history(self, session: Session, holder: bytes, cursor: int | None, limit: int) -> list[HistoryItem]:
        """At most `limit` entries, newest first, those with an id below `cursor`."""
        query = (
            sa.select(LedgerEntry, ChainEvent.amount, ChainEvent.holder, ChainEvent.counterparty)
            .join(ChainEvent, ChainEvent.id == LedgerEntry.event_id)
            .where(LedgerEntry.holder == holder)
            .order_by(LedgerEntry.id.desc())
            .limit(limit)
        )
        if cursor is not None:
            query = query.where(LedgerEntry.id < cursor)
        return [
            HistoryItem(
                *(e.id, e.kind, e.block, e.at, e.campaign, e.credit, e.debit, amount or 0),
                counterparty=source if e.kind == EventKind.TRANSFER and e.credit else counterparty,
            )
            for e, amount, source, counterparty in session.execute(query)
        ]

    def matured_holders(self, session: Session, campaign: int, now: int, limit: int) -> list[bytes]:
        """Holders in an open campaign with matured points that anybody may release to them, longest waiting first."""
        query = (
            sa.select(Holding.holder)
            .where(Holding.campaign == campaign, Holding.release_from <= now)
            .order_by(Holding.release_from, Holding.holder)
            .limit(limit)
        )
        return list(session.scalars(query))

    def terms(self, session: Session, campaign: int) -> tuple[int, bool] | None:
        """(hold in seconds, closed loop) of any campaign on the hub; None when the chain has not told of it yet."""
        row = session.get(HubCampaign, campaign)
        return None if row is None else (row.hold, row.closed)

    def campaigns(self, session: Session, after: int, limit: int) -> list[int]:
        """Numbers of at most `limit` campaigns on the hub above `after`, in order, anybody's."""
        query = sa.select(HubCampaign.id).where(HubCampaign.id > after).order_by(HubCampaign.id).limit(limit)
        return list(session.scalars(query))

    def totals(self, session: Session, campaigns: Sequence[int]) -> list[Total]:
        """Public totals of these campaigns (0: the wallets), in order; zeros are left out."""
        query = sa.select(LedgerTotal).where(LedgerTotal.campaign.in_(campaigns))
        query = query.order_by(LedgerTotal.campaign, LedgerTotal.measure, LedgerTotal.party)
        return [
            Total(row.campaign, row.measure, row.party, row.events, row.points)
            for row in session.scalars(query)
            if row.points
        ]

    def supply(self, session: Session) -> int:
        """All points there are: minted less burnt."""
        points = {total.measure: total.points for total in self.totals(session, [WALLETS])}
        return points.get(Measure.MINTED, 0) - points.get(Measure.BURNED, 0)


def _holdings() -> sa.Select[Any]:
    h = Holding
    columns = sa.select(h.campaign, h.stay, HubCampaign.hold, h.matured, h.old, h.young, h.period)
    return columns.join(HubCampaign, HubCampaign.id == h.campaign, isouter=True)


def _account(row: sa.Row[Any], now: int) -> Account:
    campaign, stay, hold, *slot = row
    rolled = maturity.roll(Slot(*slot), now, hold or 0)
    return Account(campaign, rolled.matured, rolled.pending, maturity.next_maturity(rolled, hold or 0), stay)
