"""What is wrong with a field is said in words that help, and that repeat nothing of what was sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from gateway.core.problems import reason
from gateway.identity.wallets.fields import Address, Points, Signature

SENT = "jane.canary@example.org"


class Body(BaseModel):
    amount: Points = 1
    wallet: Address = bytes(20)
    signature: Signature = bytes(65)
    kind: Literal["visit", "purchase"] = "visit"
    code: Annotated[str, Field(pattern="^[A-Z]+$", max_length=30)] = "A"
    items: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    on: Annotated[bool, Field(strict=True)] = True
    names: dict[str, int] = {}


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"amount": 0}, "Input should be greater than or equal to 1"),
        ({"amount": 10**30}, "Input should be less than or equal to 999999999"),
        ({"amount": SENT}, "Input should be a valid integer"),
        ({"wallet": SENT}, "an address is 0x and 40 hex digits"),
        ({"wallet": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293Bc"}, "the address has a wrong checksum"),
        ({"signature": SENT}, "0x and 130 hex digits"),
        ({"kind": SENT}, "Input should be 'visit' or 'purchase'"),
        ({"code": SENT}, "String should match pattern '^[A-Z]+$'"),
        ({"code": "A" * 31}, "String should have at most 30 characters"),
        ({"items": []}, "List should have at least 1 item after validation, not 0"),
        ({"items": [SENT]}, "Input should be a valid integer, unable to parse string as an integer"),
        ({"on": SENT}, "Input should be a valid boolean"),
        ({"names": {SENT: SENT}}, "Input should be a valid integer, unable to parse string as an integer"),
        (SENT, "a JSON object is expected, under Content-Type: application/json"),
    ],
)
def test_what_is_wrong_is_said_in_our_words(sent: Any, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Body.model_validate(sent)
    assert reason(refused.value.errors()[0]) == told


def test_kinds_whose_words_repeat_what_was_sent_are_named_only() -> None:
    class Left(BaseModel):
        kind: Literal["left"]

    class Right(BaseModel):
        kind: Literal["right"]

    either: TypeAdapter[Any] = TypeAdapter(Annotated[Left | Right, Field(discriminator="kind")])
    with pytest.raises(ValidationError) as refused:
        either.validate_python({"kind": SENT})
    error = refused.value.errors()[0]
    assert SENT in error["msg"]
    assert reason(error) == "union tag invalid"
