"""Conditions in the Common Expression Language: total, without loops, names or side effects of their own. Pure.

Only the variables and functions below are known, so that a published condition can always be evaluated. One that
cannot be, for this action (a division by nothing, an overflow), does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import cel
from pydantic import StringConstraints

MAX_LENGTH = 500

#: What a condition on an action may ask, with an example of each.
ACTION: Mapping[str, Any] = {
    "kind": "purchase",
    "action": "",
    "amount": 4_200,
    "quantity": 3,
    "lines": 2,
    "merchant": 1,
    "weekday": 5,
    "hour": 17,
    "day": 24,
    "month": 12,
    "year": 2026,
    "products": ["85123A"],
    "categories": ["home"],
    "brands": ["acme"],
    "tiers": {},
}
#: What a condition on a line may ask; `price` is for one piece, rounded down.
LINE: Mapping[str, Any] = {
    "product": "85123A",
    "category": "home",
    "brand": "acme",
    "quantity": 3,
    "amount": 4_200,
    "price": 1_400,
}
#: What a condition may ask about a basket. It is not kept; with it, a return in part needs the receipt again.
OF_BASKET = frozenset({"quantity", "lines", "products", "categories", "brands"})
NOT_KEPT = OF_BASKET | {"action"}
OPERATORS = "!_ -_ _&&_ _||_ _?_:_ _==_ _!=_ _<_ _<=_ _>_ _>=_ _+_ _-_ _*_ _/_ _%_ _[_] @in"
FUNCTIONS = frozenset([*OPERATORS.split(), "size", "startsWith", "endsWith", "contains"])

Expression = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MAX_LENGTH, pattern=r"^[ -~]+$")]


class BadExpression(ValueError):
    """The text is no condition that could be evaluated; says why without repeating it."""


def check(text: str, known: Mapping[str, Any]) -> None:
    """Raises BadExpression unless `text` is a condition (true or false) on `known`."""
    try:
        program = cel.compile(text)
    except ValueError:
        raise BadExpression("this is no CEL expression") from None
    strange = sorted(set(program.variables()) - set(known))
    if strange:
        raise BadExpression(f"only these can be asked: {', '.join(known)}")
    if set(program.functions()) - FUNCTIONS:
        raise BadExpression("only comparisons, integer arithmetic, in, size, startsWith, endsWith and contains")
    try:
        answer = program.execute(dict(known))
    except KeyError:
        raise BadExpression("no such ladder") from None
    except (ZeroDivisionError, OverflowError, IndexError):
        return
    except (TypeError, ValueError, RuntimeError):
        raise BadExpression("the types do not fit") from None
    if not isinstance(answer, bool):
        raise BadExpression("the answer must be true or false")


def names(text: str) -> frozenset[str]:
    """The variables that a condition asks."""
    return frozenset(cel.compile(text).variables())


@dataclass(frozen=True)
class Conditions:
    """Many conditions, answered in one go: entering the evaluator costs more than evaluating."""

    texts: tuple[str, ...]
    variables: frozenset[str]
    together: cel.Program
    alone: tuple[cel.Program, ...]

    def hold(self, values: Mapping[str, Any]) -> Sequence[bool]:
        """For each text whether it holds for `values`, which has every variable."""
        try:
            answers: Sequence[bool] = self.together.execute(values)  # type: ignore[arg-type]
            return answers
        except Exception:  # the evaluator's errors are of many types, and one of them must not decide the others
            return [_holds(program, values) for program in self.alone]


def _holds(program: cel.Program, values: Mapping[str, Any]) -> bool:
    try:
        return program.execute(dict(values)) is True
    except Exception:
        return False


def compiled(texts: Sequence[str]) -> Conditions | None:
    """The conditions made ready; None when there are none. They were checked before."""
    if not texts:
        return None
    alone = tuple(cel.compile(text) for text in texts)
    variables = frozenset(name for program in alone for name in program.variables())
    return Conditions(tuple(texts), variables, cel.compile(f"[{', '.join(f'({text})' for text in texts)}]"), alone)
