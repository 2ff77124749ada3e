"""Offers as a part of a campaign's file: the same item is always the same document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.chain.hexes import checksum
from gateway.chain.signatures import address_of
from gateway.commands import campaign_file
from gateway.commands.console import CommandError
from gateway.commands.offers_section import OfferItem, Publisher, document
from gateway.loyalty.offers.documents import Full, parse

KEY = b"\x07" * 32
PUBLISHER = Publisher(1, checksum(address_of(KEY)), lambda: KEY)
CHAIN = {"hub": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512", "chain_id": 31337}
CODE_KEY = "0x" + "d7" * 32
ITEM: dict[str, Any] = {
    "ref": "coffee",
    "title": "Coffee",
    "reward": {"kind": "product", "product": "coffee"},
    "price": 500,
    "first": "2026-12-01",
    "last": "2026-12-31",
}


def made(**changes: Any) -> Full:
    text = document(OfferItem.model_validate(ITEM | changes), 3, PUBLISHER, CHAIN, CODE_KEY)
    assert text == document(OfferItem.model_validate(ITEM | changes), 3, PUBLISHER, CHAIN, CODE_KEY)
    found = parse(text)
    assert isinstance(found, Full)
    return found


def test_terms_become_a_document() -> None:
    offer = made(
        zone="Europe/London",
        code_valid="12h",
        codes="signed",
        prices=[{"ladder": "status", "rank": 2, "price": 400}],
        only={"ladder": "status", "rank": 1, "campaign": 9},
        stock=5,
    )
    assert (offer.starts_at, offer.ends_at, offer.code_valid) == (1_796_083_200, 1_798_761_600, 43_200)
    assert (offer.campaign, offer.prices[0].campaign, offer.stock) == (3, 3, 5)
    assert offer.only is not None
    assert (offer.only.campaign, offer.code_key) == (9, bytes.fromhex(CODE_KEY[2:]))
    assert made(paid_from="wallet", codes="links").links is True
    assert made(zone="Pacific/Auckland").starts_at == 1_796_083_200 - 13 * 3_600


WRONG = [
    ({"price": 0}, "offers.0.price"),
    ({"price": "5.00"}, "offers.0.price"),
    ({"reward": {"kind": "bribe"}}, "offers.0.reward"),
    ({"codes": "cafe-***"}, "offers.0.codes"),
    ({"code_valid": "90"}, "offers.0.code_valid"),
    ({"ref": "Coffee!"}, "offers.0.ref"),
    ({"first": "yesterday"}, "offers.0.first"),
    ({"stock": True}, "offers.0.stock"),
    ({"colour": "red"}, "offers.0.colour"),
]


@pytest.mark.parametrize(("changes", "place"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], place: str) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(json.dumps({"offers": [ITEM | changes]}))
    with pytest.raises(CommandError) as refused:
        campaign_file.load(path)
    assert f"{place}: " in str(refused.value) or f"{place}." in str(refused.value)
