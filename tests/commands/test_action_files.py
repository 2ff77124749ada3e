"""Files of actions, as exports and broken disks write them."""

from __future__ import annotations

import gzip
import io
import json
from zoneinfo import ZoneInfo

import pytest

from gateway.commands.action_files import BadFile, Defaults, Reported, Unreadable, read

HEADER = "key,occurred_at,wallet,product,category,quantity,amount\n"
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def items(text: str | bytes, is_json: bool = False, **defaults: object) -> list[Reported | Unreadable]:
    data = text.encode() if isinstance(text, str) else text
    return list(read(io.BytesIO(data), is_json, Defaults(**defaults)))  # type: ignore[arg-type]


def actions(text: str, is_json: bool = False, **defaults: object) -> list[dict[str, object]]:
    found = items(text, is_json, **defaults)
    assert all(isinstance(item, Reported) for item in found), found
    return [item.action for item in found if isinstance(item, Reported)]


def test_rows_of_one_key_are_one_purchase() -> None:
    rows = f"a,1767225600,{WALLET},tea,drinks,2,5.30\na,1767225600,{WALLET},bun,,,1\nb,1767225600,{WALLET},tea,,1,2.5\n"
    first, second = actions(HEADER + rows, campaign=1)
    assert first == {
        "key": "a",
        "campaign": 1,
        "kind": "purchase",
        "occurred_at": 1_767_225_600,
        "wallet": WALLET,
        "lines": [
            {"product": "tea", "category": "drinks", "quantity": 2, "amount": 530},
            {"product": "bun", "quantity": 1, "amount": 100},
        ],
    }
    assert second["lines"] == [{"product": "tea", "quantity": 1, "amount": 250}]


def test_every_kind_of_action_has_its_columns() -> None:
    text = (
        "key,kind,occurred_at,wallet,claim,action,amount,refers_to_key,campaign\r\n"
        f"v,visit,2026-01-01T00:00:00Z,{WALLET},,,,,1\r\n"
        f"c,custom,2026-01-01 01:00,{WALLET},no,review,,,1\r\n"
        "g,purchase,1767225600,,yes,,7.05,,2\r\n"
        "r,refund,1767225600,,,,,g,2\r\n"
    )
    visit, custom, guest, refund = actions(text, zone=ZoneInfo("Europe/Berlin"))
    assert visit == {
        "key": "v",
        "kind": "visit",
        "occurred_at": 1_767_225_600,
        "wallet": WALLET,
        "campaign": 1,
    }
    assert (custom["action"], custom["occurred_at"]) == ("review", 1_767_225_600)  # 01:00 in Berlin is midnight UTC
    assert (guest["claim"], guest["amount"]) == (True, 705)
    assert refund == {"key": "r", "kind": "refund", "occurred_at": 1_767_225_600, "refers_to_key": "g", "campaign": 2}


def test_a_refund_shows_the_receipt_in_rows_of_its_own() -> None:
    header = "key,kind,occurred_at,refers_to_key,receipt,product,quantity,amount\n"
    tea, bun = {"product": "tea", "quantity": 2, "amount": 530}, {"product": "bun", "quantity": 1, "amount": 100}
    rows = ("r,refund,9,a,yes,tea,2,5.30", "r,refund,9,a,yes,bun,1,1", "r,refund,9,a,,bun,1,1")
    refund = {"key": "r", "kind": "refund", "occurred_at": 9, "refers_to_key": "a", "receipt": [tea, bun]}
    assert actions(header + "\n".join(rows) + "\n") == [refund | {"lines": [bun]}]
    assert actions(header + "\n".join(reversed(rows)) + "\n")[0]["lines"] == [bun]
    assert actions(header + "\n".join(rows[:2]) + "\n") == [refund]  # all of it
    (wrong,) = items(header + rows[0].replace("yes", "maybe") + "\n")
    assert isinstance(wrong, Unreadable)
    assert wrong.field == "receipt"


def test_keys_follow_from_content_and_equal_rows_all_count() -> None:
    header, row, other = "occurred_at,wallet,amount\n", f"1767225600,{WALLET},3.20\n", f"1767225601,{WALLET},3.20\n"
    first = [action["key"] for action in actions(header + row + row + other)]
    assert len(set(first)) == 3
    assert [action["key"] for action in actions(header + row + row + other)] == first
    assert [action["key"] for action in actions(header + other + row)] == [first[2], first[0]]


