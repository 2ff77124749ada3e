from __future__ import annotations

import pytest

from gateway.core.problems import Problem
from gateway.loyalty.offers.texts import MAX_CODE, normalised, read_csv


@pytest.mark.parametrize(
    ("text", "same"), [("spring-01", "SPRING01"), (" AB cd ", "ABCD"), ("A~b!", "A~B!"), ("x" * 127, "X" * 127)]
)
def test_codes_are_compared_as_people_read_them_out(text: str, same: str) -> None:
    assert normalised(text) == same


@pytest.mark.parametrize("text", ["", " ", "---", "a\tb", "é", "a\n", "x" * 128, "\x7f", "１２３"])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(ValueError, match=r"nothing|ASCII"):
        normalised(text)


@pytest.mark.parametrize("data", [b"code\nA-1\nB-2\n", b"\xef\xbb\xbfcode\r\nA-1\r\nB-2", b'"code"\n"A-1"\n" B-2 "\n'])
def test_a_good_file(data: bytes) -> None:
    assert read_csv(data) == [("A-1", "A1"), ("B-2", "B2")]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "rows[2].code"),
        (b"code\n", "rows[2].code"),
        (b"codes\nA\n", "rows[1].code"),
        (b"code;x\nA\n", "rows[1].code"),
        (b"A\nB\n", "rows[1].code"),
        (b"code\nA,B\n", "rows[2]"),
        (b"code\nA\n\nB\n", "rows[3]"),
        (b"code\nA\n,\n", "rows[3]"),
        (b"code\nA\n-\n", "rows[3].code"),
        (b"code\nA\nB\na\n", "rows[4].code"),
        (b"code\nA\n" + b"x" * (MAX_CODE + 1) + b"\n", "rows[3].code"),
        ("code\nA\nÄ\n".encode(), "rows[3].code"),
        (b"code\nA\n\xff\n", "rows[1]"),
        (b"code\nA\n\x00\n", "rows[3].code"),
        (b'code\nA\n"B\n', "rows[3].code"),
        (b'code\nA\n"B"x\n', "rows[3].code"),
        (b'code\nA\n"B\nC"\n', "rows[3].code"),
        (b"code\nA\n" + b"x" * 200_000 + b"\n", "rows[3].code"),
    ],
)
def test_a_bad_file_names_row_and_column(data: bytes, field: str) -> None:
    with pytest.raises(Problem) as refusal:
        read_csv(data)
    assert (refusal.value.refusal.code, refusal.value.field) == ("csv-malformed", field)


LINK = "https://shop.example/gift?code=aB-1"


def test_links_are_compared_as_they_are() -> None:
    assert normalised(LINK) == LINK
    assert read_csv(f"code\n{LINK}\n{LINK.lower()}\n".encode(), linked=True)[0] == (LINK, LINK)


@pytest.mark.parametrize(
    "link",
    [
        "http://shop.example/a",
        "HTTPS://shop.example/a",
        "javascript://shop.example/%0aalert(1)",
        "https://shop/a",
        "https://user:pass@shop.example/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://shop.example:99999/a",
        "https://shop.example:0/a",
        "https://shop.example/a b",
        "https://shop.example/<script>",
        'https://shop.example/"',
        "https://shop.example\\@evil.example/",
        "https://-shop.example/",
        "https://shop.example/" + "a" * 127,
        "SPRING-1",
    ],
)
def test_what_is_no_link(link: str) -> None:
    cell = link.replace('"', '""')
    with pytest.raises(Problem) as refusal:
        read_csv(f'code\n{LINK}\n"{cell}"\n'.encode(), linked=True)
    assert (refusal.value.refusal.code, refusal.value.field) == ("csv-malformed", "rows[3].code")


def test_links_where_there_are_none() -> None:
    with pytest.raises(Problem) as refusal:
        read_csv(f"code\nA\n{LINK}\n".encode(), linked=False)
    assert refusal.value.field == "rows[3].code"
