"""Who listens to what: the chain's events, the rooms' own, and what merchants are told of."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.chain.indexer.models import MONEY, EventKind
from gateway.loyalty.badges.models import STREAM as BADGE_STREAM
from gateway.loyalty.campaigns import mirror
from gateway.loyalty.campaigns.service import STREAM as EARNING_STREAM
from gateway.loyalty.moves.settlement import STREAM as MOVE_STREAM
from gateway.loyalty.redemptions.settlement import STREAM as REDEMPTION_STREAM
from gateway.messaging.models import MessageKind

#: Kinds of the chain's events that a room asks for; who is not named here reads all.
WANTED: Mapping[str, frozenset[EventKind]] = {
    EARNING_STREAM: MONEY | mirror.TERMS,
    REDEMPTION_STREAM: frozenset({EventKind.REDEEMED, EventKind.SPENT}),
    MOVE_STREAM: frozenset({EventKind.TOKEN_ORDER, EventKind.ACCOUNT_ORDER}),
    BADGE_STREAM: frozenset({EventKind.BADGE}),
}
#: Event → the kinds of jobs that it starts.
EVENTS: Mapping[str, tuple[str, ...]] = {
    "action.accepted": ("statistics.accepted",),
    "action.claimed": ("statistics.claimed",),
    "action.qualifies": ("earning.referrals", "earning.play"),
    "tx.refused": ("earning.tx_failed", "redemptions.tx_failed", "moves.tx_refused", "badges.tx_failed"),
    "tx.reverted": ("earning.tx_failed", "redemptions.tx_failed", "moves.tx_reverted", "badges.tx_failed"),
    "tx.done": ("redemptions.tx_done", "badges.tx_done"),
    "batch.landed": ("messaging.batch",),
    "redemption.delivered": ("messaging.redemption",),
    "code.used": ("messaging.code",),
    "code.used_twice": ("messaging.used_twice",),
    "codes.low": ("messaging.codes_low",),
    "badges.landed": ("messaging.badges",),
    "week.closed": ("messaging.statistics",),
}
#: Kind of job → the message to merchants that it writes.
MESSAGES: Mapping[str, MessageKind] = {
    "messaging.batch": MessageKind.BATCH_LANDED,
    "messaging.redemption": MessageKind.REDEMPTION_DELIVERED,
    "messaging.code": MessageKind.CODE_USED,
    "messaging.used_twice": MessageKind.CODE_USED_TWICE,
    "messaging.codes_low": MessageKind.CODES_LOW,
    "messaging.badges": MessageKind.BADGES_LANDED,
    "messaging.statistics": MessageKind.STATISTICS_RELEASED,
}
#: Kinds of jobs that come with every batch and write few rows: several share a transaction.
TOGETHER = frozenset({"redemptions.tx_done", "badges.tx_done", *MESSAGES})
