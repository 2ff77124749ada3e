"""Who stands on which rung: for the rules that ask, and for the wallet itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.campaigns.versions import rules_of
from gateway.loyalty.rules.ladders import By, Ladder, Window
from gateway.loyalty.rules.parts import name_key
from gateway.loyalty.tiers import reigns, standing, tallies, vips
from gateway.loyalty.tiers.models import TierBook, TierDay, Vip
from gateway.loyalty.tiers.reigns import Terms
from gateway.loyalty.tiers.standing import FOREVER, Progress
from gateway.loyalty.tiers.tallies import Row, Tally, number

#: A wallet, and the moment (Unix seconds) of what it did.
Asked = tuple[bytes, int]
#: Changes that a wallet is shown.
MAX_CHANGES = 20


@dataclass(frozen=True)
class Rise:
    """The next rung and what is missing to it, in the ladder's unit."""

    rank: int
    missing: int


@dataclass(frozen=True)
class Change:
    """From this local day on (days since 1970) the wallet stood on this rank."""

    day: int
    rank: int


@dataclass(frozen=True)
class Place:
    """Where a wallet stands on one ladder. Days since 1970, local. `counted`: what its window holds, today included;
    `through`: the last day on which this rank holds if nothing more is earned, None while the ladder lasts; `ends`:
    the last day on which what is earned counts together with `counted`, None where nothing begins anew."""

    campaign: int
    ladder: Ladder
    rank: int
    vip: bool
    counted: int
    through: int | None
    ends: int | None
    rise: Rise | None
    changes: tuple[Change, ...]


class Tiers:
    """Reckons ranks from what was counted."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    # --------------------------------------------------------------- counting

    def count(self, session: Session, counted: Collection[Tally]) -> None:
        """Counts what actions and refunds add up to. Their campaigns must be locked."""
        if counted:
            tallies.add(session, counted)

    def uncounted(self, session: Session) -> list[int]:
        """Campaigns with ladders whose past was never counted."""
        query = sa.select(RuleVersion.campaign_id).where(RuleVersion.document.contains('"ladders":[{')).distinct()
        return list(session.scalars(query.where(RuleVersion.campaign_id.not_in(sa.select(TierBook.campaign_id)))))

    def restart(self, session: Session, campaign: int, counted: Iterable[Tally]) -> bool:
        """Counts a campaign from its beginning, once; False when that was done before. It must be locked."""
        if session.get(TierBook, campaign) is not None:
            return False
        session.execute(sa.delete(TierDay).where(TierDay.campaign_id == campaign))
        tallies.add(session, counted)
        session.add(TierBook(campaign_id=campaign, counted_at=self.clock.now()))
        session.flush()
        return True

    # ---------------------------------------------------------------- judging

    def ranks(
        self,
        session: Session,
        campaign: int,
        asked: Collection[Asked],
        versions: Sequence[RuleVersion] | None = None,
    ) -> dict[Asked, dict[str, int]]:
        """By ladder the rank that each wallet has at its moment, by the version in force then. `versions`: all of the
        campaign's, newest first, where they are at hand. Who is left out stands at the bottom."""
        if versions is None:
            versions = rules_of(session, [campaign])[campaign]
        if not versions:
            return {}
        by_terms: dict[int, list[Asked]] = defaultdict(list)
        moments = [(version.valid_from, version.document) for version in reversed(versions)]
        for one in asked:
            by_terms[max(1, sum(valid_from <= one[1] for valid_from, _ in moments))].append(one)
        found: dict[Asked, dict[str, int]] = {}
        for count, group in by_terms.items():
            terms = reigns.terms(tuple(moments[:count]))
            if terms.ladders:
                found |= self._ranks(session, campaign, terms, group)
        return found

    def _ranks(
        self, session: Session, campaign: int, terms: Terms, asked: Sequence[Asked]
    ) -> dict[Asked, dict[str, int]]:
        days = {one: terms.day(one[1]) for one in asked}
        wallets = {wallet for wallet, _ in asked}
        first = max(0, min(days.values()) - terms.reach)
        counted = _by_wallet(tallies.read(session, campaign, wallets, first, max(days.values()) - 1))
        since = tallies.first_days(session, campaign, wallets) if terms.anniversaries else {}
        given = vips.given(session, campaign, wallets)
        known: dict[tuple[bytes, int], dict[str, int]] = {}
        found = {}
        for one, day in days.items():
            wallet = one[0]
            ranks = known.get((wallet, day))
            if ranks is None:
                ranks = {}
                for ladder in terms.ladders:
                    progress = _progress(ladder, counted.get(wallet, ()), since.get(wallet))
                    ranks[ladder.id] = _rank(terms, ladder, progress, given.get((wallet, name_key(ladder.id))), day)
                known[wallet, day] = ranks
            found[one] = ranks
        return found

    # ---------------------------------------------------------------- looking

    def highest(self, session: Session, campaign: int, wallet: bytes) -> dict[str, int]:
        """By ladder the highest rank that the wallet ever had, by today's names."""
        now = self.clock.now()
        versions = rules_of(session, [campaign])[campaign]
        running = [(v.valid_from, v.document) for v in reversed(versions) if v.valid_from <= now]
        places = self._places(session, campaign, reigns.terms(tuple(running)), wallet, now, None) if running else []
        return {place.ladder.id: max(place.rank, *(change.rank for change in place.changes), 0) for place in places}

    def places(self, session: Session, wallet: bytes, after: tuple[int, str], limit: int) -> list[Place]:
        """Where the wallet stands on the ladders of the campaigns in which it did something, by campaign and id: at
        most `limit` of those after a campaign's ladder."""
        now = self.clock.now()
        done = sa.select(TierDay.campaign_id).where(TierDay.wallet == wallet, TierDay.campaign_id >= after[0])
        was_given = sa.select(Vip.campaign_id).where(Vip.wallet == wallet, Vip.campaign_id >= after[0])
        found: list[Place] = []
        campaigns = sorted({*session.scalars(done.distinct()), *session.scalars(was_given)})
        for campaign, versions in rules_of(session, campaigns).items():
            running = [(v.valid_from, v.document) for v in reversed(versions) if v.valid_from <= now]
            if running:
                places = self._places(session, campaign, reigns.terms(tuple(running)), wallet, now)
                places = sorted((p for p in places if (campaign, p.ladder.id) > after), key=lambda p: p.ladder.id)
                found += places[: limit - len(found)]
            if len(found) == limit:
                break
        return found

    def _places(
        self,
        session: Session,
        campaign: int,
        terms: Terms,
        wallet: bytes,
        now: int,
        most: int | None = MAX_CHANGES,
    ) -> list[Place]:
        today = terms.day(now)
        rows = tallies.read(session, campaign, [wallet], 0, today)
        given = vips.given(session, campaign, [wallet])
        found = []
        for ladder in terms.ladders:
            vip = given.get((wallet, name_key(ladder.id)))
            found.append(_place(campaign, terms, ladder, _progress(ladder, rows, None), vip, today, most))
        return found


