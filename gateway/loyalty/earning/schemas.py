"""Actions and claims on the wire."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SkipValidation, StringConstraints

from gateway.chain.hexes import checksum
from gateway.core.limits import MAX_HUNDREDTHS
from gateway.identity.wallets.fields import Address, CampaignId, Moment, RowId
from gateway.loyalty.rules.document import EXAMPLE, RulesDocument
from gateway.loyalty.rules.facts import Line
from gateway.loyalty.rules.parts import ActionName, Ref

MAX_LINES = 2_000
MAX_BULK = 1_000
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[!-~]{1,200}$")]
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_HUNDREDTHS)]


class LineIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    product: Ref = Field(description="The merchant's own identifier. Compared with the rules and not kept")
    category: Ref | None = None
    brand: Ref | None = None
    quantity: int = Field(strict=True, ge=1, le=1_000_000)
    amount: Amount = Field(description="For the whole quantity, hundredths")


class ReceiptLine(LineIn):
    quantity: int = Field(strict=True, ge=0, le=1_000_000, description="0: all pieces came back, but not all they cost")

    @classmethod
    def of(cls, line: Line) -> ReceiptLine:
        return cls.model_construct(**{name: getattr(line, name) for name in cls.model_fields})


class ActionIn(BaseModel):
    """Which fields belong to which kind is checked in reports.py, where the offending one can be named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "campaign": 1,
                    "kind": "purchase",
                    "occurred_at": 1_767_225_600,
                    "wallet": WALLET,
                    "lines": [{"product": "85123A", "category": "home", "quantity": 6, "amount": 1_530}],
                },
                {"campaign": 1, "kind": "purchase", "occurred_at": 1_767_225_600, "claim": True, "amount": 1_530},
                {"campaign": 1, "kind": "custom", "occurred_at": 1_767_225_600, "wallet": WALLET, "action": "review"},
                {"campaign": 1, "kind": "refund", "occurred_at": 1_767_225_600, "refers_to_key": "receipt-536365"},
            ]
        },
    )

    campaign: CampaignId
    kind: Literal["purchase", "visit", "custom", "refund"]
    occurred_at: Moment
    wallet: Address | None = Field(None, description="Whose points they are; or `claim`")
    claim: bool = Field(False, strict=True, description="Answer with a code that whoever holds it may claim")
    lines: list[LineIn] | None = Field(None, min_length=1, max_length=MAX_LINES)
    amount: Amount | None = Field(None, description="Hundredths; instead of `lines`. Kind custom: what it was worth")
    receipt: list[ReceiptLine] | None = Field(
        None,
        min_length=1,
        max_length=MAX_LINES,
        description="Refund, where the rules look at the whole basket: all lines that were left of the purchase",
    )
    action: ActionName | None = Field(None, description="Kind custom: which one of the campaign's rules")
    refers_to: RowId | None = Field(None, description="Refund: the id of what is taken back")
    refers_to_key: Key | None = Field(None, description="Refund: or the Idempotency-Key under which it was reported")

    def canonical(self) -> bytes:
        """The same report always as the same bytes, also when fields are added to the schema one day: what is not its
        default, by name. Texts are printable ASCII, so that JSON knows one spelling of each."""
        return msgspec.json.encode(_told(self, "key"), order="sorted")


_REQUIRED = object()  # equal to no value


def _told(model: BaseModel, but: str = "") -> dict[str, Any]:
    """As `model_dump(mode="json", exclude_defaults=True)`, in a third of the time: it is done for every report."""
    found = {}
    defaults = _defaults(type(model))
    for name, value in model.__dict__.items():
        if value == defaults.get(name, _REQUIRED) or name == but:
            continue
        if isinstance(value, bytes):
            value = checksum(value)
        elif isinstance(value, list):
            value = [_told(item) for item in value]
        found[name] = value
    return found


@cache
def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    return {name: field.default for name, field in model.model_fields.items() if not field.is_required()}


class PreviewIn(ActionIn):
    """As an action, but it may name nobody: then it is judged as a code would be."""


