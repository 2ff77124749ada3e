"""docs/gas.md and its plot, from tests/gas/figures.json and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from tests.gas.bench import AWARD_SIZES, ORDER_SIZES, Figures

AWARDS = {
    "the fee schedule's floor": "floor",
    "**ours**, open loop": "award, open loop",
    "**ours**, closed loop": "award, closed loop",
    "**ours**, with hold": "award, with hold",
    "Solady, packed mint loop": "Solady, packed mint loop",
    "OpenZeppelin, mint loop": "OpenZeppelin, mint loop",
    "airdrop of an OpenZeppelin token": "airdrop of an OpenZeppelin token",
    "OpenZeppelin ERC-1155, mint loop": "OpenZeppelin ERC-1155, mint loop",
    "OpenZeppelin, a mint a transaction": "OpenZeppelin, a mint a transaction",
}
REDEMPTIONS = {
    "the fee schedule's floor, plain burn by order": "floor, plain burn",
    "the fee schedule's floor, redemption by order": "floor, redemption",
    "**ours**, from accounts": "redemption, from accounts",
    "**ours**, from wallets": "redemption, from wallets",
    "forwarder, plain burn": "forwarder, plain burn, batch",
    "forwarder, merchant paid, told in a log": "forwarder, merchant paid, told in a log, batch",
    "the same, a holder's first order": "forwarder, merchant paid, told in a log, batch, first order",
    "forwarder, merchant paid, record stored": "forwarder, merchant paid, record stored, batch",
    "the same, a holder's first order ": "forwarder, merchant paid, record stored, batch, first order",
    "forwarder, merchant paid, record stored, one a transaction": "forwarder, merchant paid, record stored, single",
}
REST = {
    "clawback": "clawback",
    "release to empty wallets": "release, empty wallets",
    "release to wallets in use": "release, wallets in use",
    "transfer by order": "transfer",
    "cash-out by order": "cash-out",
    "enter by order": "enter",
    "leave by order": "leave",
    "move by order, open to open": "move, to open",
    "move by order, open to closed with bonus": "move, to closed",
}


@dataclass(frozen=True)
class Mark:
    """`ours` is to cost at most `most` times `theirs`, both for an entry of a batch of `size`."""

    ours: str
    theirs: str
    size: int
    most: float

    def ratio(self, figures: Figures) -> float:
        return figures[self.ours][self.size] / figures[self.theirs][self.size]


MARKS = (
    Mark("award, open loop, fresh", "floor, fresh", 500, 1.03),
    Mark("award, open loop, existing", "floor, existing", 500, 1.10),
    Mark("award, closed loop, fresh", "floor, fresh", 500, 1.08),
    Mark("award, closed loop, existing", "floor, existing", 500, 1.15),
    Mark("award, with hold, fresh", "floor, fresh", 500, 1.08),
    Mark("award, with hold, existing", "floor, existing", 500, 1.15),
    Mark("award, with hold, existing, new period", "floor, existing", 500, 1.15),
    Mark("redemption, from wallets", "forwarder, merchant paid, record stored, batch", 50, 0.42),
    Mark("redemption, from accounts", "forwarder, merchant paid, record stored, batch", 50, 0.42),
)

PAGE = """# What it costs

Written by `make gas` from `tests/gas/figures.json`; do not edit. Gas of whole transactions on anvil (Prague), divided
by their entries, everything included: the transaction's base price, calldata, the settlement asset's payment, caps,
batch numbers and budget. Ours and the others' are measured in the same run, compiled by the same compiler with the
same settings; the others are in `tests/gas/contracts/`. `make test` measures ours again and fails when a figure is
more than 1 % worse than the file says.

![Gas of an award in a batch of 500, and of a redemption in a batch of 50](gas.svg)

## Awards, gas an entry

*Fresh*: the holder has never had points there (in the campaign, or in the wallet); *existing*: has some.

{awards}

The floor is what the fee schedule of Prague asks of any contract that credits an address and logs a `Transfer`: base
price and one write of the supply a transaction; and for each entry 32 bytes of calldata, one slot (keccak-256 of its
place, read, written), one log. No instruction between them is counted (`tests/gas/floor.py`). With hold, an existing
holder's first award in a new hold period costs {new_period} at N = 500. Awards with hold, and of closed campaigns,
are accounts in the hub; the release to wallets is a transaction of its own (below). Solady is written in assembly and
mints without payment, campaign, cap or batch number.

