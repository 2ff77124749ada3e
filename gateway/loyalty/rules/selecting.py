"""Which lines of a basket each selection of a programme takes, in one pass over the lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.loyalty.rules.expressions import Conditions, compiled
from gateway.loyalty.rules.facts import Line
from gateway.loyalty.rules.parts import Selection

#: Kinds of lines remembered for each programme.
REMEMBERED = 20_000
#: Names of Selection's lists, and the field of a line that each is about.
ASKED = (("products", "product"), ("categories", "category"), ("brands", "brand"))


@dataclass(slots=True)
class Seen:
    """What of a basket one selection takes. `whole`: there is no line that it does not take."""

    amount: int = 0
    quantity: int = 0
    lines: list[Line] = field(default_factory=list)
    whole: bool = False


@dataclass(frozen=True)
class Matcher:
    """One selection made ready; `where` is its place among the conditions on lines."""

    wanted: tuple[tuple[int, frozenset[str], bool], ...]
    where: int | None

    def takes(self, names: tuple[str | None, ...]) -> bool:
        """Whether it takes a line of this product, category and brand, `where` aside."""
        return all((names[place] in listed) == inside for place, listed, inside in self.wanted)


class Selector:
    """The different selections of a programme. Number 0 takes everything."""

    def __init__(self, selections: Sequence[Selection]) -> None:
        self.numbers: dict[str, int] = {}
        self.matchers: list[Matcher] = []
        texts: list[str] = []
        for selection in selections:
            key = key_of(selection)
            if key and key not in self.numbers:
                self.numbers[key] = len(self.matchers) + 1
                self.matchers.append(_matcher(selection, texts))
        self.conditions: Conditions | None = compiled(texts)
        self._known: dict[tuple[str | None, ...], tuple[int, ...]] = {}

    def number(self, selection: Selection) -> int:
        """The selection's number."""
        return self.numbers[key_of(selection)] if selection.conditional else 0

    def see(self, amount: int, lines: Sequence[Line] | None) -> list[Seen]:
        """What each selection takes, by number."""
        found = [Seen() for _ in range(len(self.matchers) + 1)]
        everything = found[0]
        everything.amount, everything.whole = amount, True
        if lines is None:
            return found
        known, conditions = self._known, self.conditions
        everything.lines = list(lines)
        for line in lines:
            names = (line.product, line.category, line.brand)
            numbers = known.get(names)
            if numbers is None:
                numbers = self._match(names)
            quantity = line.quantity
            everything.quantity += quantity
            if not numbers:
                continue
            if conditions is not None:
                numbers = self._where(conditions, numbers, line)
            for number in numbers:
                seen = found[number]
                seen.amount += line.amount
                seen.quantity += quantity
                seen.lines.append(line)
        for seen in found:
            seen.whole = len(seen.lines) == len(lines)
        return found

    def _match(self, names: tuple[str | None, ...]) -> tuple[int, ...]:
        numbers = tuple(place + 1 for place, matcher in enumerate(self.matchers) if matcher.takes(names))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[names] = numbers
        return numbers

    def _where(self, conditions: Conditions, numbers: tuple[int, ...], line: Line) -> tuple[int, ...]:
        matchers = self.matchers
        if all(matchers[number - 1].where is None for number in numbers):
            return numbers
        answers = conditions.hold({name: _value(line, name) for name in conditions.variables})
        places = [(number, matchers[number - 1].where) for number in numbers]
        return tuple(number for number, place in places if place is None or answers[place])


def key_of(selection: Selection) -> str:
    """The same selection always as the same text; empty for everything."""
    if not selection.conditional:
        return ""
    return Selection.model_construct(
        **{name: getattr(selection, name) for name in Selection.model_fields}
    ).model_dump_json(exclude_none=True)


def _matcher(selection: Selection, texts: list[str]) -> Matcher:
    wanted = []
    for place, (name, _) in enumerate(ASKED):
        for prefix in ("", "except_"):
            listed = getattr(selection, prefix + name)
            if listed:
                wanted.append((place, frozenset(listed), not prefix))
    where = None
    if selection.where is not None:
        if selection.where not in texts:
            texts.append(selection.where)
        where = texts.index(selection.where)
    return Matcher(tuple(wanted), where)


def _value(line: Line, name: str) -> str | int:
    if name == "price":
        return line.amount // max(line.quantity, 1)
    value: str | int | None = getattr(line, name)
    return "" if value is None else value
