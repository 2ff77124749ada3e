"""Writes a run of events into holdings, entries and totals at once, and takes blocks back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.core.bulk import Write, adding, any_of, parts, table_of, upserting
from gateway.core.limits import LAST_SECOND
from gateway.identity.wallets.addresses import NOBODY
from gateway.loyalty.ledger import maturity
from gateway.loyalty.ledger.maturity import Slot
from gateway.loyalty.ledger.models import Holding, HubCampaign, LedgerEntry, LedgerTotal, Measure
from gateway.loyalty.ledger.postings import WALLETS, measured, of_kind, post, postings

Place = tuple[bytes, int]  # holder, campaign
PLACE = ["holder", "campaign"]
TOTAL = ["campaign", "measure", "party"]

# Built once, for bare rows: a third of the ledger's time went into building statements and the ORM's objects.
_H, _C, _T = table_of(Holding).c, table_of(HubCampaign).c, table_of(LedgerTotal).c
_HOLDINGS = sa.select(_H.holder, _H.matured, _H.old, _H.young, _H.period, _H.stay).where(
    _H.campaign == sa.bindparam("campaign")
)
_TERMS = sa.select(_C.id, _C.hold, _C.closed).where(_C.id.in_(sa.bindparam("campaigns", expanding=True)))
_TOTALS = sa.select(_T.campaign, _T.measure, _T.party, _T.events, _T.points).where(
    *(_T[name].in_(sa.bindparam(f"{name}s", expanding=True)) for name in TOTAL)  # its whole key, or it reads too much
)


class Terms(NamedTuple):
    hold: int
    closed: bool


class State(NamedTuple):
    """A holding in memory; `at` is the time of the block that changed it last, as far as it was read."""

    slot: Slot
    stay: bool
    at: int


NOTHING = State(Slot(), False, 0)


class UnknownCampaign(Exception):
    """An account's event came without its campaign's creation: the stream has a hole."""


class Book:
    """Works out what events change, by what one transaction sees."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def plan(self, events: Sequence[ChainEvent]) -> Write:
        """What events of one unbroken stretch of the stream write. Reads only."""
        created = of_kind(events, EventKind.CAMPAIGN_CREATED)
        entries = [(event, posting) for event in events for posting in postings(event)]
        places = {(posting.holder, posting.campaign) for _, posting in entries if posting.holder != NOBODY}
        terms = self._terms({campaign for _, campaign in places}, created)
        states = self._holdings(places)
        for event, posting in entries:
            if posting.holder == NOBODY:
                continue
            place = (posting.holder, posting.campaign)
            slot, stay, _ = states.get(place, NOTHING)
            hold = terms[posting.campaign].hold
            slot = post(slot, event.kind, posting.credit, posting.debit, event.block_time, hold)
            states[place] = State(slot, stay if posting.stay is None else posting.stay, event.block_time)
        writes = (
            adding(self.session, HubCampaign, list(map(_campaign, created))),
            self._save(states, terms),
            adding(self.session, LedgerEntry, [_entry(event, *posting[:4]) for event, posting in entries]),
            self._add_totals(events, 1),
        )

        def write(session: Session) -> None:
            for one in writes:
                one(session)

        return write

    def rewind(self, fork: int) -> None:
        """Takes back every entry in blocks above `fork`."""
        undone = sa.select(LedgerEntry.event_id).where(LedgerEntry.block > fork)
        events = self.session.scalars(sa.select(ChainEvent).where(ChainEvent.id.in_(undone))).all()
        self._add_totals(events, -1)(self.session)
        wallets: defaultdict[bytes, int] = defaultdict(int)
        accounts: set[Place] = set()
        for entry in self.session.scalars(sa.select(LedgerEntry).where(LedgerEntry.block > fork)):
            if entry.campaign == WALLETS:
                wallets[entry.holder] += entry.debit - entry.credit
            elif entry.holder != NOBODY:
                accounts.add((entry.holder, entry.campaign))
        self.session.execute(sa.delete(LedgerEntry).where(LedgerEntry.block > fork))
        self._restore_wallets(wallets)
        self._replay(accounts)
        self.session.execute(sa.delete(HubCampaign).where(HubCampaign.block > fork))

    def _restore_wallets(self, differences: dict[bytes, int]) -> None:
        # By difference: the hub's own wallet has an entry for nearly every event there ever was.
        places = {(holder, WALLETS) for holder in differences}
        known = self._holdings(places)
        states = {
            place: State(maturity.credit(state.slot, differences[place[0]]), state.stay, state.at)
            for place, state in known.items()
        }
        self._save(states, {WALLETS: Terms(0, True)})(self.session)

    def _replay(self, places: set[Place]) -> None:
        terms = self._terms({campaign for _, campaign in places})
        states: dict[Place, State] = {}
        for holder, campaign in places:
            slot, stay, last = Slot(), False, 0
            query = (
                sa.select(LedgerEntry, ChainEvent.amount)
                .join(ChainEvent, ChainEvent.id == LedgerEntry.event_id)
                .where(LedgerEntry.holder == holder, LedgerEntry.campaign == campaign)
                .order_by(LedgerEntry.id)
            )
            for entry, amount in self.session.execute(query):
                slot = post(slot, entry.kind, entry.credit, entry.debit, entry.at, terms[campaign].hold)
                stay = bool(amount) if entry.kind == EventKind.STAY_SET else stay
                last = entry.at
            if last:
                states[(holder, campaign)] = State(slot, stay, last)
        for holder, campaign in places - set(states):
            self.session.execute(sa.delete(Holding).where(Holding.holder == holder, Holding.campaign == campaign))
        self._save(states, terms)(self.session)

    def _terms(self, campaigns: set[int], created: Iterable[ChainEvent] = ()) -> dict[int, Terms]:
        # A wallet holds nothing back and needs no release.
        found = {WALLETS: Terms(0, True)}
        for campaign in map(_campaign, created):
            found[campaign["id"]] = Terms(campaign["hold"], campaign["closed"])
        if older := campaigns - set(found):
            for id, hold, closed in self.session.execute(_TERMS, {"campaigns": list(older)}).tuples():
                found[id] = Terms(hold, closed)
        if unknown := campaigns - set(found):
            raise UnknownCampaign(min(unknown))
        return found

    def _holdings(self, places: set[Place]) -> dict[Place, State]:
        found: dict[Place, State] = {}
        by_campaign: defaultdict[int, list[bytes]] = defaultdict(list)
        for holder, campaign in sorted(places):
            by_campaign[campaign].append(holder)
        for campaign, holders in by_campaign.items():
            for part in parts(holders):
                these = _HOLDINGS.where(any_of(self.session, _H.holder, part))
                rows = self.session.execute(these, {"campaign": campaign}).tuples()
                for holder, matured, old, young, period, stay in rows:
                    found[(holder, campaign)] = State(Slot(matured, old, young, period), stay, 0)
        return found

    def _save(self, states: dict[Place, State], terms: dict[int, Terms]) -> Write:
        rows = [_row(place, state, terms[place[1]]) for place, state in states.items()]
        return upserting(self.session, Holding, PLACE, rows)

    def _add_totals(self, events: Sequence[ChainEvent], sign: int) -> Write:
        sums: defaultdict[tuple[int, Measure, bytes], list[int]] = defaultdict(lambda: [0, 0])
        for event in events:
            for campaign, measure, points, party in measured(event):
                if points:
                    total = sums[(campaign, measure, party)]
                    total[0] += sign
                    total[1] += sign * points
        before = self._totals(sums)
        rows = []
        for place, (count, points) in sorted(sums.items()):
            events_before, points_before = before.get(place, (0, 0))
            added = {"events": events_before + count, "points": points_before + points}
            rows.append(dict(zip(TOTAL, place, strict=True)) | added)
        return upserting(self.session, LedgerTotal, TOTAL, rows)

    def _totals(self, keys: Collection[tuple[int, Measure, bytes]]) -> dict[tuple[int, Measure, bytes], Sequence[int]]:
        if not keys:
            return {}
        wanted = {f"{name}s": list(set(column)) for name, column in zip(TOTAL, zip(*keys, strict=True), strict=True)}
        known = self.session.execute(_TOTALS, wanted).tuples()
        return {(campaign, measure, party): counted for campaign, measure, party, *counted in known}


def _campaign(event: ChainEvent) -> dict[str, Any]:
    return {"id": event.campaign, "block": event.block, "hold": event.amount, "closed": bool(event.extra)}


def _row(place: Place, state: State, terms: Terms) -> dict[str, Any]:
    slot = state.slot
    release_from = None
    if not (terms.closed or state.stay):
        when = state.at if slot.matured else maturity.next_maturity(slot, terms.hold)
        release_from = None if when is None else min(when, LAST_SECOND)
    return {
        "holder": place[0],
        "campaign": place[1],
        "matured": slot.matured,
        "old": slot.old,
        "young": slot.young,
        "period": slot.period,
        "stay": state.stay,
        "release_from": release_from,
    }


def _entry(event: ChainEvent, holder: bytes, campaign: int, credit: int, debit: int) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "kind": event.kind,
        "block": event.block,
        "at": event.block_time,
        "holder": holder,
        "campaign": campaign,
        "credit": credit,
        "debit": debit,
    }
