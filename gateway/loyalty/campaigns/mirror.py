"""What a chain event changes in the gateway's picture of a campaign: budget, pot, caps of our keys.

The picture is the sum of the campaign's events at depth and of nothing else, so it can be made anew from them at any
time: after a reorganisation, or for a campaign that is registered late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import FLOWS, MOVES, ChainEvent, EventKind
from gateway.core.limits import MAX_SUM
from gateway.loyalty.campaigns.models import Campaign

#: Seen only by asking the contract again: they change terms or roles, some of them later than they are announced.
TERMS = frozenset(
    {
        EventKind.CHANGE_SCHEDULED,
        EventKind.CHANGE_WITHDRAWN,
        EventKind.OWNERSHIP_TRANSFERRED,
        EventKind.MERCHANT_ACCEPTED,
    }
)


def campaign_of(event: ChainEvent) -> int | None:
    """The campaign whose money the event changes: a move touches the pot of where it goes."""
    return event.other_campaign if event.kind == EventKind.MOVED else event.campaign


def apply(campaign: Campaign, event: ChainEvent) -> None:
    """Changes the money in the picture. Sums above MAX_SUM stay there: promising too little is safe."""
    amount, extra = event.amount or 0, event.extra or 0
    if event.kind == EventKind.FUNDED:
        campaign.budget += amount
        campaign.pot += extra
    elif event.kind == EventKind.SWEPT:
        campaign.budget = campaign.pot = 0
    elif event.kind == EventKind.AWARD_LANDED:
        campaign.budget -= amount
    elif event.kind in (EventKind.CLAWBACK_LANDED, EventKind.EXPIRED):
        campaign.budget += amount
    elif event.kind in (EventKind.ENTERED, EventKind.MOVED):
        campaign.pot -= extra
    campaign.budget = max(0, min(campaign.budget, MAX_SUM))
    campaign.pot = max(0, min(campaign.pot, MAX_SUM))


def set_caps(session: Session, campaign: Campaign, upto: int, operators: Collection[bytes]) -> None:
    """What our keys may award a day, all together and the one that may most, by the events up to and with `upto`."""
    query = sa.select(ChainEvent.counterparty, ChainEvent.amount).where(
        FLOWS,
        ChainEvent.kind == EventKind.OPERATOR_SET,
        ChainEvent.campaign == campaign.id,
        ChainEvent.counterparty.in_(operators),
        ChainEvent.orphaned == 0,
        ChainEvent.id <= upto,
    )
    caps = {key: cap or 0 for key, cap in session.execute(query.order_by(ChainEvent.id)).tuples()}
    campaign.daily_cap = min(sum(caps.values()), MAX_SUM)
    campaign.key_cap = min(max(caps.values(), default=0), MAX_SUM)


def rebuild(session: Session, campaign: Campaign, upto: int, operators: Collection[bytes]) -> None:
    """Makes the picture anew from the events up to and with id `upto` that no reorganisation took back."""
    rebuild_money(session, campaign, upto)
    set_caps(session, campaign, upto, operators)
    campaign.synced_event = upto


def rebuild_money(session: Session, campaign: Campaign, upto: int) -> None:
    """Budget and pot alone, by the events up to and with id `upto`."""
    campaign.budget = campaign.pot = 0
    for event in _events(session, campaign.id, upto):
        apply(campaign, event)


def has_batches(session: Session, campaign: int, upto: int) -> bool:
    """Whether any batch landed in the campaign by the events up to and with id `upto`."""
    landed = (EventKind.AWARD_LANDED, EventKind.CLAWBACK_LANDED)
    return any(event.kind in landed for event in _events(session, campaign, upto))


def _events(session: Session, campaign: int, upto: int) -> Iterable[ChainEvent]:
    sides = (ChainEvent.campaign == campaign, FLOWS), (ChainEvent.other_campaign == campaign, MOVES)
    of_id = ChainEvent.id.in_(sa.union_all(*(sa.select(ChainEvent.id).where(*side) for side in sides)))
    query = sa.select(ChainEvent).where(of_id, ChainEvent.orphaned == 0, ChainEvent.id <= upto).order_by(ChainEvent.id)
    return (event for event in session.scalars(query) if campaign_of(event) == campaign)
