"""What an offer costs whom, and how often one wallet may have it. Pure.

Everybody may pay the price; who stands on a rung may pay that rung's. The amount is public on the chain: who pays the
full price shows no rung.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.loyalty.offers.documents import Document, Limit, Rung
from gateway.loyalty.rules.calendar import Local, Period, period_of

#: By campaign and ladder, the rank of one wallet; nobody stands below 0.
Standing = Mapping[tuple[int, str], int]
PERIODS = {"day": Period.DAY, "week": Period.WEEK, "month": Period.MONTH, "year": Period.YEAR}


@dataclass(frozen=True)
class Price:
    """`amount` hundredths of a point, and the rung that gives it; None: everybody's."""

    amount: int
    rung: Rung | None = None


def campaigns(document: Document) -> set[int]:
    """Whose ladders matter to the offer."""
    return {rung.campaign for rung in (*document.prices, document.only) if rung is not None}


def stands(standing: Standing, rung: Rung) -> bool:
    """Whether a wallet stands on this rung or higher."""
    return standing.get((rung.campaign, rung.ladder), 0) >= rung.rank


def prices(document: Document, standing: Standing) -> list[Price]:
    """What this wallet may pay, the best first; nothing where the offer is not for it."""
    if document.only is not None and not stands(standing, document.only):
        return []
    given = [Price(each.price, each) for each in document.prices if stands(standing, each)]
    return sorted([*given, Price(document.price)], key=lambda price: price.amount)


def reached(limits: Iterable[Limit], zone: str, had: Iterable[int], now: int) -> Limit | None:
    """The first limit that one more code now would break; `had`: when this wallet ordered the earlier ones."""
    ordered = list(had)
    for limit in limits:
        if sum(_same(limit, zone, at, now) for at in ordered) >= limit.times:
            return limit
    return None


def _same(limit: Limit, zone: str, at: int, now: int) -> bool:
    if limit.per == "ever":
        return True
    period = PERIODS[limit.per]
    return period_of(period, Local(at, zone)) == period_of(period, Local(now, zone))


def say(document: Document) -> Iterator[str]:
    """Price and limits in words."""
    yield why(Price(document.price))
    for each in document.prices:
        yield why(Price(each.price, each))
    if document.only is not None:
        yield f"only {_from(document.only)}"
    for limit in document.limits:
        yield f"at most {limit.times} a wallet" + ("" if limit.per == "ever" else f" and {limit.per}")


def why(price: Price) -> str:
    """A price and its reason in words."""
    return f"{_points(price.amount)} points" + (f" {_from(price.rung)}" if price.rung else "")


def _from(rung: Rung) -> str:
    return f"from rank {rung.rank} of {rung.ladder} in campaign {rung.campaign}"


def _points(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    return f"{whole:,}.{rest:02}"
