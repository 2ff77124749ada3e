"""Offers as they are typed: every term of every kind of reward can be said, and what is wrong is named."""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import Any

import pytest
import typer
from pydantic import TypeAdapter

from gateway.chain.typed_data import Domains
from gateway.commands import offer, offer_terms, previewing
from gateway.commands.console import CommandError
from gateway.commands.publishing import source_of
from gateway.loyalty.offers.documents import Full, parse
from gateway.loyalty.offers.rewards import Kind, Reward

REWARD: TypeAdapter[Any] = TypeAdapter(Reward)
EUR = {"currency": "EUR"}


@pytest.mark.parametrize("kind", offer_terms.EXAMPLES)
def test_the_examples_are_rewards(kind: Kind) -> None:
    typed = shlex.split(offer_terms.example(kind))
    terms = [term for flag, term in pairwise(typed) if flag == "--reward"]
    assert tuple(terms) == tuple(offer_terms.EXAMPLES[kind])
    assert REWARD.validate_python(offer_terms.reward(kind, terms, "Europe/London")).kind == kind


def test_every_term_of_every_kind_can_be_typed() -> None:
    assert set(offer_terms.EXAMPLES) == set(offer_terms.MODELS)
    for kind, model in offer_terms.MODELS.items():
        for name, schema in model.model_json_schema()["properties"].items():
            shapes = [shape.get("type", "money") for shape in schema.get("anyOf", [schema])]
            assert (shapes[0] == "string") == (name not in offer_terms.VALUES), (kind, name)


def test_words_become_values() -> None:
    assert offer_terms.reward("percentage", ["percent=12.5", "min_purchase=30 EUR", "categories=wine,beer"], "UTC") == {
        "kind": "percentage",
        "basis_points": 1_250,
        "min_purchase": {"amount": 3_000} | EUR,
        "categories": ["wine", "beer"],
    }
    show = offer_terms.reward("ticket", ["event=Jazz", "at=2027-06-20T20:30"], "Europe/Vienna")
    assert show["at"] == 1_813_516_200  # 18:30 UTC
    assert offer_terms.tier_price("status:2=250") == {"ladder": "status", "rank": 2, "price": 25_000}
    assert offer_terms.limit("3/ever") == {"times": 3, "per": "ever"}
    assert [source_of(codes) for codes in ("links", "A-****")] == [("pool", None), ("generated", "A-****")]


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        ("product", []),
        ("product", ["coffee"]),
        ("product", ["product=coffee", "product=tea"]),
        ("product", ["product=coffee", "colour=red"]),
        ("product", ["product=coffee", "quantity=two"]),
        ("fixed", ["discount=5"]),
        ("fixed", ["discount=0.00 EUR"]),
        ("percentage", ["percent=101"]),
        ("ticket", ["event=Jazz", "at=tonight"]),
        ("partner", ["partner=Cinema", "what=A film", "url=http://cinema.example"]),
    ],
)
def test_a_wrong_term_is_named_with_an_example(kind: Kind, terms: list[str]) -> None:
    with pytest.raises(CommandError) as refused:
        offer_terms.reward(kind, terms, "UTC")
    assert refused.value.code == "invalid-reward"
    assert f"--kind {kind} --reward" in str(refused.value.example)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (offer_terms.limit, "1/fortnight"),
        (offer_terms.limit, "0/week"),
        (offer_terms.tier_price, "status:2"),
        (offer_terms.tier_price, "status=2"),
        (offer_terms.rung, "status:0"),
        (offer_terms.zone, "Mars/Base"),
    ],
)
def test_what_cannot_be_read(read: Any, text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read(text)


def test_a_line_of_a_receipt() -> None:
    told = previewing.line("product=espresso category=coffee quantity=2 amount=5.00")
    assert told == {"product": "espresso", "category": "coffee", "quantity": 2, "amount": 500}
    assert previewing.line("product=tea amount=1")["quantity"] == 1
    for wrong in ("espresso", "product=tea", "product=tea amount=1 colour=red", "product=tea amount=x", ""):
        with pytest.raises(typer.BadParameter):
            previewing.line(wrong)


def test_the_document_has_all_its_terms_and_is_refused_as_a_whole() -> None:
    domains = Domains(31_337, b"\x01" * 20, b"\x02" * 20, "Points")
    terms: dict[str, Any] = {
        "reward": offer_terms.reward("gift_card", ["value=20 EUR"], "UTC"),
        "prices": [offer_terms.tier_price("status:2=1") | {"campaign": 3}],
        "only": offer_terms.rung("status:1") | {"campaign": 3},
        "limits": [offer_terms.limit("1/week")],
        "stock": 9,
    }
    found = parse(offer.document(b"\x07" * 32, domains, "Card", 200, 2_000_000_000, **terms)[0])
    assert isinstance(found, Full)
    assert (found.prices[0].price, found.only and found.only.rank, found.limits[0].per, found.stock) == (
        100,
        1,
        "week",
        9,
    )
    with pytest.raises(CommandError, match=r"prices\[0\].price: not below the price"):
        offer.document(b"\x07" * 32, domains, "Card", 100, 2_000_000_000, **terms)
