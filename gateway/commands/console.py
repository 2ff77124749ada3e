"""What a command says: one result on stdout (a table, or with --json one document), everything else on stderr."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from gateway.client import ProblemAnswer, Unreachable

#: Commas part thousands, as `points` shows them, and nothing else: 1,50 must never be 150.
POINTS = re.compile(r"(\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(?:\.(\d{1,2}))?", re.ASCII)

HUNDREDTHS = re.compile(r"\b(\d+) hundredths\b", re.ASCII)
#: Refusals whose hundredths are of a currency.
MONEY = frozenset({"invalid-request", "refund-exceeds-purchase"})

#: What would help against some refusals.
HINTS = {
    "unauthenticated": "loyalty merchant new NAME   (a merchant whose key the gateway knows no more gets a new one)"
}

#: What is Unix seconds, beside all that ends in `_at`.
MOMENTS = frozenset({"deadline", "end", "expiry", "valid_from", "valid_until"})


class CommandError(Exception):
    """The command cannot do what was asked (exit code 1). `example` is a command line that would help."""

    def __init__(self, message: str, example: str | None = None, code: str = "command-failed") -> None:
        super().__init__(message)
        self.example, self.code = example, code


class Output:
    """Where commands write. `json` is set by --json, before the command runs."""

    def __init__(self) -> None:
        self.json = False

    @property
    def notes(self) -> Console:
        """Progress and remarks, on stderr."""
        return Console(stderr=True, highlight=False)

    def note(self, text: str) -> None:
        """One remark for people."""
        self.notes.print(text, soft_wrap=True)

    def result(self, document: Any, render: Callable[[], RenderableType] | None = None) -> None:
        """The command's answer: `document` with --json, else what `render` makes of it."""
        if self.json or render is None:
            sys.stdout.write(json.dumps(document, indent=None if self.json else 2, sort_keys=False) + "\n")
            return
        Console(highlight=False).print(render())

    def progress(self) -> Progress:
        """A progress display on stderr; nothing is drawn where stderr is not a terminal."""
        console = self.notes
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )


out = Output()


def _set_json(value: bool) -> bool:
    out.json = value
    return value


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.", callback=_set_json, is_eager=True)]


def parse_points(text: str | int) -> int:
    """`12.5` → 1,250 hundredths. At most two decimals; zero and more. An option's default is hundredths already."""
    if isinstance(text, int):
        return text
    match = POINTS.fullmatch(text)
    if not match:
        raise typer.BadParameter("points with at most two decimals, e.g. 12.50")
    return int(match[1].replace(",", "")) * 100 + int((match[2] or "").ljust(2, "0"))


def points(hundredths: int) -> str:
    """1,250 hundredths → `12.50`."""
    sign = "-" if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths), 100)
    return f"{sign}{whole:,}.{rest:02}"


def in_points(problem: ProblemAnswer) -> str:
    """A refusal as people read it: the API speaks of hundredths, who types speaks of points."""
    unit = "" if problem.code in MONEY else " points"
    return HUNDREDTHS.sub(lambda found: f"{points(int(found[1]))}{unit}", str(problem))


def parse_duration(text: str | int) -> int:
    """`90`, `90s`, `15m`, `12h`, `30d` → seconds. An option's default is seconds already."""
    if isinstance(text, int):
        return text
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text, re.ASCII)
    if not match:
        raise typer.BadParameter("seconds, or a number with s, m, h or d, e.g. 30d")
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}[match[2]]


def moment(seconds: int) -> str:
    """Unix seconds for people."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def amounts(words: str, default: str | None = None) -> Any:
    """An option in points; `default` as one would type it, for the code's default is in hundredths."""
    return typer.Option(parser=parse_points, metavar="POINTS", help=words, show_default=default or True)


def duration(words: str, default: str | None = None) -> Any:
    """An option that is a time; `default` as one would type it, for the code's default is in seconds."""
    return typer.Option(parser=parse_duration, metavar="TIME", help=words, show_default=default or True)


