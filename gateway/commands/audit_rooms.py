"""Holds the rebuilt books against what the rooms keep: campaigns, redemptions with their codes, moves, badges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.commands.audit_books import Books, Effect
from gateway.commands.audit_model import Difference, Paid, short
from gateway.core.limits import MAX_SUM
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.badges.models import BadgeWish
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.landing import FAR
from gateway.loyalty.moves.models import Move, MoveKind, MoveState
from gateway.loyalty.offers import documents
from gateway.loyalty.offers.models import Code, CodeState, Offer, OfflineUse
from gateway.loyalty.redemptions.models import UNSERVED, Redemption, RedemptionState

DELIVERED = (RedemptionState.DELIVERED, RedemptionState.CONFIRMED)
#: Account (0: wallet), holder, nonce.
OrderKey = tuple[int, bytes, int]
FULFILLED = (CodeState.DELIVERED, CodeState.USED)


def campaign(row: Campaign, books: Books, operator: bytes | None) -> Iterator[Difference]:
    """What the gateway believes of one campaign, as of the event up to which it followed the chain."""
    state, where = books.campaigns.get(row.id), f"campaign {row.id}"
    if state is None:
        yield Difference("campaign-unknown-to-chain", where, "none", row.id)
        return
    pairs: list[tuple[str, int | str, int | str]] = [
        ("budget", min(state.budget, MAX_SUM), row.budget),
        ("pot", min(state.pot, MAX_SUM), row.pot),
        ("hold", state.hold, row.hold),
        ("closed", int(state.closed), int(row.closed)),
        ("terms", state.terms.hex()[:8], row.terms_hash.hex()[:8]),
    ]
    if operator is not None:
        pairs.append(("daily cap", min(state.operators.get(operator, 0), MAX_SUM), row.daily_cap))
    for name, expected, found in pairs:
        if expected != found:
            yield Difference("campaign-mirror", f"{where} {name}", expected, found)
    highest = max((number for number in state.landed if number <= FAR), default=0)
    if row.next_number <= highest:
        yield Difference("campaign-number-behind", where, f"above {highest}", row.next_number)


# ----------------------------------------------------------------- redemptions


def redemptions(session: Session, books: Books) -> Iterator[Difference]:
    """Every delivered order was paid, to the letter; every payment for an offer of ours has its order."""
    merchants = {row.id: row.address for row in session.scalars(sa.select(Merchant))}
    offers = {row.id: row for row in session.scalars(sa.select(Offer))}
    paid = {_identity(each): each for each in books.paid}
    if len(paid) != len(books.paid):
        yield Difference("redemption-paid-twice", "chain", len(paid), len(books.paid))
    for row in session.scalars(sa.select(Redemption).order_by(Redemption.id)):
        where = f"redemption {row.id}"
        offer = offers[row.offer_id]
        order = (row.campaign, row.holder, merchants[row.merchant_id], row.amount, row.nonce, offer.hash)
        event = paid.pop((*order, row.commitment), None)
        if row.state == RedemptionState.FLAGGED:
            yield Difference("redemption-flagged", where, "none", row.state.name)
        elif event is not None and row.state not in DELIVERED:
            yield Difference("redemption-paid-not-delivered", where, RedemptionState.DELIVERED.name, row.state.name)
        elif event is None and row.state in DELIVERED:
            yield Difference("redemption-delivered-not-paid", where, "paid", "not on the chain")
        elif event is not None and row.paid_block != event.block:
            yield Difference("redemption-block", where, event.block, row.paid_block or 0)
        yield from _terms(row, offer, where)
    ours = {(offer.hash, merchants[offer.merchant_id]) for offer in offers.values()}
    for each in paid.values():
        if (each.offer, each.merchant) in ours:
            yield Difference("redemption-unknown", f"block {each.block}, {short(each.holder)}", "an order", "none")
    yield from _codes(session)


def _terms(row: Redemption, offer: Offer, where: str) -> Iterator[Difference]:
    document = documents.parse(offer.document)
    if row.amount not in {document.price, *(rung.price for rung in document.prices)}:
        yield Difference("redemption-price", where, document.price, row.amount)
    if offer.merchant_id != row.merchant_id:
        yield Difference("redemption-of-foreign-offer", where, offer.merchant_id, row.merchant_id)


def _identity(paid: Paid) -> tuple[int, bytes, bytes, int, int, bytes, bytes]:
    return paid.source, paid.holder, paid.merchant, paid.amount, paid.nonce, paid.offer, paid.commitment


def _codes(session: Session) -> Iterator[Difference]:
    """A code serves one order that is alive, and it is out exactly when that order was delivered."""
    alive = sa.select(Redemption.code_id, Redemption.state).where(Redemption.state != RedemptionState.DEAD, ~UNSERVED)
    served: Counter[int] = Counter()
    delivered: Counter[int] = Counter()
    for code, state in session.execute(alive):
        served[code] += 1
        delivered[code] += state in DELIVERED
    out = set(session.scalars(sa.select(Code.id).where(Code.state.in_(FULFILLED))))
    reserved = set(session.scalars(sa.select(Code.id).where(Code.state == CodeState.RESERVED)))
    for code, count in served.items():
        if count > 1:
            yield Difference("code-drawn-twice", f"code {code}", 1, count)
        elif delivered[code] and code not in out:
            yield Difference("code-state", f"code {code}", CodeState.DELIVERED.name, "not out")
        elif not delivered[code] and code not in reserved | out:
            yield Difference("code-state", f"code {code}", CodeState.RESERVED.name, CodeState.FREE.name)
    for code in sorted((out | reserved) - set(served)):
        yield Difference("code-without-order", f"code {code}", CodeState.FREE.name, "out or reserved")
    yield from _stock(session)
    yield from offline_uses(session)


def offline_uses(session: Session) -> Iterator[Difference]:
    """What tills reported is about the merchant's own codes that are out, and a double use names another one."""
    query = sa.select(OfflineUse, Code).join(Code, Code.id == OfflineUse.code_id).order_by(OfflineUse.id)
    for use, code in session.execute(query).tuples():
        where = f"offline use {use.id}"
        if code.state not in FULFILLED:
            yield Difference("offline-use-of-code", where, CodeState.USED.name, code.state.name)
        if code.merchant_id != use.merchant_id:
            yield Difference("offline-use-merchant", where, code.merchant_id, use.merchant_id)
        other = (use.other_key, use.other_at)
        if use.counted != (other == (None, None)) or other == (use.key_id, use.used_at):
            yield Difference("offline-use-double", where, "none" if use.counted else "another use", f"{other}")


