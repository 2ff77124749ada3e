"""The invoice matcher on the real extract, and on the cases that it must not get wrong."""

import gzip
import io
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.commands.purchases import (
    BadFile,
    Line,
    Matcher,
    Refund,
    Sale,
    Skipped,
    amount_of,
    count_invoices,
    group_invoices,
    read_rows,
)

EXTRACT = Path(__file__).parents[1] / "data" / "online_retail_2010-12-01_07.csv.gz"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def run(text: str) -> tuple[list[Sale | Refund], Matcher]:
    matcher = Matcher()
    events: list[Sale | Refund] = []
    for invoice in group_invoices(read_rows(io.StringIO(text)), count_invoices(read_rows(io.StringIO(text)))):
        events += matcher.feed(invoice)
    return events, matcher


def line(invoice: str, product: str, quantity: int, price: str, customer: str = "1", day: int = 1) -> str:
    return f"{invoice},{product},,{quantity},2010-12-{day:02} 08:00:00,{price},{customer},UK\n"


@pytest.fixture(scope="module")
def extract() -> tuple[list[Sale | Refund], Matcher]:
    with gzip.open(EXTRACT, "rt", newline="") as file:
        return run(file.read())


def test_every_line_of_the_extract_is_sent_or_counted(extract: tuple[list[Sale | Refund], Matcher]) -> None:
    events, matcher = extract
    sold = sum(len(event.lines) for event in events if isinstance(event, Sale))
    assert matcher.lines == 16_985
    assert sold == 16_676
    assert matcher.sent == sold + 30
    assert dict(matcher.skipped) == {
        Skipped.ADJUSTMENT: 4,
        Skipped.BEFORE_FILE: 118,
        Skipped.ZERO_PRICE: 81,
        Skipped.STOCK: 45,
        Skipped.GUEST_REFUND: 31,
    }
    assert matcher.sent + matcher.skipped.total() == matcher.lines


def test_no_refund_takes_back_more_than_was_bought(extract: tuple[list[Sale | Refund], Matcher]) -> None:
    left: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    seen: dict[str, Sale] = {}
    for event in extract[0]:
        for part in event.lines:
            if isinstance(event, Sale):
                left[(event.invoice, part.product)][0] += part.quantity
                left[(event.invoice, part.product)][1] += part.amount
            else:
                left[(event.of, part.product)][0] -= part.quantity
                left[(event.of, part.product)][1] -= part.amount
                assert min(left[(event.of, part.product)]) >= 0
        if isinstance(event, Sale):
            seen[event.invoice] = event
        else:
            assert seen[event.of].customer == event.customer
            assert seen[event.of].at <= event.at


def test_keys_are_unique_and_the_same_every_time(extract: tuple[list[Sale | Refund], Matcher]) -> None:
    keys = [event.key for event in extract[0]]
    assert len(set(keys)) == len(keys) == 632
    with gzip.open(EXTRACT, "rt", newline="") as file:
        assert [event.key for event in run(file.read())[0]] == keys


def test_a_refund_is_taken_from_the_newest_purchase_first_and_split() -> None:
    events, matcher = run(
        HEADER
        + line("1", "11111", 3, "2.00")
        + line("2", "11111", 2, "2.50")
        + line("3", "11111", 9, "2.00", customer="2")
        + line("C4", "11111", -4, "2.00")
    )
    refunds = [event for event in events if isinstance(event, Refund)]
    assert [(refund.of, refund.lines, refund.key) for refund in refunds] == [
        ("2", (Line("11111", 2, 400),), "refund-C4-2"),
        ("1", (Line("11111", 2, 400),), "refund-C4-1"),
    ]
    assert not matcher.skipped
    assert not matcher.cut


def test_a_dearer_refund_is_capped_at_what_was_paid_and_counted() -> None:
    events, matcher = run(HEADER + line("1", "11111", 2, "1.00") + line("C2", "11111", -2, "1.50"))
    assert events[1].lines == (Line("11111", 2, 200),)
    assert (matcher.cut, matcher.skipped, matcher.sent) == ({Skipped.DEARER: 1}, {}, 2)


