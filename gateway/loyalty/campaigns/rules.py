"""The document that says what earns how many points: parsed and checked, not yet applied. Pure.

Products, categories and actions are identifiers of the merchant's own (printable ASCII), compared letter by letter.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

MAX_RULES = 100
MAX_LISTED = 5_000

Ref = Annotated[str, StringConstraints(strict=True, pattern=r"^[ -~]{1,64}$")]
ActionName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Rate = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


def _unique(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("listed twice")
    return values


Refs = Annotated[list[Ref], Field(min_length=1, max_length=MAX_LISTED), AfterValidator(_unique)]


class PerCurrency(BaseModel):
    """`points` hundredths of a point for every `per` hundredths of money, on the lines that meet every condition given.

    A condition needs lines: what was reported as one sum meets none. `min_amount`: nothing below so many hundredths on
    those lines together.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["per_currency"]
    points: Rate
    per: Rate
    products: Refs | None = None
    categories: Refs | None = None
    except_products: Refs | None = None
    except_categories: Refs | None = None
    min_amount: int | None = Field(None, strict=True, ge=1, le=999_999_999)

    @property
    def conditional(self) -> bool:
        """True when it matters what was bought."""
        return any((self.products, self.categories, self.except_products, self.except_categories))


class PerVisit(BaseModel):
    """`points` hundredths for each reported visit."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["per_visit"]
    points: Rate


class PerAction(BaseModel):
    """`points` hundredths for each custom action of this name."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["per_action"]
    action: ActionName
    points: Rate


Rule = Annotated[PerCurrency | PerVisit | PerAction, Field(discriminator="kind")]

EXAMPLE: JsonDict = {
    "rules": [
        {"kind": "per_currency", "points": 100, "per": 100, "except_categories": ["tobacco"]},
        {"kind": "per_visit", "points": 500},
        {"kind": "per_action", "action": "review", "points": 200},
    ]
}


class RulesDocument(BaseModel):
    """Every rule that fires adds its points; each is rounded down by itself."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    rules: list[Rule] = Field(min_length=1, max_length=MAX_RULES)

    def actions(self) -> frozenset[str]:
        """Names of the custom actions that may be reported."""
        return frozenset(rule.action for rule in self.rules if isinstance(rule, PerAction))

    def dump(self) -> str:
        """The same document always as the same text."""
        return self.model_dump_json(exclude_none=True)


@lru_cache(maxsize=256)
def parse(document: str) -> RulesDocument:
    """A stored document; it was valid when it was stored."""
    return RulesDocument.model_validate_json(document)
