"""The table and the plot of docs/performance.md, from one run's figures and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Any

from tests.bench.ours import LOADS
from tests.bench.world import ROOT

DOCS = ROOT / "docs"
FIGURES = ROOT / "tests" / "bench" / "figures.json"
FROM, TO = "<!-- figures: written by `loyalty bench --write` -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Mark:
    """What is to be reached. `at_least` False: at most."""

    name: str
    path: tuple[str, ...]
    value: float
    at_least: bool = True

    def found(self, figures: dict[str, Any], kind: str) -> float | None:
        if self.path[0] == "growth":
            grown = list(figures.get(kind, {}).get("growth", {}).get(self.path[1], {}).values())
            return grown[-1]["together"] / grown[0]["together"] if grown else None
        return _look({**figures.get(kind, {}), "ratios": figures.get("ratios", {}).get(kind, {})}, self.path)

    def cell(self, figures: dict[str, Any], kind: str) -> str:
        found = self.found(figures, kind)
        if found is None:
            return "not measured"
        met = found >= self.value if self.at_least else found <= self.value
        return f"{found:,.2f}" if met else f"**{found:,.2f}, not met**"


MARKS = (
    Mark("single, accepted to credited, of the durable ceiling", ("ratios", "single_of_ceiling"), 0.8),
    Mark("bulk, accepted to credited, of the durable ceiling", ("ratios", "bulk_of_ceiling"), 0.5),
    Mark("bulk, of the node's own limit", ("ratios", "bulk_of_node"), 0.2),
    Mark("bulk, times web3.py and wait", ("ratios", "bulk_of_naive"), 500),
    Mark("single, times web3.py and wait", ("ratios", "single_of_naive"), 40),
    *(
        Mark(f"accepted to minted at half of what is {what} a second, {part}, seconds", (load, key), most, False)
        for load, what in LOADS.items()
        for part, key, most in (("median", "minted_p50_s", 0.9), ("99 %", "minted_p99_s", 2.0))
    ),
    Mark("acceptance at half of what is accepted a second, 99 %, ms", ("paced", "accept_p99_ms"), 50, False),
    Mark("acceptance at half of what is credited a second, 99 %, ms", ("steady", "accept_p99_ms"), 50, False),
    Mark("a chain's history read, events a second", ("history", "read"), 20_000),
    Mark("cost of a till's action, most to fewest there already", ("growth", "single"), 1.2, False),
    Mark("cost of an action in bulk, most to fewest there already", ("growth", "bulk"), 1.2, False),
    Mark("gateway's memory, MB", ("memory_mb", "gateway"), 300, False),
    Mark("worker's memory, MB", ("memory_mb", "worker"), 300, False),
)
ROWS = {
    "single": "one action a request",
    "bulk": "500 actions a request",
}
CEILINGS = {
    "empty": "FastAPI, empty handler",
    "row": "FastAPI, a durable row a request",
    "rows": "FastAPI, 500 durable rows a request",
}
#: Tables of what is measured on each database: row by row the name, and where the figure lies.
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "a second": {
        **{f"**ours**, {name}, {what}": (key, what) for key, name in ROWS.items() for what in ("accepted", "credited")},
        "**ours**, signed orders, accepted": ("redemptions", "accepted"),
        "**ours**, signed orders, code delivered": ("redemptions", "delivered"),
        **{name: ("ceilings", key) for key, name in CEILINGS.items()},
        "a chain's history, events read": ("history", "read"),
        "a chain's history, events read and applied by all rooms": ("history", "applied"),
    },
    "processor time, microseconds each": {
        **{
            f"{name}: {process}": (key, f"{process}_us")
            for key, name in {**ROWS, "redemptions": "a signed order"}.items()
            for process in ("gateway", "worker", "node")
        },
        **{name: ("ceilings", f"{key}_us") for key, name in CEILINGS.items()},
        "an event of a chain's history, read": ("history", "read_us"),
        "an event of a chain's history, read and applied by all rooms": ("history", "applied_us"),
    },
    "gas": {"an action of a full batch, whole transaction": ("gas",)},
}


def save(figures: dict[str, Any]) -> None:
    """Keeps a run's figures and writes them into the page and the plot. What a run left out stays as it was, marked
    with its own commit; ratios are of one run only."""
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    older = kept.get("older", {})
    for name in ("peers", "node", "ratios"):
        if name in kept and name not in figures:
            figures[name] = kept[name]
            figures.setdefault("older", {})[name] = older.get(name, kept["machine"]["commit"])
    for kind in databases(kept):
        for part in kept[kind].keys() - figures.setdefault(kind, {}).keys():
            figures[kind][part], name = kept[kind][part], f"{part} on {kind}"
            figures.setdefault("older", {})[name] = older.get(name, kept["machine"]["commit"])
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    page = (DOCS / "performance.md").read_text()
    before, rest = page.split(FROM)
    after = rest.split(TO)[1]
    (DOCS / "performance.md").write_text(f"{before}{FROM}\n\n{tables(figures)}\n\n{TO}{after}")
    (DOCS / "performance.svg").write_text(plot(figures))


def databases(figures: dict[str, Any]) -> list[str]:
    return [kind for kind in ("sqlite", "postgresql") if kind in figures]


def tables(figures: dict[str, Any]) -> str:
    """Everything that was measured, as Markdown."""
    kinds = databases(figures)
    parts = [_table(["mark", "to reach", *kinds], [_mark(mark, figures, kinds) for mark in MARKS])]
    for head, lines in TABLES.items():
        found = {name: [_look(figures[kind], path) for kind in kinds] for name, path in lines.items()}
        rows = [[name, *map(_n, values)] for name, values in found.items() if set(values) != {None}]
        if rows:
            parts.append(_table([head, *kinds], rows))
    others = [[name, _n(value)] for name, value in figures.get("peers", {}).items()]
    others += [
        [f"the node, packed batches of 500, {name}", _n(value)] for name, value in figures.get("node", {}).items()
    ]
    if others:
        parts.append(_table(["mints a second", ""], others))
    for kind in kinds:
        for name, grown in figures[kind].get("growth", {}).items():
            parts.append(_growth(f"{ROWS[name]}, processor time in microseconds; {kind}", grown))
    parts.append(_where(figures))
    return "\n\n".join(parts)


def _look(figures: Any, path: tuple[str, ...]) -> float | None:
    for step in path:
        figures = figures.get(step) if isinstance(figures, dict) else None
    return None if figures is None else float(figures)


def _growth(name: str, grown: dict[str, Any]) -> str:
    rows = [[step, *(_n(grown[size][step]) for size in grown)] for step in next(iter(grown.values()))]
    heads = [f"{int(size):,} there already" for size in grown]
    return _table([name, *heads], rows)


def _mark(mark: Mark, figures: dict[str, Any], kinds: list[str]) -> list[str]:
    bound = f"{'at least' if mark.at_least else 'at most'} {mark.value:g}"
    return [mark.name, bound, *(mark.cell(figures, kind) for kind in kinds)]


def _where(figures: dict[str, Any]) -> str:
    machine = dict(figures["machine"])
    processor, cores, load, commit = (machine.pop(name) for name in ("processor", "cores", "load_before", "commit"))
    versions = " · ".join(f"{name} {value}" for name, value in machine.items())
    older = "".join(f"; {name} at commit {commit}" for name, commit in figures.get("older", {}).items())
    return f"{processor}, {cores} cores, load {load} before the run, commit {commit}{older} · {versions}"


def _n(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# ----------------------------------------------------------------------- plot

WIDTH, LABEL, BAR, GAP, HEAD = 860, 330, 20, 6, 40


def plot(figures: dict[str, Any]) -> str:
    """Bars of actions a second on SQLite, beside the others; logarithmic, because they lie four powers of ten apart."""
    part = figures["sqlite"]
    values = dict(figures.get("peers", {}))
    values |= {f"ceiling: {name}": value for name, value in part.get("ceilings", {}).items()}
    values |= {f"ours, {name}, to credited": part[name]["credited"] for name in ROWS}
    values |= {f"ceiling: node, {name} holders": value for name, value in figures.get("node", {}).items()}
    lines = ['<text x="0" y="26" font-weight="bold">Actions a second (logarithmic), SQLite</text>']
    y, most = HEAD, max(map(_digits, values.values()))
    for name, value in sorted(values.items(), key=lambda pair: pair[1]):
        colour = "#999" if "ceiling" in name else "#0a7d5a" if "ours" in name else "#c9a44a"
        width = max(1.0, (WIDTH - LABEL - 70) * _digits(value) / most)
        lines += [
            f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LABEL}" y="{y}" width="{width:.0f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LABEL + width + 6:.0f}" y="{y + 15}">{_n(value)}</text>',
        ]
        y += BAR + GAP
    style = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" {style}>'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>', *lines, "</svg>", ""])


def _digits(value: float) -> float:
    return max(0.0, log10(max(value, 1.0)))


def summary(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Marks and what was found, for a terminal."""
    kinds = databases(figures)
    return [
        (f"{mark.name}, {'≥' if mark.at_least else '≤'} {mark.value:g}", f"{kind}: {mark.cell(figures, kind)}")
        for mark in MARKS
        for kind in kinds
    ]
