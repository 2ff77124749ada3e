"""The storm's own book: what was accepted, by the answers that clients got, and whether chain and gateway agree.

It knows nothing of the gateway's tables but what no answer tells: what a wallet owes or carries, and who has a code.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.reads import Reads
from gateway.client import Json
from gateway.commands.audit_books import Books
from gateway.core.db import Database
from gateway.loyalty.earning.models import Carry
from gateway.loyalty.redemptions.models import Redemption
from gateway.statistics.weeks import label
from tests.functional.people import Holder
from tests.storm.town import POINTS, Town

Place = tuple[int, bytes]
MOVE_ENDS = ("done", "dead", "refused")
#: Flagged: a code was delivered, then a reorganisation took its payment back and another order has used the nonce; or
#: the order was given up, another got its code, and then a reorganisation had it paid.
REDEMPTION_ENDS = ("delivered", "confirmed", "dead", "flagged")
#: Campaign (0: the wallet), holder, nonce.
Where = tuple[int, bytes, int]


@dataclass
class Order:
    """A holder's order that was accepted, in its last known state."""

    holder: Holder
    body: Json
    answer: Json
    #: Who is paid for a redemption.
    merchant: str = ""

    @property
    def place(self) -> Where:
        return int(self.body.get("source") or 0), self.holder.address, int(self.body["nonce"])


@dataclass(frozen=True)
class Seen:
    """What the chain shows in the end. Of it the doing of holders without the gateway: what each wallet has by it, and
    the places of orders that it used up by redemptions which the gateway knows nothing of."""

    books: Books
    reads: Reads
    moved: Counter[bytes]
    places: set[Where]

    def is_paid(self, order: Order) -> bool:
        """Whether the points of a redemption have gone, by its state, and of a flagged one by the chain."""
        answer = order.answer
        return has_code(answer) or (answer["state"] == "flagged" and from_hex(answer["commitment"]) in self._paid)

    @cached_property
    def _paid(self) -> set[bytes]:
        return {paid.commitment for paid in self.books.paid}

    def has_passed(self, place: Where) -> bool:
        campaign, holder, nonce = place
        return nonce < (self.reads.account(campaign, holder).nonce if campaign else self.reads.nonce(holder))