def _stock(session: Session) -> Iterator[Difference]:
    """What an offer says of its stock is what its codes say."""
    counts: Counter[tuple[int, bool]] = Counter()
    query = sa.select(Code.offer_id, Code.state, sa.func.count()).group_by(Code.offer_id, Code.state)
    for offer_id, state, count in session.execute(query):
        counts[(offer_id, state == CodeState.FREE)] += count
    for offer in session.scalars(sa.select(Offer)):
        for name, free, found in (("free", True, offer.free), ("drawn", False, offer.drawn)):
            if counts[(offer.id, free)] != found:
                yield Difference("offer-stock", f"offer {offer.id} {name}", counts[(offer.id, free)], found)


# ----------------------------------------------------------------------- moves


def moves(session: Session, books: Books) -> Iterator[Difference]:
    """Every order that is done was executed with its terms; none that was executed counts as anything else."""
    done: set[OrderKey] = set()
    left_out: list[tuple[OrderKey, Move]] = []
    for row in session.scalars(sa.select(Move).order_by(Move.id)):
        where = f"move {row.id}"
        key = (row.source if _of_account(row) else 0, row.holder, row.nonce)
        received = _received(row, books.orders.get(key, []))
        if row.state != MoveState.DONE:
            if received is not None:
                left_out.append((key, row))
        elif received is None:
            yield Difference("move-done-not-executed", where, row.kind.name, "not on the chain")
        elif key in done:
            yield Difference("move-done-twice", where, 1, 2)
        elif row.received != received:
            yield Difference("move-received", where, received, row.received or 0)
        if row.state == MoveState.DONE:
            done.add(key)
    for key, row in left_out:
        if key not in done:  # else a holder signed the same twice, and the other one counted
            yield Difference("move-executed-not-done", f"move {row.id}", MoveState.DONE.name, row.state.name)


def _of_account(row: Move) -> bool:
    return row.kind in (MoveKind.LEAVE, MoveKind.MOVE, MoveKind.STAY)


def _received(row: Move, effects: list[Effect]) -> int | None:
    """What the order's transaction credited, None when it did not do what the order says."""
    for name, *terms in effects:
        match row.kind, name, terms:
            case MoveKind.ENTER, "enter", [row.target, row.holder, row.amount, bonus]:
                return row.amount + int(bonus)
            case MoveKind.LEAVE, "leave", [row.source, row.holder, row.amount]:
                return row.amount
            case MoveKind.MOVE, "move", [row.source, row.target, row.holder, row.amount, bonus]:
                return row.amount + int(bonus)
            case MoveKind.SEND, "send", [row.holder, row.recipient, row.amount]:
                return row.amount
            case MoveKind.CASH_OUT, "cash_out", [row.holder, row.recipient, row.amount]:
                return row.amount
            case MoveKind.STAY, "stay", [row.source, row.holder, row.stay]:
                return row.amount
    return None


# ---------------------------------------------------------------------- badges


def wishes(session: Session, books: Books) -> Iterator[Difference]:
    """A wish for a badge has come true when the badge landed, and not before."""
    for row in session.scalars(sa.select(BadgeWish).order_by(BadgeWish.campaign_id, BadgeWish.badge)):
        number = row.campaign_id << 192 | row.badge << 160 | int.from_bytes(row.wallet, "big")
        badge = books.badges.get(number)
        if (badge.block if badge else None) != row.landed_block:
            where = f"badge {row.badge} of campaign {row.campaign_id}, {short(row.wallet)}"
            landed = badge.block if badge else "not on the chain"
            yield Difference("badge-wish", where, landed, row.landed_block or "waiting")
