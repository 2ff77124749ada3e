"""What a code is good for: one typed reward for each kind, what it says to the holder and what the till must do. Pure.

Money is in hundredths of a currency. A reward tells what is given; what it costs, when and how often, the offer tells.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.core.durations import DAY
from gateway.core.limits import MAX_HUNDREDTHS
from gateway.identity.wallets.fields import Moment
from gateway.loyalty.offers.links import Link


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("printable characters, no space at the ends")
    return text


Text = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
#: How a till names a product or a category, as in the earning rules.
Name = Annotated[str, StringConstraints(strict=True, pattern=r"^[!-~]{1,64}$")]
Few = Annotated[int, Field(strict=True, ge=1, le=1_000)]


class Part(BaseModel):
    """Unknown fields are refused: a term that nobody reads would be no term."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Money(Part):
    """`amount` hundredths of `currency` (ISO 4217)."""

    amount: Annotated[int, Field(strict=True, ge=1, le=MAX_HUNDREDTHS)]
    currency: Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{3}$")]

    def say(self) -> str:
        whole, rest = divmod(self.amount, 100)
        return f"{whole}.{rest:02} {self.currency}"


class _Discount(Part):
    """`min_purchase`: the purchase before the discount. Where products or categories are named, it is for those."""

    min_purchase: Money | None = None
    products: Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)] | None = None
    categories: Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)] | None = None

    def _on(self) -> str:
        named = [*(self.products or ()), *(self.categories or ())]
        what = f"{', '.join(named)} in one purchase" if named else "one purchase"
        return f"{what} of at least {self.min_purchase.say()}" if self.min_purchase else what


class Percentage(_Discount):
    """`basis_points`: 1,250 are 12.5 %."""

    kind: Literal["percentage"]
    basis_points: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    max_discount: Money | None = None

    def _off(self) -> str:
        whole, rest = divmod(self.basis_points, 100)
        part = f".{rest:02}".rstrip("0") if rest else ""
        return f"{whole}{part} %"

    def _most(self) -> str:
        return f", but not more than {self.max_discount.say()}" if self.max_discount else ""

    def say(self) -> str:
        return f"{self._off()} off {self._on()}{self._most()}"

    def till(self) -> str:
        return f"Take {self._off()} off {self._on()}{self._most()}."


class Fixed(_Discount):
    kind: Literal["fixed"]
    discount: Money

    def say(self) -> str:
        return f"{self.discount.say()} off {self._on()}"

    def till(self) -> str:
        return f"Take {self.discount.say()} off {self._on()}; nothing is paid out."


class Product(Part):
    kind: Literal["product"]
    product: Name
    quantity: Few = 1

    def say(self) -> str:
        return f"{self.quantity} × {self.product}" if self.quantity > 1 else self.product

    def till(self) -> str:
        return f"Hand over {self.say()} without payment."


class Experience(Part):
    kind: Literal["experience"]
    what: Text
    persons: Few = 1
    place: Text | None = None
    at: Moment | None = None

    def say(self) -> str:
        return f"{self.what} for {_counted(self.persons, 'person')}{_where(self.place, self.at)}"

    def till(self) -> str:
        return f"Admit {_counted(self.persons, 'person')} to: {self.what}{_where(self.place, self.at)}."


class Partner(Part):
    """Given by somebody else than the merchant that is paid."""

    kind: Literal["partner"]
    partner: Text
    what: Text
    url: Link | None = None

    def say(self) -> str:
        return f"{self.what}, from {self.partner}{_at(self.url)}"

    def till(self) -> str:
        return f"Give for {self.partner}: {self.what}."


class GiftCard(Part):
    kind: Literal["gift_card"]
    value: Money

    def say(self) -> str:
        return f"gift card of {self.value.say()}"

    def till(self) -> str:
        return f"Issue or top up a gift card with {self.value.say()}; the code is used up by that."


class AccessCode(Part):
    """`lasts`: seconds from its use."""

    kind: Literal["access_code"]
    to: Text
    url: Link | None = None
    lasts: Annotated[int, Field(strict=True, ge=60, le=5 * 366 * DAY)] | None = None

    def say(self) -> str:
        return f"access to {self.to}{_lasting(self.lasts)}{_at(self.url)}"

    def till(self) -> str:
        return f"Open {self.to}{_lasting(self.lasts)}."


class Ticket(Part):
    kind: Literal["ticket"]
    event: Text
    at: Moment
    place: Text | None = None
    seats: Few = 1

    def say(self) -> str:
        return f"{_counted(self.seats, 'seat')} for {self.event}{_where(self.place, self.at)}"

    def till(self) -> str:
        return f"Admit {_counted(self.seats, 'person')} to {self.event}{_where(self.place, self.at)}."


Reward = Annotated[
    Percentage | Fixed | Product | Experience | Partner | GiftCard | AccessCode | Ticket, Field(discriminator="kind")
]
Kind = Literal["percentage", "fixed", "product", "experience", "partner", "gift_card", "access_code", "ticket"]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def _where(place: str | None, at: int | None) -> str:
    when = datetime.fromtimestamp(at, UTC).strftime(" on %Y-%m-%d at %H:%M UTC") if at else ""
    return (f", {place}" if place else "") + when


def _at(url: str | None) -> str:
    return f" ({url})" if url else ""


def _lasting(seconds: int | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("day", DAY), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            return f" for {_counted(seconds // size, unit)}"
    return f" for {_counted(seconds, 'second')}"
