"""Holds the rebuilt books against what earning keeps, and that against itself: actions, batches, carries, promises.

What always holds, after every transaction:

1. promised: reserved = unsettled awards + award batches on their way + what rounding carries on; a refund frees nothing
   before the settlement of what it refunds
2. each wallet: settled awards - settled refunds = award entries - clawback entries + carried - owed - ahead + back,
   where a clawback entry counts in full until it landed, and then as what it took; `ahead` and `back` are not empty
   only after a restore, and a campaign's `ahead`, which it may promise above its budget, is its wallets'
3. an action is in one batch at most, a number in one batch, a batch's content is its entries: by the tables' own keys
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from gateway.commands.audit_books import Books
from gateway.commands.audit_model import Difference, Landed, short
from gateway.core.durations import DAY
from gateway.loyalty.campaigns.models import Campaign, QuotaUse
from gateway.loyalty.earning.models import (
    Action,
    ActionKind,
    ActionState,
    Batch,
    BatchEntry,
    BatchKind,
    BatchState,
    Carry,
)

#: Points of an action as its wallet sees them.
SIGNED = (Action.points - Action.withheld) * sa.case((Action.kind == ActionKind.REFUND, -1), else_=1)
#: Actions whose points are promised and in no batch yet.
PROMISED = (ActionState.UNCLAIMED, ActionState.ACCEPTED)

Place = tuple[int, bytes]  # campaign, wallet


def batches(session: Session, books: Books) -> Iterator[Difference]:
    """Every batch that landed is on the chain with its kind, total and entries, and no other batch is."""
    entries: dict[int, list[tuple[bytes, int, int | None]]] = defaultdict(list)
    query = sa.select(BatchEntry.batch_id, BatchEntry.wallet, BatchEntry.amount, BatchEntry.taken)
    for batch_id, wallet, amount, taken in session.execute(query):
        entries[batch_id].append((wallet, amount, taken))
    known: set[tuple[int, int]] = set()
    for row in session.scalars(sa.select(Batch).order_by(Batch.id)):
        campaign = books.campaigns.get(row.campaign_id)
        event = campaign.landed.get(row.number) if campaign else None
        known.add((row.campaign_id, row.number))
        where = f"campaign {row.campaign_id}, batch {row.number}"
        planned = sum(amount for _, amount, _ in entries[row.id])
        if planned != row.total:
            yield Difference("batch-entries", where, row.total, planned)
        if event is None:
            if row.state == BatchState.LANDED:
                yield Difference("batch-not-on-chain", where, "nothing", row.state.name)
        elif row.state != BatchState.LANDED:
            yield Difference("batch-on-chain", where, BatchState.LANDED.name, row.state.name)
        else:
            yield from _landed(row, event, entries[row.id], where)
    registered = set(session.scalars(sa.select(Campaign.id)))
    for number, campaign in books.campaigns.items():
        for landed in campaign.landed:
            if number in registered and (number, landed) not in known:
                yield Difference("batch-unknown", f"campaign {number}, batch {landed}", "on the chain", "none")


def _landed(
    row: Batch, event: Landed, entries: list[tuple[bytes, int, int | None]], where: str
) -> Iterator[Difference]:
    award = row.kind == BatchKind.AWARD
    kept = Counter({wallet: amount if award else taken or 0 for wallet, amount, taken in entries})
    pairs: list[tuple[str, int | str, int | str]] = [
        ("kind", event.kind, "award" if award else "clawback"),
        ("total", event.total, kept.total()),
        ("block", event.block, row.landed_block or 0),
    ]
    for name, expected, found in pairs:
        if expected != found:
            yield Difference(f"batch-{name}", where, expected, found)
    for wallet in sorted(set(kept) | set(event.entries)):
        if kept[wallet] != event.entries[wallet]:
            yield Difference("batch-entry", f"{where}, {short(wallet)}", event.entries[wallet], kept[wallet])
    if not award:
        for wallet, amount, taken in entries:
            if taken is None or taken > amount:
                yield Difference("batch-taken", f"{where}, {short(wallet)}", f"at most {amount}", taken or "none")


def against_itself(session: Session) -> Iterator[Difference]:
    """What earning keeps, held against itself."""
    yield from _settled(session)
    yield from _promises(session)
    yield from _quotas(session)
    yield from _refunds(session)


def _settled(session: Session) -> Iterator[Difference]:
    """For each campaign and wallet: what settled actions came to went out, is carried on, or is owed; after a restore,
    less what went out for actions that were forgotten and not told again."""
    earned: Counter[Place] = Counter()
    query = sa.select(Action.campaign_id, Action.wallet, sa.func.sum(SIGNED)).where(Action.state == ActionState.SETTLED)
    for campaign, wallet, points in session.execute(query.group_by(Action.campaign_id, Action.wallet)):
        earned[(campaign, wallet or b"")] += int(points)
    accounted: Counter[Place] = Counter()
    # What a landed clawback could not reach is owed; one that is on its way is expected to reach all.
    given = sa.select(
        Batch.campaign_id, Batch.kind, Batch.state, BatchEntry.wallet, BatchEntry.amount, BatchEntry.taken
    ).join(Batch, Batch.id == BatchEntry.batch_id)
    for campaign, kind, state, wallet, amount, taken in session.execute(given):
        if kind == BatchKind.AWARD:
            accounted[(campaign, wallet)] += amount
        else:
            accounted[(campaign, wallet)] -= (taken or 0) if state == BatchState.LANDED else amount
    for carry in session.scalars(sa.select(Carry)):
        accounted[(carry.campaign_id, carry.wallet)] += carry.points - carry.owed - carry.ahead + carry.back
    for campaign, wallet in sorted(set(earned) | set(accounted)):
        place = (campaign, wallet)
        if earned[place] != accounted[place]:
            who = short(wallet) if wallet else "nobody"
            yield Difference("settled-points", f"campaign {campaign}, {who}", earned[place], accounted[place])


def _promises(session: Session) -> Iterator[Difference]:
    """What a campaign has reserved is what it still has to pay, and what it paid ahead is what its wallets got."""
    expected: Counter[int] = Counter()
    open_awards = sa.select(Action.campaign_id, sa.func.sum(Action.points)).where(
        Action.state.in_(PROMISED), Action.kind != ActionKind.REFUND
    )
    for campaign, points in session.execute(open_awards.group_by(Action.campaign_id)):
        expected[campaign] += int(points)
    queued = sa.select(Batch).where(Batch.state == BatchState.QUEUED, Batch.kind == BatchKind.AWARD)
    for batch in session.scalars(queued):
        expected[batch.campaign_id] += batch.total
    ahead: Counter[int] = Counter()
    for campaign, points, paid in session.execute(sa.select(Carry.campaign_id, Carry.points, Carry.ahead)).tuples():
        expected[campaign] += points
        ahead[campaign] += paid
    kept = sa.select(Campaign.id, Campaign.reserved, Campaign.ahead)
    for campaign, reserved, paid in session.execute(kept).tuples():
        if reserved != expected[campaign]:
            yield Difference("campaign-reserved", f"campaign {campaign}", expected[campaign], reserved)
        if paid != ahead[campaign]:
            yield Difference("campaign-ahead", f"campaign {campaign}", ahead[campaign], paid)


def _quotas(session: Session) -> Iterator[Difference]:
    """What a merchant used of its quota is what it reported."""
    day = Action.created_at - Action.created_at % DAY
    reported = (
        sa.select(Action.campaign_id, Action.merchant_id, day, sa.func.sum(Action.points))
        .where(Action.kind != ActionKind.REFUND)
        .group_by(Action.campaign_id, Action.merchant_id, day)
    )
    expected = {
        (campaign, merchant, at // DAY): int(sum_) for campaign, merchant, at, sum_ in session.execute(reported)
    }
    for use in session.scalars(sa.select(QuotaUse)):
        points = expected.pop((use.campaign_id, use.merchant_id, use.day), 0)
        if points != use.points:
            where = f"campaign {use.campaign_id}, merchant {use.merchant_id}, day {use.day}"
            yield Difference("quota-use", where, points, use.points)
    for (campaign, merchant, at), points in expected.items():
        if points:
            yield Difference("quota-use", f"campaign {campaign}, merchant {merchant}, day {at}", points, "none")


def _refunds(session: Session) -> Iterator[Difference]:
    """Nothing was refunded above what it had earned."""
    target = aliased(Action)
    taken_back = (
        sa.select(target.id, target.points, target.amount, sa.func.sum(Action.points), sa.func.sum(Action.amount))
        .join(target, target.id == Action.refers_to)
        .group_by(target.id, target.points, target.amount)
    )
    for id, points, amount, points_back, amount_back in session.execute(taken_back):
        if points_back > points or amount_back > amount:
            yield Difference("refund-above-purchase", f"action {id}", f"at most {points}", int(points_back))