class WhatIfIn(RulesDocument):
    """New rules, and what to try them on: the merchant's own stored actions of a stretch of time, or these ones."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    since: Moment | None = Field(None, description="Default: 90 days before `until`")
    until: Moment | None = Field(None, description="Default: now")
    actions: list[PreviewIn] | None = Field(
        None, min_length=1, max_length=MAX_BULK, description="Instead: actions with their lines. No refunds"
    )

    def document(self) -> RulesDocument:
        return RulesDocument.model_construct(**{name: getattr(self, name) for name in RulesDocument.model_fields})


class WhatIfOut(BaseModel):
    """Totals, hundredths of a point. No caps are applied. On ladders count these actions alone, of wallets that you
    named yourself; everybody else stands on the lowest rung."""

    actions: int
    unknown: int = Field(description="Could not be judged without their lines; in neither of `before` and `after`")
    awarded: int = Field(description="What was told when they were reported")
    before: int = Field(description="By the rules in force then")
    after: int = Field(description="By the new ones")
    by_rule: dict[str, int] = Field(description="Of `after`")
    rungs: dict[str, dict[str, int]] = Field(
        description="By ladder and rung, how many of these wallets would stand there the day after the last action"
    )


class BulkItem(ActionIn):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "key": "receipt-536365",
                    "campaign": 1,
                    "kind": "purchase",
                    "occurred_at": 1_767_225_600,
                    "wallet": WALLET,
                    "amount": 1_530,
                }
            ]
        },
    )

    key: Key = Field(description="The item's own idempotency key")


class BulkIn(BaseModel):
    """Every item is judged by itself: a malformed one is answered with its problem and hinders no other."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "actions": [
                        {
                            "key": "receipt-536365",
                            "campaign": 1,
                            "kind": "purchase",
                            "occurred_at": 1_767_225_600,
                            "wallet": WALLET,
                            "amount": 1_530,
                        }
                    ]
                }
            ]
        },
    )

    actions: list[SkipValidation[BulkItem]] = Field(min_length=1, max_length=MAX_BULK)
    explain: bool = Field(False, strict=True, description="Say of each action why each rule fired or not")


class GoodBulk(BaseModel):
    """The same, when every item is well-formed."""

    model_config = ConfigDict(extra="forbid")

    actions: list[BulkItem] = Field(min_length=1, max_length=MAX_BULK)
    explain: bool = Field(False, strict=True)


class ClaimOut(BaseModel):
    code: str
    expires_at: int


class CountOut(BaseModel):
    rule: int
    eligible: int
    points: int


class VerdictOut(BaseModel):
    """Why a rule fired or did not. The points of all verdicts are the action's. Made for this answer and not kept."""

    rule: int = Field(description="Its place in the campaign's rules")
    id: str = Field(description="The merchant's name for it, else its place")
    points: int = Field(description="Hundredths it gave")
    wanted: int = Field(description="Hundredths it would have given without caps")
    why: str


class ActionBase(BaseModel):
    """`code-issued`: points belong to whoever claims the code; whether it was claimed is not told. `accepted`: waits
    for its settlement. `settled`: folded into a settlement. `landed`: seen on the chain at depth."""

    id: int
    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    points: int = Field(description="Hundredths of a point, earned or (refund) taken back")
    state: Literal["code-issued", "accepted", "settled", "landed"]
    claim: ClaimOut | None = None
    rules: list[CountOut] = Field(description="What counted for the rules that fired; of a refund, by how much it fell")


class ActionOut(ActionBase):
    wanted: int | None = Field(None, description="Hundredths without caps; only where verdicts are told")
    verdicts: list[VerdictOut] | None = Field(
        None, description="One for each rule. Not told of refunds, nor later: lines are not kept"
    )
    left: list[ReceiptLine] | None = Field(
        None, description="Refund with a receipt: the receipt to show if more comes back"
    )


class PreviewOut(BaseModel):
    """What the action would earn now. Nothing was changed."""

    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    points: int = Field(description="Hundredths of a point, earned or (refund) taken back")
    wanted: int | None = None
    rules: list[CountOut]
    verdicts: list[VerdictOut] | None = None
    left: list[ReceiptLine] | None = None


class ActionDetailOut(ActionBase):
    occurred_at: int
    version: int = Field(description="Of the campaign's rules, those in force when it happened")
    refunded: int = Field(description="Hundredths of a point that refunds have taken back")
    owed: int | None = Field(
        None, description="Refund of points of a named wallet: hundredths that could not be reached any more"
    )


class ResultOut(BaseModel):
    key: str | None
    status: int
    repeated: bool = Field(False, description="True when this key had been answered before")
    action: ActionOut | None = None
    problem: dict[str, Any] | None = Field(None, description="RFC 9457")


class BulkOut(BaseModel):
    results: list[ResultOut] = Field(description="One for each item, in their order")


class ClaimIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"code": "MFRGGZDFMZTWQ2LKNNWG23TPOA", "wallet": WALLET}]},
    )

    code: str = Field(pattern=r"^[A-Za-z2-7]{26}$", strict=True)
    wallet: Address


class ClaimedOut(BaseModel):
    campaign: int
    points: int = Field(description="Hundredths of a point")
    wanted: int = Field(description="Hundredths without the caps on what one wallet may earn")
    state: Literal["accepted"] = "accepted"


class SettleOut(BaseModel):
    settle_at: int = Field(description="Unix seconds")