def test_json_lines_are_what_the_api_takes() -> None:
    told = {"key": "k", "campaign": 3, "kind": "visit", "occurred_at": 1, "wallet": WALLET, "unknown": [1]}
    assert actions(json.dumps(told) + "\n\n", True, campaign=1) == [told]  # the API says what is wrong with it


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (f"a,1767225600,{WALLET},tea,,1,5.301", "amount"),
        (f"a,1767225600,{WALLET},tea,,1,-5", "amount"),
        (f"a,1767225600,{WALLET},tea,,1,1e9", "amount"),
        (f"a,1767225600,{WALLET},tea,,0.5,5", "quantity"),
        (f"a,yesterday,{WALLET},tea,,1,5", "occurred_at"),
        (f"a,,{WALLET},tea,,1,5", "occurred_at"),
        (f"a,1767225600,{WALLET},tea,,1", ""),
        (f"a,1767225600,{WALLET},tea,,1,5,more", ""),
        ('a,1767225600,"never closed,tea,,1,5', ""),
        ("a,1767225600,\x00,tea,,١,5", "quantity"),
    ],
)
def test_a_bad_row_is_named_and_hinders_no_other(row: str, field: str) -> None:
    good = f"y,1767225600,{WALLET},tea,,1,5\nz,1767225600,{WALLET},tea,,1,5\n"
    found = items(HEADER + good + row + "\n" + good.replace("y,", "v,").replace("z,", "w,"))
    bad = [item for item in found if isinstance(item, Unreadable)]
    assert [(item.line, item.field) for item in bad] == [(4, field)]
    told = [item.action["key"] for item in found if isinstance(item, Reported)]
    # Whose row it is cannot be told when not even its key can be read: its neighbours wait too.
    assert told == (["y", "z", "v", "w"] if field else ["y", "w"])


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_half_a_file_sends_no_half_action(cut: int) -> None:
    text = HEADER + "".join(f"{key},1767225600,{WALLET},tea,,1,125\n" for key in "abb")
    *whole, last = items(text[:-cut])
    assert [item.action["key"] for item in whole if isinstance(item, Reported)] == ["a"]
    assert isinstance(last, Unreadable)
    assert last.why.startswith("unfinished")
    packed = gzip.compress(text.encode())
    with gzip.GzipFile(fileobj=io.BytesIO(packed[:-cut])) as file:
        found = list(read(file, False, Defaults()))  # type: ignore[arg-type]
    assert isinstance(found[-1], Unreadable)
    assert all(isinstance(item, Unreadable) or item.action["key"] != "b" for item in found)


def test_rows_of_one_key_that_disagree_are_no_action() -> None:
    rows = f"a,1767225600,{WALLET},tea,,1,5\na,1767225601,{WALLET},bun,,1,5\n"
    (found,) = items(HEADER + rows)
    assert found == Unreadable(3, "occurred_at", "not the same in all rows of this key")


@pytest.mark.parametrize("header", ["", "key,wallet", "occurred_at,price", "occurred_at,occurred_at", "\xff\xfe", '"'])
def test_columns_that_are_not_ours_are_refused_at_once(header: str) -> None:
    with pytest.raises(BadFile, match="line 1"):
        items(header.encode("latin-1") + b"\n1,2\n")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_file_of_another_spreadsheet_is_told_what_parts_its_columns(mark: str) -> None:
    with pytest.raises(BadFile, match="parted by commas"):
        items(HEADER.replace(",", mark) + f"a{mark}1767225600\n")


@pytest.mark.parametrize(
    "line", ["{", "[]", "1", '{"amount": NaN}', "[" * 100_000, "\ud800", '{"n": 1' + "0" * 5000 + "}"]
)
def test_lines_that_are_no_json_object(line: str) -> None:
    data = line.encode("utf-8", "surrogatepass") + b'\n{"key": "k"}\n'
    bad, good = items(data, True)
    assert isinstance(bad, Unreadable)
    assert isinstance(good, Reported)


def test_an_endless_line_is_not_read_into_memory() -> None:
    found = items(b'{"key": "' + b"x" * (5 * 2**20) + b'"}\n{"key": "k"}\n', True)
    assert [type(item) for item in found] == [Unreadable, Reported]
    assert [item.line for item in found] == [1, 2]