def test_each_line_is_sent_or_skipped_and_counted_once_whatever_is_wrong_with_it() -> None:
    events, matcher = run(
        HEADER
        + line("1", "11111", 2, "1.00")
        + line("2", "11111", 1, "1.00")
        + line("C3", "11111", -1, "1.50")  # all that was paid for the newest
        + line("C4", "11111", -1, "2.50")  # all that was paid for the other two
        + line("C5", "11111", -1, "0.50")  # of which nothing is left but one that cost nothing any more
        + line("4", "11111", 1, "1.00")
        + line("C6", "11111", -3, "1.50")  # both at once: dearer, and more than were bought
    )
    assert [event.key for event in events] == [
        *("sale-1", "sale-2", "refund-C3-2", "refund-C4-1", "sale-4", "refund-C6-4"),
    ]
    assert (matcher.cut, matcher.skipped) == ({Skipped.DEARER: 2, Skipped.PARTLY: 1}, {Skipped.DEARER: 1})
    assert matcher.sent + matcher.skipped.total() == matcher.lines == 7


def test_what_cannot_be_sent_is_counted_by_reason() -> None:
    events, matcher = run(
        HEADER
        + line("1", "11111", 1, "1.00")
        + line("2", "11111", -5, "1.00")
        + line("3", "11111", 1, "0.0")
        + line("4", "11111", 1, "0.001")
        + line("5", "11111", 80_000, "999999.99")
        + line("C6", "11111", -3, "1.00")
        + line("C7", "22222", -1, "1.00")
        + line("C8", "D", -1, "1.00")
        + line("C9", "11111", -1, "1.00", customer="")
        + line("C10", "11111", 1, "1.00")
    )
    assert [event.key for event in events] == ["sale-1", "refund-C6-1"]
    assert matcher.skipped == {
        Skipped.STOCK: 1,
        Skipped.ZERO_PRICE: 1,
        Skipped.ZERO_AMOUNT: 1,
        Skipped.TOO_LARGE: 1,
        Skipped.BEFORE_FILE: 1,
        Skipped.ADJUSTMENT: 1,
        Skipped.GUEST_REFUND: 1,
        Skipped.NOT_CANCELLED: 1,
    }
    assert matcher.cut == {Skipped.PARTLY: 1}


def test_an_invoice_whose_lines_do_not_stand_together_is_one_sale() -> None:
    events, _ = run(
        HEADER + line("1", "11111", 1, "1.00") + line("2", "22222", 1, "1.00") + line("1", "33333", 1, "1.00")
    )
    assert [(event.key, len(event.lines)) for event in events] == [("sale-2", 1), ("sale-1", 2)]


@pytest.mark.parametrize(
    ("quantity", "price", "hundredths"),
    [(1, "1.005", 101), (1, "1.004", 100), (3, "0.335", 101), (6, "2.55", 1_530), (1, "0.0049", 0)],
)
def test_amounts_are_rounded_half_up_once(quantity: int, price: str, hundredths: int) -> None:
    assert amount_of(quantity, Decimal(price)) == hundredths


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("x?,11111,,1,2010-12-01 08:00:00,1.00,1,UK\n", "InvoiceNo"),
        ("1,,,1,2010-12-01 08:00:00,1.00,1,UK\n", "StockCode"),
        ("1,11111,,1.5,2010-12-01 08:00:00,1.00,1,UK\n", "Quantity"),
        ("1,11111,,1,yesterday,1.00,1,UK\n", "InvoiceDate"),
        ("1,11111,,1,2010-12-01 08:00:00,NaN,1,UK\n", "UnitPrice"),
        ("1,11111,,1,2010-12-01 08:00:00,1.00,Ann Smith,UK\n", "CustomerID"),
        ("1,11111,,1\n", "InvoiceDate"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(row: str, column: str) -> None:
    with pytest.raises(BadFile) as caught:
        run(HEADER + line("1", "11111", 1, "1.00") + row)
    assert (caught.value.line, caught.value.column) == (3, column)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BadFile, match="CustomerID"):
        run("InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice\n")
