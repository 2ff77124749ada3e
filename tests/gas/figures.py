"""tests/gas/figures.json: gas of whole transactions, reviewed when it changes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.gas.bench import Figures

FILE = Path(__file__).parent / "figures.json"
DOCS = Path(__file__).parents[2] / "docs"


def load() -> Figures:
    groups = json.loads(FILE.read_text())
    return {
        name: {int(size): gas for size, gas in sizes.items()}
        for figures in groups.values()
        for name, sizes in figures.items()
    }


def save(**groups: Figures) -> None:
    """One figure a line, so that a change is read at a glance."""
    parts = []
    for group, figures in groups.items():
        lines = [f"    {json.dumps(name)}: {json.dumps(sizes)}" for name, sizes in figures.items()]
        parts.append(f"  {json.dumps(group)}: {{\n" + ",\n".join(lines) + "\n  }")
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n")
