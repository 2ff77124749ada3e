"""A purchases file as a till would send it: invoices, and refunds matched to the purchases that they take back. Pure.

Columns as in the UCI data set "Online Retail": InvoiceNo, StockCode, Quantity, InvoiceDate, UnitPrice, CustomerID
(others are ignored). An InvoiceNo beginning with C is a cancellation; its quantities are negative.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from typing import TextIO

COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
#: Codes of goods; everything else is postage, charges, discounts and other adjustments.
GOODS = re.compile(r"\d{5}|DCGS|gift_")
#: The largest amount of one line that the gateway's API takes, in hundredths.
MAX_AMOUNT = 999_999_999


class Skipped(StrEnum):
    """Why a line of the file is not sent, or not wholly."""

    ZERO_PRICE = "price-zero-or-negative"
    STOCK = "negative-quantity-outside-cancellation"
    NOT_CANCELLED = "positive-quantity-in-cancellation"
    GUEST_REFUND = "refund-without-customer"
    ADJUSTMENT = "adjustment-code-without-purchase"
    BEFORE_FILE = "refund-of-nothing-bought-in-file"
    PARTLY = "refund-partly-matched"
    DEARER = "refund-above-price-paid"
    ZERO_AMOUNT = "amount-rounds-to-zero"
    TOO_LARGE = "amount-too-large"


class BadFile(ValueError):
    """The file cannot be read; names line (1 is the header) and column."""

    def __init__(self, line: int, column: str, why: str) -> None:
        super().__init__(f"line {line}, column {column}: {why}")
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file."""

    invoice: str
    product: str
    quantity: int
    at: int
    price: Decimal
    customer: str


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an invoice; `amount` in hundredths of the currency."""

    product: str
    quantity: int
    amount: int

    @property
    def category(self) -> str:
        """`goods`, or `service` for postage, charges, discounts and adjustments."""
        return "goods" if GOODS.match(self.product) else "service"


@dataclass(frozen=True, slots=True)
class Sale:
    """One invoice; `customer` is empty for a guest; `at` in Unix seconds."""

    invoice: str
    customer: str
    at: int
    lines: tuple[Line, ...]

    @property
    def key(self) -> str:
        return f"sale-{self.invoice}"


@dataclass(frozen=True, slots=True)
class Refund:
    """What one cancellation takes back of one earlier sale."""

    invoice: str
    of: str
    customer: str
    at: int
    lines: tuple[Line, ...]

    @property
    def key(self) -> str:
        return f"refund-{self.invoice}-{self.of}"


def read_rows(text: TextIO) -> Iterator[Row]:
    """Parses a file; raises BadFile on the first cell that is not what its column should hold. Times are UTC."""
    reader = csv.DictReader(text)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise BadFile(1, missing[0], f"missing; expected the columns {', '.join(COLUMNS)}")
    for cells in reader:
        yield _row(cells, reader.line_num)


def _row(cells: dict[str, str | None], number: int) -> Row:
    column = "InvoiceNo"
    try:
        invoice = _text(cells[column], r"[A-Za-z]?\d{1,18}")
        column = "StockCode"
        product = _text(cells[column], r"[ -~]{1,64}").replace(" ", "-")
        column = "Quantity"
        quantity = int(cells[column] or "")
        column = "InvoiceDate"
        at = int(datetime.fromisoformat(cells[column] or "").replace(tzinfo=UTC).timestamp())
        column = "UnitPrice"
        price = Decimal(cells[column] or "")
        if not price.is_finite():
            raise ValueError("not a finite number")
        column = "CustomerID"
        customer = _text(cells[column], r"[A-Za-z0-9.-]{0,32}")
    except (ValueError, InvalidOperation) as error:
        raise BadFile(number, column, str(error) or "not a number") from None
    return Row(invoice, product, quantity, at, price, customer)


def _text(cell: str | None, pattern: str) -> str:
    value = (cell or "").strip()
    if not re.fullmatch(pattern, value):
        raise ValueError("empty, too long or of an unexpected shape")
    return value


def count_invoices(rows: Iterable[Row]) -> Counter[str]:
    """Lines per invoice: a first pass, which also shows that the whole file can be read."""
    return Counter(row.invoice for row in rows)


def group_invoices(rows: Iterable[Row], sizes: Counter[str]) -> Iterator[list[Row]]:
    """Whole invoices, each when its last line has come; the lines of one need not stand together."""
    open_invoices: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        open_invoices[row.invoice].append(row)
        if len(open_invoices[row.invoice]) == sizes[row.invoice]:
            yield open_invoices.pop(row.invoice)


def amount_of(quantity: int, price: Decimal) -> int:
    """quantity × price in hundredths, rounded half up; both positive."""
    return int((quantity * price * 100).quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(slots=True)
class Bought:
    """What is left to give back of one product of one sale."""

    invoice: str
    quantity: int
    amount: int


@dataclass
class Matcher:
    """Turns invoices, in the file's order, into sales and refunds; counts what it leaves out. Each line of the file is
    sent, sent in part, or skipped for one reason."""

    #: Lines of which nothing was sent.
    skipped: Counter[Skipped] = field(default_factory=Counter)
    #: Lines of refunds that were sent for less than they say.
    cut: Counter[Skipped] = field(default_factory=Counter)
    lines: int = 0
    #: Lines that are in a sale or, wholly or partly, in refunds.
    sent: int = 0
    #: (customer, product) → what can still be given back, oldest first.
    _bought: dict[tuple[str, str], list[Bought]] = field(default_factory=lambda: defaultdict(list))

    def feed(self, invoice: Sequence[Row]) -> list[Sale | Refund]:
        """One invoice; its sale, or the refunds of the sales that it cancels, or nothing."""
        self.lines += len(invoice)
        if invoice[0].invoice.startswith("C"):
            return list(self._refunds(invoice))
        sale = self._sale(invoice)
        return [sale] if sale.lines else []

    def _sale(self, invoice: Sequence[Row]) -> Sale:
        first = invoice[0]
        lines = []
        for row in invoice:
            reason = Skipped.STOCK if row.quantity <= 0 else _unsendable(row.quantity, row.price)
            if reason:
                self.skipped[reason] += 1
                continue
            line = Line(row.product, row.quantity, amount_of(row.quantity, row.price))
            lines.append(line)
            if first.customer:
                bought = Bought(row.invoice, line.quantity, line.amount)
                self._bought[(first.customer, row.product)].append(bought)
        self.sent += len(lines)
        return Sale(first.invoice, first.customer, first.at, tuple(lines))

    def _refunds(self, invoice: Sequence[Row]) -> Iterator[Refund]:
        first = invoice[0]
        by_sale: dict[str, list[Line]] = defaultdict(list)
        for row in invoice:
            for of, line in self._take_back(row):
                by_sale[of].append(line)
        for of, lines in by_sale.items():
            yield Refund(first.invoice, of, first.customer, first.at, tuple(lines))

    def _take_back(self, row: Row) -> list[tuple[str, Line]]:
        """Splits one cancelled line over the customer's purchases of that product, newest first."""
        reason = Skipped.NOT_CANCELLED if row.quantity >= 0 else _unsendable(-row.quantity, row.price)
        if reason is None and not row.customer:
            reason = Skipped.GUEST_REFUND
        if reason:
            self.skipped[reason] += 1
            return []
        left = -row.quantity
        stack = self._bought[(row.customer, row.product)]
        taken, dearer = [], False
        while left and stack:
            newest = stack[-1]
            quantity = min(left, newest.quantity)
            wanted = amount_of(quantity, row.price)
            amount = min(wanted, newest.amount)
            dearer = dearer or amount < wanted
            newest.quantity -= quantity
            newest.amount -= amount
            left -= quantity
            if newest.quantity == 0:
                stack.pop()
            if amount:
                taken.append((newest.invoice, Line(row.product, quantity, amount)))
        if not taken:
            goods = GOODS.match(row.product)
            nothing = Skipped.BEFORE_FILE if goods else Skipped.ADJUSTMENT
            self.skipped[Skipped.DEARER if dearer else nothing] += 1
        elif left or dearer:
            self.cut[Skipped.PARTLY if left else Skipped.DEARER] += 1
        self.sent += bool(taken)
        return taken


def _unsendable(quantity: int, price: Decimal) -> Skipped | None:
    if price <= 0:
        return Skipped.ZERO_PRICE
    amount = amount_of(quantity, price)
    if amount == 0:
        return Skipped.ZERO_AMOUNT
    return Skipped.TOO_LARGE if amount > MAX_AMOUNT else None
