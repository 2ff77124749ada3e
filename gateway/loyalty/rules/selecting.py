"""Which lines of a basket each selection of a programme takes, in one pass over the lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.loyalty.rules.expressions import Conditions, compiled
from gateway.loyalty.rules.facts import Line
from gateway.loyalty.rules.parts import Selection

#: Kinds of lines remembered for each programme.
REMEMBERED = 20_000
#: Names of Selection's lists, and the field of a line that each is about.
ASKED = (("products", "product"), ("categories", "category"), ("brands", "brand"))


class Seen:
    """What of a basket one selection takes; `basket` is how many lines there are at all."""

    __slots__ = ("amount", "basket", "lines", "quantity")

    def __init__(self, amount: int, quantity: int, lines: list[Line], basket: int) -> None:
        self.amount, self.quantity, self.lines, self.basket = amount, quantity, lines, basket

    @property
    def whole(self) -> bool:
        """Whether there is no line that it does not take."""
        return len(self.lines) == self.basket


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

    def see(self, amount: int, lines: Sequence[Line] | None) -> dict[int, Seen]:
        """What each selection takes, by number; those that take nothing are left out."""
        if lines is None:
            return {0: Seen(amount, 0, [], 0)}
        known, conditions, basket = self._known, self.conditions, len(lines)
        everything = Seen(amount, 0, list(lines), basket)
        found = {0: everything}
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
            paid = line.amount
            for number in numbers:
                seen = found.get(number)
                if seen is None:
                    found[number] = Seen(paid, quantity, [line], basket)
                else:
                    seen.amount += paid
                    seen.quantity += quantity
                    seen.lines.append(line)
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
