"""Every example in the documentation of these rooms is one that the schema itself takes."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from gateway.loyalty.moves.schemas import MoveIn, QuoteIn
from gateway.loyalty.offers.documents import parse
from gateway.loyalty.offers.schemas import DOCUMENT, CodeIn, OfferIn
from gateway.loyalty.redemptions.schemas import ConfirmIn, RedemptionIn
from tests.gateway.redemptions.world import World


@pytest.mark.parametrize("model", [MoveIn, QuoteIn, OfferIn, CodeIn, RedemptionIn, ConfirmIn])
def test_examples_are_valid(model: type[BaseModel]) -> None:
    examples = model.model_json_schema()["examples"]
    assert examples
    for example in examples:
        made = model.model_validate(example)
        if isinstance(made, MoveIn):
            made.order()


def test_the_examples_document_is_canonical() -> None:
    assert parse(DOCUMENT).price == 25_000


def test_the_documentation_builds_and_names_every_route(world: World) -> None:
    document = world.http.get("/openapi.json").json()
    assert {
        "/v1/offers",
        "/v1/offers/{id}",
        "/v1/offers/{id}/close",
        "/v1/offers/{id}/open",
        "/v1/offers/{id}/codes",
        "/v1/codes/check",
        "/v1/codes/use",
        "/v1/codes/undo",
        "/v1/codes/offline-uses",
        "/v1/codes/double-uses",
        "/v1/code-keys/{merchant_id}",
        "/v1/redemptions",
        "/v1/redemptions/{id}",
        "/v1/redemptions/{id}/confirm",
        "/v1/moves",
        "/v1/moves/{id}",
        "/v1/moves/quote",
        "/v1/wallets/{address}",
        "/v1/wallets/{address}/history",
        "/v1/wallets/{address}/pending",
        "/v1/wallets/{address}/inbox",
        "/v1/wallets/{address}/offers/{offer}",
    } == set(document["paths"])
