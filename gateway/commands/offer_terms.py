"""An offer's terms as one types them: `--reward discount='5.00 EUR'`, `--tier-price status:2=250`, `--limit 1/week`.

What they mean is checked by the offer's document; here words become its values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo, available_timezones

import typer
from pydantic import ValidationError

from gateway.client import Json
from gateway.commands.console import CommandError, parse_duration, parse_points
from gateway.loyalty.offers.rewards import Kind, Reward

MODELS = {get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(get_args(Reward)[0])}
#: One reward of each kind, as it is typed.
EXAMPLES: Mapping[Kind, Sequence[str]] = {
    "percentage": ("percent=12.5", "categories=wine,beer", "min_purchase=30.00 EUR", "max_discount=20.00 EUR"),
    "fixed": ("discount=5.00 EUR", "products=coffee_small"),
    "product": ("product=coffee_small", "quantity=2"),
    "experience": ("what=Wine tasting", "persons=2", "place=Mill Lane", "at=2027-01-15T19:00"),
    "partner": ("partner=Mill Cinema", "what=One film", "url=https://cinema.example/points"),
    "gift_card": ("value=20.00 EUR",),
    "access_code": ("to=The reading room", "lasts=30d", "url=https://books.example/room"),
    "ticket": ("event=Jazz on the roof", "at=2027-06-20T20:30", "place=Roof", "seats=2"),
}
MONEY = re.compile(r"(\S+) +([A-Z]{3})")
RUNG = re.compile(r"([a-z0-9_]+):([1-9][0-9]?)")
LIMIT = re.compile(r"([1-9][0-9]{0,4})/(day|week|month|year|ever)")


def reward(kind: Kind, terms: Sequence[str], zone: str) -> Json:
    """The reward of these `name=value` terms; CommandError names the one that is wrong, and shows how it is done."""
    values: Json = {"kind": kind}
    for term in terms:
        name, equals, text = term.partition("=")
        if not equals or name in values:
            raise _wrong(kind, f"{term}: name=value, each name once")
        try:
            values |= _value(name, text, zone)
        except (ValueError, typer.BadParameter):
            raise _wrong(kind, term) from None
    try:
        return dict(MODELS[kind].model_validate(values).model_dump(mode="json", exclude_none=True))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _wrong(kind, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def example(kind: Kind) -> str:
    """How a reward of this kind is typed."""
    return f"--kind {kind} " + " ".join(f"--reward {_quoted(term)}" for term in EXAMPLES[kind])


def rung(text: str) -> Json:
    """`status:2` is rank 2 of the ladder `status`."""
    found = RUNG.fullmatch(text)
    if not found:
        raise typer.BadParameter("LADDER:RANK, e.g. status:2")
    return {"ladder": found[1], "rank": int(found[2])}


def tier_price(text: str) -> Json:
    """`status:2=250.00` is 250 points from that rung on."""
    where, equals, price = text.partition("=")
    if not equals:
        raise typer.BadParameter("LADDER:RANK=POINTS, e.g. status:2=250")
    return rung(where) | {"price": parse_points(price)}


def zone(text: str) -> str:
    """A time zone's name, e.g. Europe/Vienna."""
    if text not in available_timezones():
        raise typer.BadParameter("a time zone, e.g. Europe/Vienna")
    return text


def limit(text: str) -> Json:
    """`1/week`: day, week, month, year or ever."""
    found = LIMIT.fullmatch(text)
    if not found:
        raise typer.BadParameter("TIMES/PERIOD, e.g. 1/week or 3/ever")
    return {"times": int(found[1]), "per": found[2]}


# ------------------------------------------------------------------- internal


def _value(name: str, text: str, zone: str) -> Json:
    if name == "percent":
        return {"basis_points": parse_points(text)}
    return {name: VALUES[name](text, zone) if name in VALUES else text}


def _money(text: str, _zone: str) -> Any:
    found = MONEY.fullmatch(text)
    if not found:
        raise ValueError(text)
    return {"amount": parse_points(found[1]), "currency": found[2]}


def _moment(text: str, zone: str) -> Any:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


#: How a term's text is read, where it is no text.
VALUES: Mapping[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(("min_purchase", "max_discount", "discount", "value"), _money),
    **dict.fromkeys(("products", "categories"), lambda text, _zone: text.split(",")),
    **dict.fromkeys(("quantity", "persons", "seats", "basis_points"), lambda text, _zone: int(text)),
    "at": _moment,
    "lasts": lambda text, _zone: parse_duration(text),
}


def _wrong(kind: Kind, what: str) -> CommandError:
    return CommandError(f"reward: {what}", f"loyalty offer create … {example(kind)}", "invalid-reward")


def _quoted(term: str) -> str:
    return f'"{term}"' if " " in term else term
