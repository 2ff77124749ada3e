from __future__ import annotations

import pytest

from tests.gateway.merchants.conftest import HUB, Room

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_a_merchant_is_created_once_and_listed(room: Room) -> None:
    body = {"name": "Corner Books", "address": ADDRESS.lower()}
    first = room.call("POST", "/merchants", room.operator, body, once="a")
    again = room.call("POST", "/merchants", room.operator, body, once="a")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.json()["address"] == ADDRESS
    items = room.call("GET", "/merchants", room.operator).json()["items"]
    assert [item["name"] for item in items] == ["Corner Books"]


def test_lists_go_on_from_a_cursor(room: Room) -> None:
    for number in range(5):
        room.merchant(f"m{number}")
    first = room.call("GET", "/merchants?limit=3", room.operator).json()
    rest = room.call("GET", f"/merchants?limit=3&cursor={first['next']}", room.operator).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == [f"m{number}" for number in range(5)]
    assert rest["next"] is None


def test_the_same_key_with_another_body_is_a_conflict(room: Room) -> None:
    room.call("POST", "/merchants", room.operator, {"name": "A", "address": ADDRESS}, once="a")
    other = room.call("POST", "/merchants", room.operator, {"name": "B", "address": ADDRESS}, once="a")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-conflict")


def test_an_address_belongs_to_one_merchant(room: Room) -> None:
    room.call("POST", "/merchants", room.operator, {"name": "A", "address": ADDRESS})
    other = room.call("POST", "/merchants", room.operator, {"name": "B", "address": ADDRESS})
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (409, "merchant-exists", "address")


@pytest.mark.parametrize("address", ["0x" + "00" * 20, "0x" + HUB.hex()])
def test_nobodys_and_the_contracts_addresses_are_refused(room: Room, address: str) -> None:
    answer = room.call("POST", "/merchants", room.operator, {"name": "A", "address": address})
    assert (answer.status_code, answer.json()["code"]) == (422, "recipient-refused")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("", ADDRESS),
        (" A", ADDRESS),
        ("A\x00B", ADDRESS),
        ("A\nB", ADDRESS),
        ("x" * 101, ADDRESS),
        (7, ADDRESS),
        (None, ADDRESS),
        ("A", "0x12"),
        ("A", ADDRESS.swapcase()),
        ("A", 5),
        ("A", "0x" + "é" * 40),
    ],
)
def test_odd_values_are_named_and_change_nothing(room: Room, name: object, address: object) -> None:
    answer = room.call("POST", "/merchants", room.operator, {"name": name, "address": address})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert answer.json()["field"] in ("name", "address")
    assert room.call("GET", "/merchants", room.operator).json()["items"] == []


def test_only_the_operator_admits_merchants(room: Room) -> None:
    key = room.key(room.merchant(), "manage")
    body = {"name": "B", "address": ADDRESS}
    assert room.call("POST", "/merchants", key, body).json()["code"] == "forbidden"
    assert room.call("POST", "/merchants", None, body).json()["code"] == "unauthenticated"


def test_a_write_needs_an_idempotency_key(room: Room) -> None:
    headers = {"Authorization": f"Bearer {room.operator}"}
    answer = room.http.post("/v1/merchants", json={"name": "A", "address": ADDRESS}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-required")
