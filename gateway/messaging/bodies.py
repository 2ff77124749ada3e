"""What a message says, built from our own rows each time: ids and totals, never a wallet, a code or a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.badges import parts
from gateway.chain.indexer.models import STANDS, ChainEvent
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Batch
from gateway.loyalty.ledger.badges import landed_with
from gateway.loyalty.offers.models import Code, Offer, OfflineUse
from gateway.loyalty.offers.service import left
from gateway.loyalty.redemptions.models import Redemption
from gateway.messaging.models import MessageKind
from gateway.statistics import weeks
from gateway.statistics.models import Release

Value = int | str | None
TYPES: Mapping[MessageKind, str] = {
    MessageKind.BATCH_LANDED: "batch.landed",
    MessageKind.REDEMPTION_DELIVERED: "redemption.delivered",
    MessageKind.CODE_USED: "code.used",
    MessageKind.STATISTICS_RELEASED: "statistics.released",
    MessageKind.CODES_LOW: "codes.low",
    MessageKind.CODE_USED_TWICE: "code.used_twice",
    MessageKind.BADGES_LANDED: "badges.landed",
}


class Message(NamedTuple):
    """Whom it concerns, and its `data`."""

    merchant: int
    data: dict[str, Value]


def message(session: Session, kind: MessageKind, ref: int) -> Message | None:
    """The message of this kind about row `ref`; None when the row is gone."""
    return _BUILDERS[kind](session, ref)


def encode(kind: MessageKind, created_at: int, data: Mapping[str, Value]) -> str:
    """The JSON body, `{type, timestamp, data}`, with the time in ISO 8601."""
    timestamp = datetime.fromtimestamp(created_at, UTC).isoformat().replace("+00:00", "Z")
    return msgspec.json.encode({"type": TYPES[kind], "timestamp": timestamp, "data": data}).decode()


def _batch(session: Session, ref: int) -> Message | None:
    batch = session.get(Batch, ref)
    campaign = session.get(Campaign, batch.campaign_id) if batch else None
    if batch is None or campaign is None:
        return None
    data: dict[str, Value] = {
        "batch": batch.id,
        "campaign": batch.campaign_id,
        "number": batch.number,
        "kind": batch.kind.name.lower(),
        "points": batch.total,
        "block": batch.landed_block,
    }
    return Message(campaign.merchant_id, data)


def _redemption(session: Session, ref: int) -> Message | None:
    row = session.get(Redemption, ref)
    if row is None:
        return None
    data: dict[str, Value] = {
        "redemption": row.id,
        "offer": row.offer_id,
        "campaign": row.campaign,
        "points": row.amount,
    }
    return Message(row.merchant_id, data)


def _code(session: Session, ref: int) -> Message | None:
    row = session.get(Code, ref)
    # Not the row's number: made codes are numbered as they are ordered, and the chain shows who ordered when.
    return None if row is None else Message(row.merchant_id, {"code": row.digest.hex()[:16], "offer": row.offer_id})


def _statistics(session: Session, ref: int) -> Message | None:
    row = session.get(Release, ref)
    return None if row is None else Message(row.merchant_id, {"week": weeks.label(row.week), "first_figure": row.id})


def _codes_low(session: Session, ref: int) -> Message | None:
    offer = session.get(Offer, ref)
    return None if offer is None else Message(offer.merchant_id, {"offer": ref, "left": left(offer)})


def _used_twice(session: Session, ref: int) -> Message | None:
    row = session.get(OfflineUse, ref)
    code = session.get(Code, row.code_id) if row else None
    if row is None or code is None:
        return None
    data: dict[str, Value] = {
        "double_use": row.id,
        "code": code.digest.hex()[:16],
        "offer": code.offer_id,
        "first_key": row.other_key,
        "first_at": row.other_at,
        "second_key": row.key_id,
        "second_at": row.used_at,
    }
    return Message(row.merchant_id, data)


def _badges(session: Session, ref: int) -> Message | None:
    """One transaction's, found again by its first event."""
    event = session.get(ChainEvent, ref)
    if event is None or event.number is None:
        return None
    number, badge, _ = parts(event.number)
    campaign = session.get(Campaign, number)
    if campaign is None:
        return None
    standing = ChainEvent.orphaned == 1 if event.orphaned else STANDS
    landed = sa.select(sa.func.count()).where(*landed_with(event), standing)
    return Message(
        campaign.merchant_id,
        {"campaign": number, "badge": badge, "landed": session.scalar(landed) or 0, "block": event.block},
    )


_BUILDERS: Mapping[MessageKind, Callable[[Session, int], Message | None]] = {
    MessageKind.BATCH_LANDED: _batch,
    MessageKind.REDEMPTION_DELIVERED: _redemption,
    MessageKind.CODE_USED: _code,
    MessageKind.STATISTICS_RELEASED: _statistics,
    MessageKind.CODES_LOW: _codes_low,
    MessageKind.CODE_USED_TWICE: _used_twice,
    MessageKind.BADGES_LANDED: _badges,
}