def span(seconds: int) -> str:
    """1,209,600 seconds → `14d`, in the largest unit that divides them; `parse_duration` reads it."""
    units = (("d", 86_400), ("h", 3_600), ("m", 60))
    return next((f"{seconds // size}{unit}" for unit, size in units if seconds and seconds % size == 0), f"{seconds}s")


Points = Annotated[int, typer.Argument(parser=parse_points, metavar="POINTS", help="Points, e.g. 12.50")]


def _titled(title: str | None, **options: Any) -> Table:
    """As wide as its title where the screen is: half an address cannot be copied."""
    width = len(title) if title else None
    return Table(title=title, title_justify="left", title_style="bold", min_width=width, **options)


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose columns after the first are right-aligned where they hold numbers. Cells are shown as they are:
    names of campaigns and offers are other people's texts, and `[/]` in one is no markup."""
    made = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    result = _titled(title, header_style="bold")
    for index, column in enumerate(columns):
        numeric = bool(made) and all(re.fullmatch(r"-?[\d,.]*%?", row[index]) for row in made)
        result.add_column(column, justify="right" if numeric and index else "left", overflow="fold")
    for row in made:
        result.add_row(*map(Text, row))
    return result


def facts(title: str | None, pairs: Iterable[tuple[str, object]]) -> Table:
    """A two-column list of names and values."""
    result = _titled(title, show_header=False)
    result.add_column(style="dim")
    result.add_column(overflow="fold")
    for name, value in pairs:
        result.add_row(Text(name), Text(str(value)))
    return result


def for_people(
    answer: Mapping[str, Any], money: Collection[str] = (), spans: Collection[str] = ()
) -> list[tuple[str, object]]:
    """A document for `facts`, without what is not there. `money` names what is in hundredths of a point, `spans` what
    is in seconds; moments are known by their names."""
    shown: list[tuple[str, object]] = []
    for name, given in answer.items():
        value: object = _present(given)
        if value in (None, [], {}):
            continue
        if isinstance(given, bool):
            value = "yes" if given else "no"
        elif name in money:
            value = points(given)
        elif name in spans:
            value = span(given)
        elif given and (name.endswith("_at") or name in MOMENTS):
            value = moment(given)
        elif isinstance(value, dict | list):
            import yaml  # few commands show any

            value = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()
        shown.append((name.replace("_", " "), value))
    return shown


def _present(value: Any) -> Any:
    """Without members that say nothing."""
    if isinstance(value, Mapping):
        kept = {name: _present(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, [], {})}
    return [_present(each) for each in value] if isinstance(value, list) else value


def fail(message: str, code: str, example: str | None = None, extra: dict[str, Any] | None = None) -> NoReturn:
    """Ends the command with exit code 1, saying why on stderr and with --json on stdout."""
    console = Console(stderr=True, highlight=False)
    console.print("[bold red]error:[/] ", end="")
    console.print(message, markup=False, soft_wrap=True)
    if example:
        console.print(f"  try: {example}", markup=False, soft_wrap=True)
    if out.json:
        sys.stdout.write(json.dumps({"error": {"code": code, "message": message, **(extra or {})}}) + "\n")
    raise typer.Exit(1)


class Group(TyperGroup):
    """Turns the errors that commands raise or meet into one line and exit code 1; wrong usage keeps click's code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            fail(str(error), error.code, error.example)
        except ProblemAnswer as problem:
            fail(in_points(problem), problem.code, HINTS.get(problem.code), {"problem": problem.body})
        except Unreachable as error:
            fail(str(error), "gateway-unreachable", "loyalty up   (or set LOYALTY_GATEWAY_URL)")
        except typer.Exit:
            raise
        except Exception as error:
            from gateway.commands import failures  # it knows the chain, which most commands need not load

            known = failures.told(error)
            if known is None:
                raise
            fail(str(known), known.code, known.example)
