"""Leaderboards: who asked for it is shown under a name of ours, ranked by what the chain shows of it.

What is not on the chain yet, what was spent and what was visited is not counted: a board tells nothing that the chain
does not. Whoever compares sums can find the wallet behind a name; the text that it signs says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.durations import DAY
from gateway.core.pages import NEXT
from gateway.core.problems import INVALID_REQUEST
from gateway.identity.wallets.errors import BAD_SIGNATURE
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.campaigns.versions import in_force, rules_of
from gateway.loyalty.earning.boards import pseudonyms
from gateway.loyalty.earning.boards.errors import NO_LEADERBOARD, PSEUDONYM_TAKEN, UNKNOWN_PSEUDONYM
from gateway.loyalty.earning.boards.messages import message
from gateway.loyalty.earning.boards.models import Player
from gateway.loyalty.earning.models import Batch, BatchEntry, BatchKind, BatchState
from gateway.loyalty.rules.calendar import Local, period_of
from gateway.loyalty.rules.document import RulesDocument, parse
from gateway.loyalty.rules.play import Leaderboard

#: Seconds that a wallet's word is good for, before and after its own time.
FRESH = 300


@dataclass(frozen=True)
class Placed:
    """Who earned as much has the same place. Hundredths."""

    place: int
    pseudonym: str
    points: int


@dataclass(frozen=True)
class Board:
    """One period of a board, or a part of it. `began`: its first settlement at the earliest, Unix seconds; `next`: the
    cursor of what comes after `items`."""

    terms: Leaderboard
    began: int
    players: int
    items: tuple[Placed, ...]
    next: str | None


class Leaderboards:
    """Takes wallets at their word, and ranks them."""

    def __init__(self, db: Database, campaigns: Campaigns, clock: Clock, chain_id: int) -> None:
        self.db, self.campaigns, self.clock, self.chain_id = db, campaigns, clock, chain_id

    def say(
        self, session: Session, campaign: int, wallet: bytes, pseudonym: str | None, at: int, signature: bytes
    ) -> None:
        """Lets a wallet play under a name, under another, or (None) no more. The same again changes nothing.

        `unknown-pseudonym`, `invalid-request` (not fresh, or an older word than the last), `bad-signature`,
        `unknown-campaign`, `no-leaderboard`, `pseudonym-taken`.
        """
        number = None
        if pseudonym is not None:
            try:
                number = pseudonyms.number_of(pseudonym)
            except ValueError:
                raise UNKNOWN_PSEUDONYM.at("pseudonym") from None
        if abs(self.clock.now() - at) > FRESH:
            raise INVALID_REQUEST.at("at", f"not older than {FRESH} seconds")
        digest = signatures.personal(message(wallet, campaign, self.chain_id, pseudonym, at).encode())
        if signatures.recover(digest, signature) != wallet:
            raise BAD_SIGNATURE.at("signature")
        self.campaigns.get(session, campaign)
        promises.lock(session, [campaign])
        row = session.get(Player, (campaign, wallet), populate_existing=True, with_for_update=True)
        if (row is not None and at < row.said_at) or (
            row is not None and at == row.said_at and number != row.pseudonym
        ):
            raise INVALID_REQUEST.at("at", "a later word was said")
        if number is not None:
            self._terms(session, campaign)
            holder = session.scalar(
                sa.select(Player.wallet).where(Player.campaign_id == campaign, Player.pseudonym == number)
            )
            if holder not in (None, wallet):
                raise PSEUDONYM_TAKEN.at("pseudonym")
        if row is None:
            row = Player(campaign_id=campaign, wallet=wallet)
            session.add(row)
        row.pseudonym, row.said_at = number, at
        session.flush()

    def free(self, session: Session, campaign: int, count: int) -> list[str]:
        """Some names that nobody plays under."""
        self.campaigns.get(session, campaign, "id")
        drawn = {secrets.randbelow(pseudonyms.COUNT) for _ in range(2 * count)}
        taken = sa.select(Player.pseudonym).where(Player.campaign_id == campaign, Player.pseudonym.in_(drawn))
        return [pseudonyms.name_of(number) for number in sorted(drawn - set(session.scalars(taken)))][:count]

    def board(
        self, session: Session, campaign: int, back: int, of: str | None, cursor: str | None, limit: int
    ) -> Board:
        """The period that runs, or the one `back` periods before; of its players the best, and the one called `of`: at
        most `limit` of those after `cursor`. `unknown-campaign`, `no-leaderboard`, `invalid-request`."""
        after = _placing(cursor)
        self.campaigns.get(session, campaign, "id")
        document, terms = self._terms(session, campaign)
        first, last = _span(terms, document.zone, self.clock.now(), back)
        sign = sa.case((Batch.kind == BatchKind.AWARD, BatchEntry.amount), else_=-sa.func.coalesce(BatchEntry.taken, 0))
        landed = (
            sa.select(BatchEntry.wallet, sa.func.sum(sign).label("points"))
            .join(Batch, Batch.id == BatchEntry.batch_id)
            .where(Batch.campaign_id == campaign, Batch.state == BatchState.LANDED)
            .where(Batch.created_at >= first, Batch.created_at < last)
            .group_by(BatchEntry.wallet)
            .subquery()
        )
        query = (
            sa.select(Player.pseudonym, landed.c.points)
            .join(landed, landed.c.wallet == Player.wallet)
            .where(Player.campaign_id == campaign, Player.pseudonym.is_not(None), landed.c.points > 0)
            .order_by(landed.c.points.desc(), Player.pseudonym)
        )
        ranked = [(int(points), number or 0) for number, points in session.execute(query).tuples()]
        shown = [
            Placed(place, name, points)
            for place, points, name, number in _placed(ranked)
            if (place <= terms.top or name == of) and (after is None or (-points, number) > after)
        ][:limit]
        next = f"{shown[-1].points}.{shown[-1].pseudonym}" if len(shown) == limit else None
        return Board(terms, first, len(ranked), tuple(shown), next)

    def forget_due(self) -> int:
        """Deletes who played in campaigns that take no more awards; returns how many."""
        closed = sa.select(Campaign.id).where(Campaign.end <= self.clock.now() - schedule.GRACE)
        with self.db.read() as session:
            if session.scalar(sa.select(Player.wallet).where(Player.campaign_id.in_(closed)).limit(1)) is None:
                return 0
        with self.db.begin() as session:
            return session.connection().execute(sa.delete(Player).where(Player.campaign_id.in_(closed))).rowcount

    def _terms(self, session: Session, campaign: int) -> tuple[RulesDocument, Leaderboard]:
        running = in_force(rules_of(session, [campaign])[campaign], self.clock.now())
        document = parse(running.document) if running else None
        if document is None or document.leaderboard is None:
            raise NO_LEADERBOARD.at("id")
        return document, document.leaderboard


def _placing(cursor: str | None) -> tuple[int, int] | None:
    """What a page of a board goes on after: the most points come first, and of as many the lowest number."""
    if cursor is None:
        return None
    points, _, name = cursor.partition(".")
    try:
        return -int(points), pseudonyms.number_of(name)
    except ValueError:
        raise INVALID_REQUEST.at("cursor", NEXT) from None


def _placed(ranked: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str, int]]:
    """Place, points, name and the name's number of each."""
    place, last = 0, 0
    for count, (points, number) in enumerate(ranked, 1):
        if points != last:
            place, last = count, points
        yield place, points, pseudonyms.name_of(number), number


def _span(terms: Leaderboard, zone: str, now: int, back: int) -> tuple[int, int]:
    """First moment of the period that is `back` before the present one, and of the one after it; local days."""
    wanted = period_of(terms.period, Local(now, zone)) - back

    def first_of(number: int, low: int, high: int) -> int:
        while low < high:  # the first quarter of an hour whose period is not before `number`
            middle = (low + high) // 2
            if period_of(terms.period, Local(middle * 900, zone)) < number:
                low = middle + 1
            else:
                high = middle
        return low * 900

    latest = (now + 400 * DAY) // 900
    return first_of(wanted, 0, latest), first_of(wanted + 1, 0, latest)
