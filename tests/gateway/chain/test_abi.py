"""What the gateway packs and reads by hand, held against the committed builds of the contracts."""

from __future__ import annotations

import inspect
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode

from gateway.chain import calls, errors, reads
from gateway.chain.hexes import keccak256
from gateway.chain.indexer.events import BADGE_EVENTS, HUB_EVENTS, TOKEN_EVENTS
from gateway.chain.indexer.models import EventKind
from gateway.chain.local import artifact

CONTRACTS = ("LoyaltyToken", "CampaignHub", "LoyaltyBadges", "MockUSDC")


def signature(item: dict[str, Any]) -> str:
    return f"{item['name']}({','.join(kind(part) for part in item['inputs'])})"


def kind(part: dict[str, Any]) -> str:
    if not part["type"].startswith("tuple"):
        return str(part["type"])
    return f"({','.join(kind(inner) for inner in part['components'])}){part['type'][5:]}"


def declared(contract: str, type_: str) -> dict[str, dict[str, Any]]:
    return {signature(item): item for item in artifact(contract)["abi"] if item["type"] == type_}


def test_every_function_called_exists() -> None:
    functions = {name for contract in CONTRACTS for name in declared(contract, "function")}
    assert set(calls.FUNCTIONS.values()) <= functions
    packers = {name for name, _ in inspect.getmembers(calls, inspect.isfunction) if not name.startswith("_")}
    assert packers - {"dataclass", "keccak256"} == set(calls.FUNCTIONS)


def test_every_function_read_exists() -> None:
    assert set(reads.HUB_VIEWS) <= set(declared("CampaignHub", "function"))
    assert set(reads.TOKEN_VIEWS) <= set(declared("LoyaltyToken", "function"))


@pytest.mark.parametrize(
    ("view", "dataclass"),
    [
        ("campaign(uint256)", reads.Campaign),
        ("pendingChange(uint256)", reads.Change),
        ("account(uint256,address)", reads.Account),
    ],
)
def test_structs_read_have_the_contracts_fields(view: str, dataclass: Any) -> None:
    (output,) = declared("CampaignHub", "function")[view]["outputs"]
    fields = [re.sub(r"([A-Z])", r"_\1", part["name"]).lower() for part in output["components"]]
    assert fields == list(inspect.signature(dataclass).parameters)


EVENTS = {"LoyaltyToken": TOKEN_EVENTS, "CampaignHub": HUB_EVENTS, "LoyaltyBadges": BADGE_EVENTS}


@pytest.mark.parametrize(("contract", "known"), EVENTS.items())
def test_every_event_is_known_and_none_is_invented(contract: str, known: dict[str, Any]) -> None:
    events = declared(contract, "event")
    assert set(known) == set(events)
    for text, shape in known.items():
        if shape is not None:
            indexed = [part["indexed"] for part in events[text]["inputs"]]
            assert indexed == [True] * len(shape.indexed) + [False] * len(shape.data), text


def test_every_kind_of_event_comes_from_one_event() -> None:
    kinds = [shape.kind for known in EVENTS.values() for shape in known.values() if shape]
    assert sorted([*kinds, EventKind.REWIND]) == sorted(EventKind)


def test_every_error_of_the_sources_has_its_name() -> None:
    folder = Path(__file__).parents[3] / "contracts" / "interfaces"
    named = set(re.findall(r"error (\w+)\(", "".join(path.read_text() for path in folder.glob("*.sol"))))
    assert named <= set(errors.REVERTS.values())
    compiled = {text for contract in CONTRACTS for text in declared(contract, "error")}
    ours = {text for text in errors.REVERT_SIGNATURES if not text.startswith(("Error(", "Panic("))}
    assert ours <= compiled


