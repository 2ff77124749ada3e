"""Codes as text: what one is, and when two are the same. Pure."""

from __future__ import annotations

import csv
import io
import re

from gateway.loyalty.offers import links
from gateway.loyalty.offers.errors import CSV_MALFORMED

MAX_CODE = 127
MAX_ROWS = 500_000
_PRINTABLE = re.compile(rf"[\x20-\x7e]{{1,{MAX_CODE}}}")
_IGNORED = str.maketrans("", "", " -")


def normalised(text: str) -> str:
    """What a code is compared by: capitals, without spaces and hyphens, as people read it out; a link as it is.

    ValueError when `text` is a link but not https, or not 1 to 127 printable ASCII characters of which something
    remains.
    """
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("not printable ASCII")
    if links.is_link(text):
        return links.checked(text)
    bare = text.upper().translate(_IGNORED)
    if not bare:
        raise ValueError("nothing remains")
    return bare


def read_csv(data: bytes, linked: bool | None = None) -> list[tuple[str, str]]:
    """(code, normalised code) of every row below the header `code`; all or `csv-malformed`, which names row and column.
    `linked`: all must be https links, or none may be; None: either.

    Rows are counted as a spreadsheet shows them: the header is row 1.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CSV_MALFORMED.at("rows[1]", "not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    codes: list[tuple[str, str]] = []
    seen: dict[str, int] = {}
    row = 0
    try:
        for row, cells in enumerate(reader, 1):
            if row == 1:
                if cells != ["code"]:
                    raise CSV_MALFORMED.at("rows[1].code", "the header is one column named code")
                continue
            code, bare = _code(row, cells, linked)
            if seen.setdefault(bare, row) != row:
                raise CSV_MALFORMED.at(f"rows[{row}].code", f"the same code as in row {seen[bare]}")
            codes.append((code, bare))
            if len(codes) > MAX_ROWS:
                raise CSV_MALFORMED.at(f"rows[{row}]", f"at most {MAX_ROWS} codes in one file")
    except csv.Error:
        raise CSV_MALFORMED.at(f"rows[{row + 1}].code", "broken quotes or an over-long field") from None
    if not codes:
        raise CSV_MALFORMED.at("rows[2].code", "there are no codes")
    return codes


def _code(row: int, cells: list[str], linked: bool | None) -> tuple[str, str]:
    if len(cells) != 1:
        raise CSV_MALFORMED.at(f"rows[{row}]", "one column is expected")
    code = cells[0].strip(" ")
    if linked is not None and links.is_link(code) != linked:
        raise CSV_MALFORMED.at(f"rows[{row}].code", "an https link" if linked else "a link, where the offer has none")
    try:
        return code, normalised(code)
    except ValueError:
        reason = "no https link to a named host" if linked else "no printable ASCII"
        raise CSV_MALFORMED.at(f"rows[{row}].code", f"{reason}, or over {MAX_CODE} characters") from None
