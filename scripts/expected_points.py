"""What purchases are worth under tests/data/supermarket_uk.yaml, computed a second time: with pandas, from the columns
of the file, by the text of the programme. Shares no line with the gateway's rules, refunds or reader of files.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

LONDON = ZoneInfo("Europe/London")
LIGHTS = {"85123A", "22086", "84879", "21733"}
GOODS = r"\d{5}|DCGS|gift_"
#: Hundredths of a point a day and wallet; the first four rules count.
A_DAY = 50_000
LARGEST = 999_999_999
#: The ladder: what the days of the last thirty have earned together, and what a rung makes of each point.
MARKS, PERCENTS = (20_000, 60_000), (100, 120, 150)
WINDOW = 30


@dataclass
class Sale:
    """One invoice: what counts for each rule, what each gave, and how high its wallet stood that day."""

    invoice: str
    wallet: str
    at: pd.Timestamp
    rank: int = 0
    #: Money on goods, money on lights, pieces of lights, all money.
    goods: int = 0
    lights: int = 0
    pieces: int = 0
    money: int = 0
    given: list[int] = field(default_factory=lambda: [0] * 5)

    def wanted(self) -> list[int]:
        """What base, lights, dozen, big basket and first purchase would give without caps."""
        local = self.at.tz_localize("UTC").tz_convert(LONDON)
        percent = PERCENTS[self.rank]
        if pd.Timestamp("2010-12-01").date() <= local.date() <= pd.Timestamp("2010-12-24").date():
            percent = max(percent, 133)
        if local.day_name() == "Thursday" and 12 <= local.hour < 14:
            percent = 200  # the best of those that hold
        base = self.goods * percent // 100
        lights, dozen = self.lights * 37 // 100, self.pieces // 12 * 900
        if lights >= dozen:
            dozen = 0
        else:
            lights = 0
        return [base, lights, dozen, 2_500 if self.goods >= 30_000 else 0, 1_000 if self.money else 0]


def capped(wanted: list[int], room: int, times: int) -> list[int]:
    """The day's room goes to the first rules first; the first purchase counts once."""
    given = []
    for points in wanted[:4]:
        given.append(min(points, max(room, 0)))
        room -= given[-1]
    return [*given, wanted[4] if times > 0 else 0]


def money(quantity: int, price: Decimal) -> int:
    """Hundredths of a pound, rounded half up."""
    return int((quantity * price * 100).quantize(Decimal(1), ROUND_HALF_UP))


def load(path: Path) -> pd.DataFrame:
    """The file's lines in order, with invoices numbered by their last line: until then they are not complete."""
    lines = pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="replace")
    for column in ("InvoiceNo", "StockCode", "CustomerID"):
        lines[column] = lines[column].str.strip()
    lines["product"] = lines["StockCode"].str.replace(" ", "-")
    lines["goods"] = lines["product"].str.match(GOODS)
    lines["quantity"] = lines["Quantity"].astype(int)
    lines["price"] = lines["UnitPrice"].map(Decimal)
    lines["at"] = pd.to_datetime(lines["InvoiceDate"])
    lines["back"] = lines["InvoiceNo"].str.startswith("C")
    lines["last"] = lines.groupby("InvoiceNo")["InvoiceNo"].transform(lambda part: part.index[-1])
    return lines


def expected(path: Path) -> tuple[pd.Series, dict[str, int]]:
    """Hundredths of a point by wallet label (`customer-…`, `guest-…`) after all refunds, and totals.

    All sales come before all refunds, each in the order of the file; every guest claims its code.
    """
    lines = load(path)
    sales, shelf = _sales(lines[~lines["back"]])
    awarded = sum(sum(sale.given) for sale in sales.values())
    refunds, taken = _refunds(lines[lines["back"]], sales, shelf)
    frame = pd.DataFrame([(sale.wallet, sum(sale.given)) for sale in sales.values()], columns=["wallet", "points"])
    totals = {"sales": len(sales), "refunds": refunds, "points": awarded, "points_refunded": taken}
    return frame.groupby("wallet")["points"].sum(), totals


@dataclass
class Bought:
    """One line that may come back: where its invoice ends in the file, and what is left of it."""

    place: int
    invoice: str
    pieces: int
    money: int


#: (customer, product) → lines, oldest first.
Shelf = dict[tuple[str, str], list[Bought]]


