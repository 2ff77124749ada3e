"""`loyalty bench`: how fast everything is here, beside what others would use. The measuring itself is in the repository
(tests/bench), because it needs compilers, peers and servers that nobody who runs a gateway should have to install."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.console import AsJson, CommandError, facts, out

ROOT = Path(__file__).parents[2]
PARTS = ("peers", "ceilings", "ours", "redemptions", "history", "growth")


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: shows that it works, proves little.")] = False,
    only: Annotated[str, typer.Option(help=f"Parts: {', '.join(PARTS)}.")] = ",".join(PARTS),
    databases: Annotated[str, typer.Option(help="Of: sqlite, postgresql.")] = "sqlite,postgresql",
    write: Annotated[bool, typer.Option("--write", help="Keep the figures in docs/performance.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the gateway beside its peers and ceilings, in one run: some fifteen minutes, all processors.

    Example: loyalty bench --quick --databases sqlite --json
    """
    if not (ROOT / "tests" / "bench").is_dir():
        raise CommandError("the benchmark lies in the project's repository, not in the package")
    sys.path.insert(0, str(ROOT))  # first: libraries bring modules called `tests` along
    try:
        run, report = import_module("tests.bench.run"), import_module("tests.bench.report")
    except ImportError as error:
        raise CommandError(f"the benchmark needs {error.name}, which is not installed", "make setup") from None
    parts = only.split(",")
    if unknown := set(parts) - set(PARTS):
        raise CommandError(f"no such part: {', '.join(sorted(unknown))} (there are: {', '.join(PARTS)})")
    figures = run.measure(quick, parts, databases.split(","), lambda text: out.note(f"[dim]{text}[/]"))
    if write:
        report.save(figures)
    out.result(figures, lambda: facts("Marks", report.summary(figures)))
