"""What the statistics routes answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel, Field

from gateway.chain.hexes import checksum
from gateway.loyalty.ledger.models import Measure
from gateway.loyalty.ledger.service import Total
from gateway.statistics import weeks
from gateway.statistics.cells import CELLS, NOISE
from gateway.statistics.models import Release

#: Most merchants listed beside one campaign, those who were paid most.
MAX_MERCHANTS = 100


class FigureOut(BaseModel):
    """One released figure with everything that is needed to read it."""

    id: int
    week: str = Field(examples=["2026-W03"])
    week_starts_at: int
    metric: str = Field(examples=["wallets"])
    value: int | None = Field(description="null: too few to be shown, which is not the same as none")
    too_few: bool
    unit: str = Field(description="`hundredths` are hundredths of the campaign's currency")
    margin: int = Field(description="± of the noise: 19 of 20 draws lie within")
    epsilon_thousandths: int = Field(description="privacy spent on this figure, per wallet, in 1/1000")
    formula: str
    published_at: int

    @classmethod
    def of(cls, release: Release) -> Self:
        cell = CELLS[release.metric]
        return cls(
            id=release.id,
            week=weeks.label(release.week),
            week_starts_at=weeks.start(release.week),
            metric=release.metric.name.lower(),
            value=release.value,
            too_few=release.value is None,
            unit=cell.unit,
            margin=release.margin,
            epsilon_thousandths=release.epsilon,
            formula=cell.formula + NOISE,
            published_at=release.published_at,
        )


class FigureList(BaseModel):
    items: list[FigureOut]
    next: int | None


class PaidOut(BaseModel):
    """What one merchant was paid for redemptions."""

    merchant: str = Field(examples=["0x5FbDB2315678afecb367f032d93F642f64180aa3"])
    redemptions: int
    points: int


class WalletTotals(BaseModel):
    """Sums over all wallets, in hundredths of a point."""

    minted: int
    burned: int
    cashed_out: int
    redeemed: list[PaidOut]


class CampaignTotals(BaseModel):
    """Sums over one campaign, in hundredths of a point."""

    campaign: int
    privacy: Literal["public"] = "public"
    awarded: int
    clawed_back: int
    entered: int
    left: int
    moved_in: int
    moved_out: int
    bonus: int
    expired: int
    redeemed: list[PaidOut]

    @classmethod
    def of(cls, campaign: int, totals: Iterable[Total]) -> Self:
        mine = [total for total in totals if total.campaign == campaign]
        return cls(campaign=campaign, redeemed=paid(mine), **sums(mine, cls.model_fields))


class PublicOut(BaseModel):
    """Totals that anybody can add up from the chain: exact, and no privacy is claimed for them."""

    privacy: Literal["public"] = "public"
    wallets: WalletTotals
    items: list[CampaignTotals]
    next: int | None
    formulas: dict[str, str]


#: Which events of the contracts each total adds up.
FORMULAS = {
    "minted": "Transfer.value from the zero address",
    "burned": "Transfer.value to the zero address",
    "cashed_out": "CashedOut.points; the hub's own, for clawbacks and expiry, included",
    "redeemed": "Redeemed.amount by merchant (wallets), Spent.amount by merchant (campaigns); the 100 largest",
    "awarded": "AwardLanded.total",
    "clawed_back": "ClawbackLanded.total",
    "entered": "Entered.amount, without bonus",
    "left": "Left.amount + Released.amount",
    "moved_in": "Moved.amount to this campaign, without bonus",
    "moved_out": "Moved.amount from this campaign",
    "bonus": "Entered.bonus + Moved.bonus to this campaign",
    "expired": "Expired.amount",
}


def sums(totals: Iterable[Total], names: Iterable[str]) -> dict[str, int]:
    """One sum for each of `names` that is the name of a measure without parties."""
    found = {total.measure: total.points for total in totals}
    measures = {measure.name.lower(): measure for measure in Measure if measure != Measure.REDEEMED}
    return {name: found.get(measures[name], 0) for name in names if name in measures}


def paid(totals: Iterable[Total]) -> list[PaidOut]:
    """The merchants who were paid, most first."""
    rows = [total for total in totals if total.measure == Measure.REDEEMED]
    rows.sort(key=lambda total: (-total.points, total.party))
    return [
        PaidOut(merchant=checksum(row.party), redemptions=row.events, points=row.points) for row in rows[:MAX_MERCHANTS]
    ]