def _sales(lines: pd.DataFrame) -> tuple[dict[str, Sale], Shelf]:
    good = lines[(lines["quantity"] > 0) & (lines["price"] > 0)].copy()
    good["money"] = [money(q, p) for q, p in zip(good["quantity"], good["price"], strict=True)]
    good = good[(good["money"] > 0) & (good["money"] <= LARGEST)]
    first = lines.groupby("InvoiceNo").first()
    sales: dict[str, Sale] = {}
    shelf: Shelf = defaultdict(list)
    for (place, invoice), part in good.groupby(["last", "InvoiceNo"], sort=True):
        head = first.loc[invoice]
        customer = head["CustomerID"]
        wallet = f"customer-{customer}" if customer else f"guest-{invoice}"
        lights = part[part["product"].isin(LIGHTS)]
        sales[invoice] = Sale(
            invoice,
            wallet,
            head["at"],
            goods=int(part.loc[part["goods"], "money"].sum()),
            lights=int(lights["money"].sum()),
            pieces=int(lights["quantity"].sum()),
            money=int(part["money"].sum()),
        )
        if customer:
            for line in part.itertuples():
                shelf[(customer, line.product)].append(Bought(place, invoice, line.quantity, line.money))
    _award(sales)
    return sales, shelf


def _award(sales: dict[str, Sale]) -> None:
    """In the order of time: the day's room, the first purchase, and the rank by what the days before have earned."""
    used: dict[tuple[str, object], int] = defaultdict(int)
    earned: dict[str, list[tuple[pd.Timestamp, int]]] = defaultdict(list)
    for sale in sorted(sales.values(), key=lambda sale: sale.at):
        today = sale.at.tz_localize("UTC").tz_convert(LONDON).tz_localize(None).normalize()
        since = today - pd.Timedelta(days=WINDOW)
        sum_of_window = sum(points for day, points in earned[sale.wallet] if since <= day < today)
        sale.rank = sum(sum_of_window >= mark for mark in MARKS)
        day = (sale.wallet, today)
        sale.given = capped(sale.wanted(), A_DAY - used[day], int(not earned[sale.wallet]))
        used[day] += sum(sale.given[:4])
        earned[sale.wallet].append((today, sum(sale.given)))


def _refunds(lines: pd.DataFrame, sales: dict[str, Sale], shelf: Shelf) -> tuple[int, int]:
    """Matches each cancelled line with the customer's newest purchases of that product; refunds and points taken."""
    count = taken = 0
    for (place, _invoice), part in lines.groupby(["last", "InvoiceNo"], sort=True):
        back: dict[str, list[tuple[str, bool, int, int]]] = defaultdict(list)
        for line in part.itertuples():
            if line.quantity >= 0 or line.price <= 0 or not line.CustomerID:
                continue
            if not 0 < money(-line.quantity, line.price) <= LARGEST:
                continue
            left = -line.quantity
            # Newest first; what was bought after it cannot be what came back.
            for bought in reversed([b for b in shelf.get((line.CustomerID, line.product), []) if b.place < place]):
                some = min(left, bought.pieces)
                if not some:
                    continue
                amount = min(money(some, line.price), bought.money)
                bought.pieces, bought.money, left = bought.pieces - some, bought.money - amount, left - some
                if amount:
                    back[bought.invoice].append((line.product, bool(line.goods), some, amount))
        for invoice, pieces_back in back.items():
            count += 1
            taken += _take_back(sales[invoice], pieces_back)
    return count, taken


def _take_back(sale: Sale, back: list[tuple[str, bool, int, int]]) -> int:
    """What is left of the sale gives what it would have given alone, with the room that the sale had."""
    before, had = sum(sale.given), list(sale.given)
    full = sale.wanted()
    for product, goods, pieces, amount in back:
        sale.money -= amount
        if goods:
            sale.goods -= amount
        if product in LIGHTS:
            sale.lights, sale.pieces = sale.lights - amount, sale.pieces - pieces
    was_cut = any(old < wanted for old, wanted in zip(had[:4], full[:4], strict=True))
    once_cut = had[4] < full[4]
    given = capped(sale.wanted(), sum(had[:4]) if was_cut else 10**12, int(had[4] > 0) if once_cut else 1)
    room = before
    for number, points in enumerate(given):  # a refund never gives
        given[number] = min(points, room)
        room -= given[number]
    sale.given = given
    return before - sum(given)