@dataclass
class Book:
    """Safe for several threads as far as each writes for itself; sums are taken when all have ended."""

    awarded: Counter[Place] = field(default_factory=Counter)
    refunded: Counter[Place] = field(default_factory=Counter)
    moves: dict[int, Order] = field(default_factory=dict)
    redemptions: dict[int, Order] = field(default_factory=dict)
    #: Code → redemptions that delivered it.
    codes: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    used: set[str] = field(default_factory=set)
    #: By the merchant's place in the town: Monday of a week that is over → visits of it that were accepted.
    weeks: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    #: Published figures as they were seen first, and what was said of those that changed.
    figures: dict[int, Json] = field(default_factory=dict)
    changed_figures: list[str] = field(default_factory=list)
    #: Numbers on the chain of the badges that were asked for.
    badges: set[int] = field(default_factory=set)
    #: Code of a problem → how often it was the answer.
    refusals: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def award(self, campaign: int, wallet: bytes, points: int) -> None:
        with self.lock:
            self.awarded[campaign, wallet] += points

    def refund(self, campaign: int, wallet: bytes, points: int) -> None:
        with self.lock:
            self.refunded[campaign, wallet] += points

    def refuse(self, code: str) -> None:
        with self.lock:
            self.refusals[code] += 1

    def labels(self, place: int) -> set[str]:
        """The weeks that were told of, as webhooks name them."""
        return {label(week) for week in self.weeks[place]}

    # -------------------------------------------------------------- the reckoning

    def differences(self, town: Town, database: Database, seen: Seen) -> Iterator[str]:
        """Where chain and book disagree, once everything has settled; each line names what."""
        books = seen.books
        with database.read() as session:
            left = {(row.campaign_id, row.wallet): row.points - row.owed for row in session.scalars(sa.select(Carry))}
        expected = Counter(self.awarded)
        expected.subtract(self.refunded)
        expected.subtract(left)
        yield from self._minted(expected, left, books)
        yield from self._orders(town, seen)
        yield from self._codes(books)
        yield from self._without(database, seen)
        yield from self._holdings(town, expected, seen)
        landed = books.badges.keys()
        yield from (f"asked for and not on the chain: badge {number:x}" for number in self.badges - landed)
        yield from (f"on the chain and not asked for: badge {number:x}" for number in landed - self.badges)

    def _minted(self, expected: Counter[Place], left: Mapping[Place, int], books: Books) -> Iterator[str]:
        """Folded sums per wallet and campaign are what was accepted less what was refunded."""
        minted: Counter[Place] = Counter()
        for number, campaign in books.campaigns.items():
            for batch in campaign.landed.values():
                sign = 1 if batch.kind == "award" else -1
                for wallet, points in batch.entries.items():
                    minted[number, wallet] += sign * points
        for place in expected.keys() | minted.keys():
            told = f"{self.awarded[place]} accepted, {self.refunded[place]} refunded, {left.get(place, 0)} left"
            where = f"campaign {place[0]}, wallet {to_hex(place[1])}: {told}"
            if minted[place] != expected[place]:
                yield f"minted {minted[place]} instead of {expected[place]}; {where}"
            if left.get(place, 0) < -self.refunded[place]:
                yield f"more is owed than was refunded; {where}"

    def _orders(self, town: Town, seen: Seen) -> Iterator[str]:
        """What the chain executed is what we say was done, order by order."""
        books, ours = seen.books, {holder.address for holder in town.holders}
        on_chain = {place for place in books.orders if place[1] in ours}
        on_chain |= {(paid.source, paid.holder, paid.nonce) for paid in books.paid}
        done = Counter(order.place for order in self.moves.values() if order.answer["state"] == "done")
        done.update(order.place for order in self.redemptions.values() if seen.is_paid(order))
        yield from (f"{times} orders say that they used nonce {place}" for place, times in done.items() if times > 1)
        yield from (f"called done and not on the chain: {place}" for place in done.keys() - on_chain)
        yield from (f"on the chain and not called done: {place}" for place in on_chain - done.keys() - seen.places)
        for kind, orders, ends in (("move", self.moves, MOVE_ENDS), ("redemption", self.redemptions, REDEMPTION_ENDS)):
            for number, order in orders.items():
                state = order.answer["state"]
                if state not in ends or (state == "flagged" and not seen.has_passed(order.place)):
                    yield f"{kind} {number} is {state}"

    def _codes(self, books: Books) -> Iterator[str]:
        paid = Counter((entry.source, entry.holder, entry.nonce) for entry in books.paid)
        opened: set[int] = set()
        for code, redemptions in self.codes.items():
            opened |= redemptions
            if len(redemptions) > 1:
                yield f"one code was delivered for redemptions {sorted(redemptions)}"
            if code not in self.used:
                yield f"a code could not be used: redemptions {sorted(redemptions)}"
        for number, order in self.redemptions.items():
            if has_code(order.answer) and number not in opened:
                yield f"redemption {number} was paid and its code could not be opened"
            if number in opened and paid[order.place] != 1 and order.answer["state"] != "flagged":
                yield f"the code of redemption {number} was delivered without its points"

    def _without(self, database: Database, seen: Seen) -> Iterator[str]:
        """Who has paid and got no code: another was given it before."""
        other = aliased(Redemption)
        shared = sa.exists().where(other.code_id == Redemption.code_id, other.id != Redemption.id)
        with database.read() as session:
            given = set(session.scalars(sa.select(Redemption.id).where(shared)))
        for number, order in self.redemptions.items():
            if seen.is_paid(order) and not has_code(order.answer) and number not in given:
                yield f"redemption {number} was paid, and the code that was kept for it went to nobody"

    def _holdings(self, town: Town, expected: Counter[Place], seen: Seen) -> Iterator[str]:
        """Everybody has what they should, wallet and accounts together."""
        reads = seen.reads
        wanted: Counter[bytes] = Counter({holder.address: POINTS for holder in town.holders})
        wanted.update(seen.moved)
        for (_, wallet), points in expected.items():
            wanted[wallet] += points
        for order in self.moves.values():
            if order.answer["state"] == "done":
                _apply(wanted, order)
        for order in self.redemptions.values():
            if seen.is_paid(order):
                wanted[order.holder.address] -= int(order.body["amount"])
                wanted[from_hex(order.merchant)] += int(order.body["amount"])
        for wallet, points in wanted.items():
            accounts = reads.accounts([(campaign, wallet) for campaign in town.campaigns])
            has = reads.balance(wallet) + sum(account.matured + account.pending for account in accounts)
            if has != points:
                yield f"{to_hex(wallet)} has {has} instead of {points}"


def has_code(answer: Json) -> bool:
    return answer["state"] in ("delivered", "confirmed")


def _apply(wanted: Counter[bytes], order: Order) -> None:
    body, holder = order.body, order.holder.address
    if body["kind"] in ("send", "cash_out"):
        wanted[holder] -= int(body["amount"])
    if body["kind"] == "send":
        wanted[from_hex(body["recipient"])] += int(body["amount"])
    if body["kind"] in ("enter", "move"):
        wanted[holder] += int(order.answer["received"]) - int(body["amount"])
