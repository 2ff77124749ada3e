"""A file of actions, read action by action: JSON lines as the API takes them, or CSV as people write it. Pure.

CSV has one row for each line of a purchase; the rows of one action stand together and bear the same `key`. Its amounts
are decimal (`15.30`), its times Unix seconds or ISO 8601. Without keys each row is an action of its own, and its key
follows from its content: the same file sent twice counts once, and of equal rows in one file each counts. Of a refund,
rows with `receipt` are what was left of the purchase before it, the others what comes back.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, BinaryIO, NoReturn

Json = dict[str, Any]

#: A longer line of a file is none that we could have written.
MAX_LINE = 2 * 2**20
OF_ACTION = (
    "key",
    "campaign",
    "kind",
    "occurred_at",
    "wallet",
    "claim",
    "action",
    "amount",
    "refers_to",
    "refers_to_key",
)
OF_LINE = ("product", "category", "brand", "quantity", "receipt")
COLUMNS = (*OF_ACTION, *OF_LINE)
MONEY = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)
WHOLE = re.compile(r"\d{1,12}", re.ASCII)
WORDS = {"": False, "0": False, "no": False, "false": False, "1": True, "yes": True, "true": True}


class BadFile(ValueError):
    """Nothing of the file can be read."""


class _BadCell(ValueError):
    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field, self.why = field, why


@dataclass(frozen=True, slots=True)
class Reported:
    """One action, ready for the bulk call. `line`: where it begins in the file, from 1."""

    line: int
    action: Json


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that is no action; the rest of the file does not suffer."""

    line: int
    field: str
    why: str


@dataclass(frozen=True)
class Defaults:
    """What a file need not say: the campaign, and the zone of times that name none."""

    campaign: int | None = None
    zone: tzinfo = UTC


def read(file: BinaryIO, is_json: bool, defaults: Defaults) -> Iterator[Reported | Unreadable]:
    """Everything in the file, in its order. BadFile for a header that cannot be."""
    seen: Counter[bytes] = Counter()
    for item in _read_json(file) if is_json else _read_csv(file, defaults.zone):
        yield _completed(item, defaults, seen) if isinstance(item, Reported) else item


def _completed(item: Reported, defaults: Defaults, seen: Counter[bytes]) -> Reported:
    action = item.action
    if defaults.campaign is not None:
        action.setdefault("campaign", defaults.campaign)
    if "key" not in action:
        digest = hashlib.sha256(json.dumps(action, sort_keys=True).encode()).digest()[:16]
        seen[digest] += 1
        action["key"] = f"file-{digest.hex()}-{seen[digest]}"
    return item


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | Unreadable]]:
    """Numbered lines without their ends. A last line without one is not believed: the file may have been cut off."""
    number = 0
    try:
        while line := file.readline(MAX_LINE):
            number += 1
            if not line.endswith(b"\n"):
                if len(line) == MAX_LINE:
                    yield number, Unreadable(number, "", "the line is too long")
                    while len(line) == MAX_LINE and not line.endswith(b"\n"):
                        line = file.readline(MAX_LINE)
                    continue
                yield number, Unreadable(number, "", UNFINISHED)
                return
            yield number, line.rstrip(b"\r\n")
    except (EOFError, zlib.error, OSError):  # a compressed file that was cut off
        yield number + 1, Unreadable(number + 1, "", UNFINISHED)


UNFINISHED = "unfinished: the file stops before the end of a line"

# ------------------------------------------------------------------- JSON


def _read_json(file: BinaryIO) -> Iterator[Reported | Unreadable]:
    for number, line in _lines(file):
        if isinstance(line, Unreadable):
            yield line
        elif line.strip():
            yield _from_json(number, line)


