"""Digests of orders: against the contracts' own vectors and against eth_account."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data

from gateway.chain.hexes import from_hex
from gateway.chain.signatures import address_of, compact, recover, sign
from gateway.chain.typed_data import ORDERS, Domains

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "eip712.json").read_text())
#: Names of the vectors → ours.
NAMES = {
    "Transfer": "transfer",
    "CashOut": "cash_out",
    "PaymentEnter": "enter",
    "PaymentRedemption": "redemption",
    "Leave": "leave",
    "Move": "move",
    "Stay": "stay",
    "Spend": "spend",
}
#: ERC-2612's own, which the gateway does not relay.
ORDER_VECTORS = [vector for vector in VECTORS["vectors"] if vector["name"] != "Permit"]
OURS = {"minReceived": "min_received", "sealKey": "seal_key", "from": "source", "to": "target"}


def domains() -> Domains:
    token, hub = VECTORS["domains"]["token"], VECTORS["domains"]["hub"]
    contracts = from_hex(token["verifyingContract"]), from_hex(hub["verifyingContract"])
    return Domains(token["chainId"], *contracts, token["name"], badges=b"\xba" * 20)


def arguments(order: str, message: dict[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in message.items() if key not in ("witness", "payee")}
    flat |= message.get("witness", {})
    names = OURS if order == "move" else {key: value for key, value in OURS.items() if key != "to"}
    return {
        names.get(key, key): from_hex(value) if isinstance(value, str) and value.startswith("0x") else value
        for key, value in flat.items()
    }


@pytest.mark.parametrize("vector", ORDER_VECTORS, ids=lambda vector: vector["name"])
def test_digest_is_the_contracts(vector: dict[str, Any]) -> None:
    order = NAMES[vector["name"]]
    values = arguments(order, vector["message"])
    struct, _ = ORDERS[order]
    assert struct.encode_type() == vector["typeString"]
    assert struct.typehash == from_hex(vector["typehash"])
    digest = getattr(domains(), order)(**values)
    assert digest == from_hex(vector["digest"])
    signature = from_hex(vector["signature"])
    assert recover(digest, signature) == from_hex(VECTORS["signer"]["address"])
    assert compact(signature) == (from_hex(vector["r"]), from_hex(vector["vs"]))
    assert sign(from_hex(VECTORS["signer"]["privateKey"]), digest) == signature


def test_every_order_has_a_vector() -> None:
    # The badges' contract itself takes ours: test_indexer_events.py.
    assert {NAMES[vector["name"]] for vector in ORDER_VECTORS} == set(ORDERS) - {"badge"}


@pytest.mark.parametrize("order", ORDERS)
def test_message_shown_to_the_wallet_has_the_same_digest(order: str) -> None:
    wanted = domains()
    values: dict[str, Any] = {
        "holder": address_of(secrets.token_bytes(32)),
        "nonce": 2**32 - 1,
        "deadline": 2**63,
        "amount": 2**96 - 1,
        "campaign": 7,
        "badge": 2**32 - 1,
        "source": 1,
        "target": 2**255,
        "merchant": secrets.token_bytes(20),
        "to": secrets.token_bytes(20),
        "offer": secrets.token_bytes(32),
        "seal_key": secrets.token_bytes(32),
        "min_received": 3,
        "stay": True,
    }
    method = getattr(wanted, order)
    code = method.__func__.__code__
    used = {name: values[name] for name in code.co_varnames[1 : code.co_argcount]}
    shown = wanted.message(order, **used)
    json.dumps(shown)
    assert _hash_eip191_message(encode_typed_data(full_message=shown)) == method(**used)
