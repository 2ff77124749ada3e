"""What rules have in common: which lines count, under which circumstances, and the names of things. Pure.

Products, categories, brands and actions are identifiers of the merchant's own (printable ASCII), compared letter by
letter.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.core.limits import MAX_HUNDREDTHS, MAX_ID
from gateway.loyalty.rules.amounts import Rounding
from gateway.loyalty.rules.calendar import Dates, Hours
from gateway.loyalty.rules.expressions import Expression

MAX_LISTED = 5_000

Ref = Annotated[str, StringConstraints(strict=True, pattern=r"^[ -~]{1,64}$")]
#: The merchant's name for a rule, a group, a cap or a ladder.
Slug = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ActionName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Rate = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Money = Annotated[int, Field(strict=True, ge=1, le=MAX_HUNDREDTHS)]
Quantity = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Rank = Annotated[int, Field(strict=True, ge=0, le=99)]


def name_key(name: str) -> bytes:
    """What a name is stored as, of a ladder, a rung or a goal: 8 bytes, so that no column takes a text."""
    return hashlib.sha256(name.encode()).digest()[:8]


def unique(values: list[Any]) -> list[Any]:
    """Refuses a list that names something twice."""
    if len(set(values)) != len(values):
        raise ValueError("listed twice")
    return values


Refs = Annotated[list[Ref], Field(min_length=1, max_length=MAX_LISTED), AfterValidator(unique)]
Slugs = Annotated[list[Slug], Field(min_length=1, max_length=100), AfterValidator(unique)]


class Part(BaseModel):
    """A part of a programme: nothing in it is ignored."""

    model_config = ConfigDict(extra="forbid")


class Circumstances(Part):
    """When it applies at all; everything given must hold.

    `when`: a condition on the action. `hours` and `dates` are local time in the programme's zone. `merchants`: ids of
    those where it applies. `tiers`: the least rank on each ladder; a claim code stands on none.
    """

    when: Expression | None = None
    hours: Hours | None = None
    dates: Dates | None = None
    merchants: (
        Annotated[
            list[Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]],
            Field(min_length=1, max_length=100),
            AfterValidator(unique),
        ]
        | None
    ) = None
    tiers: Annotated[dict[Slug, Rank], Field(min_length=1, max_length=4)] | None = None


class RuleBase(Circumstances):
    """`group` decides what happens when several of its rules fire, `priority` which of them comes first (the highest
    does)."""

    id: Slug | None = None
    group: Slug | None = None
    priority: Annotated[int, Field(strict=True, ge=0, le=1_000)] = 0
    rounding: Rounding | None = None


class Selection(Part):
    """Which lines count; without any condition all, and also what was reported as one sum. Else a line must meet
    every condition given, and a bare sum meets none. `where`: a condition on the line."""

    products: Refs | None = None
    categories: Refs | None = None
    brands: Refs | None = None
    except_products: Refs | None = None
    except_categories: Refs | None = None
    except_brands: Refs | None = None
    where: Expression | None = None

    @property
    def conditional(self) -> bool:
        """True when it matters what was bought."""
        return any(getattr(self, name) for name in Selection.model_fields)
