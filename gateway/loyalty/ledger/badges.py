"""Who has which badge, by the chain's events alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.badges import alike, parts
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.identity.wallets.addresses import NOBODY
from gateway.loyalty.ledger.models import ChainBadge


def append(session: Session, events: Sequence[ChainEvent]) -> None:
    """Books awarded and renounced badges in stream order."""
    for event in events:
        campaign, badge, holder = parts(event.number or bytes(32))
        if event.holder == NOBODY:
            session.add(
                ChainBadge(campaign=campaign, badge=badge, holder=holder, block=event.block, at=event.block_time)
            )
            session.flush()
        else:
            row = session.scalar(_the(campaign, badge, [holder]))
            if row is not None:
                row.renounced_block = event.block


def rewind(session: Session, fork: int) -> None:
    """Takes back what happened in blocks above `fork`."""
    session.execute(sa.delete(ChainBadge).where(ChainBadge.block > fork))
    kept = sa.update(ChainBadge).where(ChainBadge.renounced_block > fork)
    session.execute(kept.values(renounced_block=None))


def of_holders(session: Session, campaign: int, badge: int, holders: Collection[bytes]) -> dict[bytes, ChainBadge]:
    """Which of these have or had a badge."""
    return {row.holder: row for row in session.scalars(_the(campaign, badge, holders))}


def of_member(session: Session, campaign: int, holder: bytes) -> dict[int, ChainBadge]:
    """By number the campaign's badges that a wallet has, or had and renounced."""
    query = sa.select(ChainBadge).where(ChainBadge.holder == holder, ChainBadge.campaign == campaign)
    return {row.badge: row for row in session.scalars(query)}


def of_holder(session: Session, holder: bytes, cursor: int, limit: int) -> list[ChainBadge]:
    """At most `limit` badges that a wallet has, or had and renounced, with an id above `cursor`."""
    query = sa.select(ChainBadge).where(ChainBadge.holder == holder, ChainBadge.id > cursor)
    return list(session.scalars(query.order_by(ChainBadge.id).limit(limit)))


def landed_with(event: ChainEvent) -> tuple[sa.ColumnElement[bool], ...]:
    """What the events of the same badge that landed in the same transaction have in common, this one among them."""
    return (
        ChainEvent.block == event.block,
        ChainEvent.tx_hash == event.tx_hash,
        ChainEvent.kind == EventKind.BADGE,
        ChainEvent.holder == NOBODY,
        ChainEvent.number.between(*alike(event.number or bytes(32))),
    )


def held(session: Session, campaign: int) -> dict[int, int]:
    """How many hold each badge of a campaign."""
    query = sa.select(ChainBadge.badge, sa.func.count()).where(
        ChainBadge.campaign == campaign, ChainBadge.renounced_block.is_(None)
    )
    return dict(session.execute(query.group_by(ChainBadge.badge)).tuples().all())


def _the(campaign: int, badge: int, holders: Collection[bytes]) -> sa.Select[tuple[ChainBadge]]:
    return sa.select(ChainBadge).where(
        ChainBadge.campaign == campaign, ChainBadge.badge == badge, ChainBadge.holder.in_(holders)
    )