A, B = secrets.token_bytes(20), secrets.token_bytes(20)
W = [secrets.token_bytes(32) for _ in range(6)]
ORDER = calls.OrderData(A, 5, W[0], W[1], 6, 7, W[2], W[3], W[4])
ORDER_TUPLE = (A, 5, W[0], W[1], 6, 7, W[2], W[3], W[4])
SIGNATURE = secrets.token_bytes(65)
#: Function → (our arguments, the ABI's arguments where they differ).
ARGUMENTS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...] | None]] = {
    "award_batch": (
        (3, 2**64, [(A, 500), (B, 2**96 - 1)]),
        (3, 2**64, [A + (500).to_bytes(12, "big"), B + b"\xff" * 12]),
    ),
    "clawback_batch": ((3, 9, [(A, 1)]), (3, 9, [A + (1).to_bytes(12, "big")])),
    "redeem_batch": ((A, [ORDER, ORDER]), (A, [ORDER_TUPLE, ORDER_TUPLE])),
    "spend_batch": ((4, A, [ORDER]), (4, A, [ORDER_TUPLE])),
    "enter_by_sig": ((1, A, 2, 3, 4, 5, SIGNATURE), None),
    "leave_by_sig": ((1, A, 2, 3, 4, SIGNATURE), None),
    "move_by_sig": ((1, 2, A, 3, 4, 5, 6, SIGNATURE), None),
    "stay_by_sig": ((1, A, True, 3, 4, SIGNATURE), None),
    "transfer_by_sig": ((A, B, 3, 4, 5, SIGNATURE), None),
    "cash_out_by_sig": ((A, B, 3, 4, 5, SIGNATURE), None),
    "award_badges": (
        (5, 2**32 - 1, [calls.WishData(A, 7, W[0], W[1]), calls.WishData(B, 2**40, W[2], W[3])]),
        (5, 2**32 - 1, [(A, 7, W[0], W[1]), (B, 2**40, W[2], W[3])]),
    ),
    "renounce_badge": ((2**256 - 1,), None),
    "release": ((1, [A, B]), None),
    "expire": ((1, []), None),
    "create_campaign": ((2**40 - 1, 86_400, True, 0, 10_000, W[0]), None),
    "schedule_end": ((1, 2), None),
    "schedule_bonus": ((1, 2), None),
    "schedule_merchant_off": ((1, A), None),
    "withdraw_change": ((1,), None),
    "offer_ownership": ((1, A), None),
    "accept_ownership": ((1,), None),
    "set_operator": ((1, A, 2**96 - 1), None),
    "invite_merchant": ((1, A), None),
    "accept_merchant": ((1,), None),
    "set_delegate": ((A, False), None),
    "fund": ((1, 2, 3), None),
    "sweep": ((1,), None),
    "enter": ((1, 2, 3), None),
    "leave": ((1, 2), None),
    "move": ((1, 2, 3, 4), None),
    "set_stay": ((1, True), None),
    "cancel_account": ((1,), None),
    "mint": ((A, 5), None),
    "transfer": ((A, 5), None),
    "cash_out": ((5, A), None),
    "cancel_wallet": ((), None),
    "approve": ((A, 2**256 - 1), None),
}


@pytest.mark.parametrize("name", calls.FUNCTIONS)
def test_calldata_is_what_a_library_packs(name: str) -> None:
    ours, theirs = ARGUMENTS[name]
    text = calls.FUNCTIONS[name]
    types = top_level_types(text)
    expected = keccak256(text.encode())[:4] + encode(types, theirs if theirs is not None else ours)
    packed = getattr(calls, name)(*ours)
    assert packed == expected
    assert len(packed) % 32 == 4


def top_level_types(text: str) -> list[str]:
    types, depth, current = [], 0, ""
    for letter in text.partition("(")[2][:-1] + ",":
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            types.append(current)
            current = ""
        else:
            current += letter
    return [part for part in types if part]


@pytest.mark.parametrize("bad", [2**96, -1])
def test_an_amount_that_does_not_fit_is_refused(bad: int) -> None:
    with pytest.raises(OverflowError):
        calls.award_batch(1, 1, [(A, bad)])


@pytest.mark.parametrize("bad", [b"", b"\x01" * 19, b"\x01" * 21, b"\x01" * 32])
def test_what_is_no_address_is_refused(bad: bytes) -> None:
    with pytest.raises(OverflowError):
        calls.award_batch(1, 1, [(bad, 1)])
