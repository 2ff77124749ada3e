"""A file of opening balances: CSV with the columns `points`, and `wallet` or, where nobody knows it, `key`. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from gateway.identity.wallets import addresses

Json = dict[str, Any]
COLUMNS = frozenset({"wallet", "key", "points"})
POINTS = re.compile(r"(\d{1,7})(?:\.(\d{1,2}))?", re.ASCII)
KEY = re.compile(r"[!-~]{1,200}")


class BadFile(ValueError):
    """The file's first line cannot be."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file. `wrong` names column and reason where it is no balance."""

    line: int
    balance: Json
    wrong: tuple[str, str] | None = None


def read(text: TextIO) -> Iterator[Row]:
    """Every line; BadFile for columns that are not ours. Decimal points become hundredths."""
    reader = csv.reader(text, strict=True)
    names = [name.strip().lower().lstrip("\ufeff") for name in next(reader, [])]
    if not {"points"} <= set(names) <= COLUMNS or len(set(names)) != len(names) or len(names) < 2:
        raise BadFile("line 1: the columns are points, and wallet or key or both")
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(reader.line_num, {}, ("", f"not a row of CSV: {error}"))
            continue
        if cells is None:
            return
        if cells:
            yield _row(reader.line_num, dict(zip(names, cells, strict=False)), len(cells) == len(names))


def _row(line: int, cells: dict[str, str], whole: bool) -> Row:
    if not whole:
        return Row(line, {}, ("", "not as many cells as columns"))
    given = {name: cell.strip() for name, cell in cells.items() if cell.strip()}
    points = POINTS.fullmatch(given.get("points", ""))
    if not points or not int(points[1] + (points[2] or "")):
        return Row(line, {}, ("points", "not a number of points with at most two decimals, such as 125.50"))
    if ("wallet" in given) == ("key" in given):
        return Row(line, {}, ("wallet", "wallet or key, one of them"))
    if "wallet" in given and not _is_address(given["wallet"]):
        return Row(line, {}, ("wallet", "not 0x and 40 hex digits, or a digit is wrong (EIP-55)"))
    if "key" in given and not KEY.fullmatch(given["key"]):
        return Row(line, {}, ("key", "not 1 to 200 visible ASCII characters"))
    who: Json = {name: given[name] for name in ("wallet", "key") if name in given}
    return Row(line, {**who, "points": int(points[1]) * 100 + int((points[2] or "").ljust(2, "0"))})


def _is_address(text: str) -> bool:
    try:
        addresses.parse(text)
    except ValueError:
        return False
    return True