def _by_wallet(rows: Iterable[Row]) -> Mapping[bytes, Sequence[Row]]:
    return {wallet: list(mine) for wallet, mine in groupby(rows, itemgetter(0))}


def _progress(ladder: Ladder, rows: Sequence[Row], since: int | None) -> Progress:
    if ladder.by is By.POINTS:
        return Progress([(day, number(points)) for _, day, points, _, _ in rows], since)
    if ladder.by is By.SPEND:
        return Progress([(day, number(spend)) for _, day, _, spend, _ in rows], since)
    return Progress([(day, int(visits > 0)) for _, day, _, _, visits in rows], since)


def _rank(terms: Terms, ladder: Ladder, progress: Progress, vip: Vip | None, day: int) -> int:
    earned = standing.rank(terms.reigns[ladder.id], progress, day)
    return earned if vip is None else max(earned, vips.rank_of(vip, ladder, day))


def _place(
    campaign: int,
    terms: Terms,
    ladder: Ladder,
    progress: Progress,
    vip: Vip | None,
    today: int,
    most: int | None,
) -> Place:
    history = terms.reigns[ladder.id]
    earned = standing.rank(history, progress, today)
    rank = _rank(terms, ladder, progress, vip, today)
    through = standing.through(history, progress, today, rank) if rank else FOREVER
    if vip is not None and vips.rank_of(vip, ladder, today) == rank:
        through = max(through if earned == rank else 0, vip.last_day)
    first, last = standing.window(ladder, today + 1, progress.member_since)
    counted = progress.between(first, last)
    periodic = ladder.window not in (Window.ROLLING, Window.EVER)
    rise = None
    if rank + 1 < len(ladder.rungs):
        rise = Rise(rank + 1, max(0, ladder.rungs[rank + 1].at - counted))
    return Place(
        campaign=campaign,
        ladder=ladder,
        rank=rank,
        vip=rank > earned,
        counted=counted,
        through=None if through >= FOREVER else through,
        ends=standing.period(ladder.window, today, progress.member_since)[1] if periodic else None,
        rise=rise,
        changes=_changes(terms, ladder, progress, vip, today, most),
    )


def _changes(
    terms: Terms, ladder: Ladder, progress: Progress, vip: Vip | None, today: int, most: int | None
) -> tuple[Change, ...]:
    """The newest changes (`most`: so many, None: all), the latest first. What a day's rank was is told by today's
    names."""
    history = terms.reigns[ladder.id]
    turns = standing.turns(history, progress, today)
    if vip is not None:
        turns = sorted({*turns, *(d for d in (vip.first_day, vip.last_day + 1) if 0 < d <= today)}, reverse=True)

    def rank_on(day: int) -> int:
        begun = [reign for reign in history if reign.first <= day] or history[:1]
        rank = standing.translated(standing.rank(begun, progress, day), begun[-1].ladder, ladder)
        return rank if vip is None else max(rank, vips.rank_of(vip, ladder, day))

    found: list[Change] = []
    for turn in turns:
        if len(found) == most:
            break
        if rank_on(turn) != rank_on(turn - 1):
            found.append(Change(turn, rank_on(turn)))
    return tuple(found)