def _from_json(number: int, line: bytes) -> Reported | Unreadable:
    try:
        document = json.loads(line.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return Unreadable(number, "", "not JSON")
    if not isinstance(document, dict):
        return Unreadable(number, "", "not a JSON object")
    return Reported(number, document)


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


# -------------------------------------------------------------------- CSV


def _read_csv(file: BinaryIO, zone: tzinfo) -> Iterator[Reported | Unreadable]:
    lines = _lines(file)
    header = _header(next(lines, (1, b""))[1])
    together = {"key", "product"} <= set(header)
    group: list[_Row] = []
    for number, line in lines:
        if line == b"":
            continue
        row = _row(number, line, header)
        if group and not (together and _may_belong(group, row)):
            yield _action(group, zone)
            group = []
        group.append(row)
    if group:
        yield _action(group, zone)


def _header(line: bytes | Unreadable) -> list[str]:
    try:
        names = [] if isinstance(line, Unreadable) else _split(line, "utf-8-sig")
    except _BadCell:
        names = []
    names = [name.strip().lower() for name in names]
    unknown = [place for place, name in enumerate(names, 1) if name not in COLUMNS]
    if unknown or len(set(names)) != len(names) or "occurred_at" not in names:
        wrong = f"column {unknown[0]} is unknown" if unknown else "occurred_at is missing, or a column comes twice"
        if len(names) == 1 and re.search(r"[;\t]", names[0]):
            wrong = "columns are parted by commas, and amounts have a point"
        others = ", ".join(name for name in COLUMNS if name != "occurred_at")
        raise BadFile(f"line 1: {wrong}; the columns are occurred_at and any of {others}")
    return names


def _split(line: bytes, encoding: str = "utf-8") -> list[str]:
    """A row of its own whatever its neighbours are: no cell of ours holds a line end, so no quote spans two lines."""
    try:
        return next(csv.reader([line.decode(encoding)], strict=True), [])
    except (ValueError, csv.Error):
        raise _BadCell("", "not a row of CSV in UTF-8") from None


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: dict[str, str]
    wrong: Unreadable | None = None


def _row(number: int, line: bytes | Unreadable, header: list[str]) -> _Row:
    if isinstance(line, Unreadable):
        return _Row(number, {}, line)
    try:
        cells = _split(line)
    except _BadCell as error:
        return _Row(number, {}, Unreadable(number, error.field, error.why))
    if len(cells) != len(header):
        return _Row(number, {}, Unreadable(number, "", f"{len(cells)} cells, but {len(header)} columns"))
    return _Row(number, {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()})


def _may_belong(group: list[_Row], row: _Row) -> bool:
    """A row that cannot be read may belong to what stands before it and to what stands after it, and spoils both: part
    of a purchase is not the purchase."""
    return bool(
        row.wrong or group[-1].wrong or (row.cells.get("key") and row.cells["key"] == group[-1].cells.get("key"))
    )


def _action(group: list[_Row], zone: tzinfo) -> Reported | Unreadable:
    """The action that these rows tell."""
    for row in group:
        if row.wrong:
            return row.wrong
    first, line = group[0].cells, group[0].line
    try:
        action = _head(first, zone)
        lines: list[Json] = []
        receipt: list[Json] = []
        for row in group:
            line = row.line
            for name in OF_ACTION:
                if name != "amount" and row.cells.get(name) != first.get(name):
                    raise _BadCell(name, "not the same in all rows of this key")
            (receipt if _flag(row.cells, "receipt") else lines).append(_line(row.cells))
    except _BadCell as error:
        return Unreadable(line, error.field, error.why)
    if len(group) > 1 or "product" in first:
        action |= {"lines": lines or None, "receipt": receipt or None, "amount": None}
    return Reported(group[0].line, {name: value for name, value in action.items() if value is not None})


def _head(row: dict[str, str], zone: tzinfo) -> Json:
    action: Json = {name: row.get(name) for name in ("key", "wallet", "action", "refers_to_key")}
    action["kind"] = row.get("kind", "purchase")
    action["claim"] = _flag(row, "claim") or None
    for name in ("campaign", "refers_to"):
        action[name] = _whole(row, name)
    return action | {"amount": _money(row), "occurred_at": _moment(row, zone)}


def _line(row: dict[str, str]) -> Json:
    line: Json = {name: row[name] for name in ("product", "category", "brand") if name in row}
    quantity = _whole(row, "quantity")
    return line | {"quantity": 1 if quantity is None else quantity, "amount": _money(row)}


def _flag(row: dict[str, str], name: str) -> bool:
    try:
        return WORDS[row.get(name, "").lower()]
    except KeyError:
        raise _BadCell(name, "yes or no") from None


def _whole(row: dict[str, str], name: str) -> int | None:
    if name not in row:
        return None
    if not WHOLE.fullmatch(row[name]):
        raise _BadCell(name, "not a whole number")
    return int(row[name])


def _money(row: dict[str, str]) -> int | None:
    if "amount" not in row:
        return None
    match = MONEY.fullmatch(row["amount"])
    if not match:
        raise _BadCell("amount", "not an amount with at most two decimals, such as 15.30")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _moment(row: dict[str, str], zone: tzinfo) -> int:
    text = row.get("occurred_at", "")
    if WHOLE.fullmatch(text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError):
        raise _BadCell("occurred_at", "neither Unix seconds nor ISO 8601") from None