## Redemptions, gas an order

{redemptions}

Ours take a signed order for an offer, pay the merchant and log a commitment to the sealed code, all of it or nothing.
The forwarder is OpenZeppelin's ERC2771Forwarder in front of an OpenZeppelin token that does the same. Told in a log
only it costs {logged}: ours is {logged_wallet:.2f} of that from wallets and {logged_account:.2f} from accounts. (0.42
of it would be below the floor: no contract can.) The record that other contracts can read takes a slot more. A
holder's first order through a forwarder pays for its nonce's slot as well; ours keep the nonce beside the balance.

## Everything else, gas a holder

{rest}

Orders that holders sign for themselves are transactions of their own: a move that fails must not take others with it.
They are measured when every slot is in use.

## Marks

{marks}

The largest award above, 500 fresh holders with hold, uses {largest:,} gas; EIP-7825 allows 16,777,216 a transaction.
"""


def page(figures: Figures) -> str:
    logged = figures["forwarder, merchant paid, told in a log, batch"][50]
    return PAGE.format(
        awards=_table(
            ["", *(f"{kind}, N = {size}" for kind in ("fresh", "existing") for size in AWARD_SIZES)],
            (
                [name, *(_each(figures[f"{key}, {kind}"], n) for kind in ("fresh", "existing") for n in AWARD_SIZES)]
                for name, key in AWARDS.items()
            ),
        ),
        new_period=_each(figures["award, with hold, existing, new period"], 500),
        redemptions=_by_size(figures, REDEMPTIONS, ORDER_SIZES),
        logged=f"{logged / 50:,.0f}",
        logged_wallet=figures["redemption, from wallets"][50] / logged,
        logged_account=figures["redemption, from accounts"][50] / logged,
        rest=_by_size(figures, REST, ORDER_SIZES),
        marks=_table(["ours", "to", "N", "at most", "is"], (_mark(figures, mark) for mark in MARKS)),
        largest=figures["award, with hold, fresh"][500],
    )


def _mark(figures: Figures, mark: Mark) -> list[str]:
    ratio = mark.ratio(figures)
    verdict = f"{ratio:.3f}" if ratio <= mark.most else f"**{ratio:.3f}, not met**"
    return [mark.ours, mark.theirs, str(mark.size), f"{mark.most:.2f}", verdict]


def _by_size(figures: Figures, names: dict[str, str], sizes: tuple[int, ...]) -> str:
    rows = ([name, *(_each(figures[key], size) for size in sizes)] for name, key in names.items())
    return _table(["", *(f"N = {size}" for size in sizes)], rows)


def _each(gas: dict[int, int], size: int) -> str:
    return f"{gas[size] / size:,.0f}" if size in gas else ""


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.strip() for cell in line) + " |" for line in lines)


# ----------------------------------------------------------------------- plot

WIDTH, LABEL, BAR, GAP, HEAD = 860, 330, 20, 6, 40
PANELS = (
    ("Award, existing holders, N = 500", AWARDS, "existing", 500),
    ("Award, fresh holders, N = 500", AWARDS, "fresh", 500),
    ("Redemption, N = 50", REDEMPTIONS, "", 50),
)


def plot(figures: Figures) -> str:
    """Bars of gas an entry, a panel a comparison, each on its own scale."""
    lines, y = [], 0
    for title, names, kind, size in PANELS:
        keys = {name: f"{key}, {kind}" if kind else key for name, key in names.items()}
        values = {name: figures[key][size] / size for name, key in keys.items() if size in figures[key]}
        lines.append(f'<text x="0" y="{y + 26}" font-weight="bold">{title}: gas an entry</text>')
        y += HEAD
        scale = (WIDTH - LABEL - 70) / max(values.values())
        for name, value in values.items():
            colour = "#999" if "floor" in name else "#0a7d5a" if "ours" in name else "#c9a44a"
            label = escape(name.replace("**", "").strip())
            lines += [
                f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{label}</text>',
                f'<rect x="{LABEL}" y="{y}" width="{value * scale:.0f}" height="{BAR}" fill="{colour}"/>',
                f'<text x="{LABEL + value * scale + 6:.0f}" y="{y + 15}">{value:,.0f}</text>',
            ]
            y += BAR + GAP
    style = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" {style}>'
    ground = f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>'
    return "\n".join([head, ground, *lines, "</svg>", ""])
