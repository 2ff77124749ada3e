"""What has not come to its end, by kind."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from gateway.chain.indexer.models import ChainEvent, Subscription
from gateway.chain.relayer.models import ChainTx, TxState
from gateway.core.db import Database
from gateway.core.jobs import Job
from gateway.identity.wallets.models import OpenOrder
from gateway.loyalty.badges.models import BadgeWish
from gateway.loyalty.earning.models import Action, ActionState, Batch, BatchState
from gateway.loyalty.moves.models import Move, MoveState
from gateway.loyalty.offers.models import Code, CodeState
from gateway.loyalty.redemptions.models import UNSERVED, Redemption, RedemptionState
from gateway.messaging.models import Delivery, DeliveryState, Endpoint
from tests.storm.weeks import open_weeks

OPEN = (RedemptionState.ACCEPTED, RedemptionState.SUBMITTED)
UNPAID = sa.and_(Redemption.state == RedemptionState.FLAGGED, Redemption.retry_at.is_not(None))
#: Nobody else has their code.
SERVED_SOON = sa.and_(UNSERVED, sa.exists().where(Code.id == Redemption.code_id, Code.state == CodeState.FREE))
WAITING = (Delivery.state == DeliveryState.WAITING, Endpoint.active == 1)
#: Seconds after which a message's next attempt is too far for who has a storm to end.
FAR = 8


def look(database: Database) -> dict[str, int]:
    """How many there are of each kind of which there are any."""
    waiting = {
        "actions": sa.select(Action.id).where(Action.state == ActionState.ACCEPTED),
        "batches": sa.select(Batch.id).where(Batch.state == BatchState.QUEUED),
        "transactions": sa.select(ChainTx.id).where(ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED))),
        "orders": sa.select(OpenOrder.nonce),
        "moves": sa.select(Move.id).where(Move.state == MoveState.ACCEPTED),
        "redemptions": sa.select(Redemption.id).where(sa.or_(Redemption.state.in_(OPEN), UNPAID, SERVED_SOON)),
        "badges": sa.select(BadgeWish.badge).where(BadgeWish.landed_block.is_(None)),
        "messages": sa.select(Delivery.id).join(Endpoint).where(*WAITING),
        "weeks": open_weeks(),
        "jobs": sa.select(Job.id),
    }
    with database.read() as session:
        counts = {
            name: session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
            for name, query in waiting.items()
        }
        newest = session.scalar(sa.select(sa.func.max(ChainEvent.id)).where(ChainEvent.orphaned == 0)) or 0
        slowest = session.scalar(sa.select(sa.func.min(Subscription.last_event))) or 0
    counts["unread events"] = max(0, newest - slowest)
    return {name: count for name, count in counts.items() if count}


def open_orders(database: Database, holder: bytes) -> Sequence[OpenOrder]:
    """The holder's orders that are open."""
    with database.read() as session:
        return session.scalars(sa.select(OpenOrder).where(OpenOrder.holder == holder)).all()


def has_ended(database: Database, holder: bytes, campaign: int, nonce: int) -> bool:
    """Whether the gateway took an order of the holder for this nonce, and has told how it ended."""
    moves = sa.select(Move.id).where(Move.holder == holder, Move.nonce == nonce, Move.state != MoveState.ACCEPTED)
    codes = sa.select(Redemption.id).where(
        Redemption.holder == holder, Redemption.nonce == nonce, Redemption.state.not_in(OPEN)
    )
    with database.read() as session:
        found = session.scalars(moves.where(Move.source == campaign)).first()
        return found is not None or session.scalars(codes.where(Redemption.campaign == campaign)).first() is not None


def far_messages(database: Database, now: int) -> list[tuple[int, int]]:
    """Messages whose next attempt is far, each after its merchant's number."""
    query = sa.select(Endpoint.merchant_id, Delivery.id).join(Endpoint).where(*WAITING, Delivery.next_at > now + FAR)
    with database.read() as session:
        return [(merchant, delivery) for merchant, delivery in session.execute(query).tuples()]
