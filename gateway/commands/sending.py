"""Sends what a purchases file says through the gateway's bulk call, as tills would, and claims guests' codes."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO, cast

from gateway.client import Client, Document, Json, ProblemAnswer
from gateway.commands.bulk import BULK, report_all
from gateway.commands.console import CommandError
from gateway.commands.crowd import Crowd
from gateway.commands.purchases import (
    BadFile,
    Line,
    Matcher,
    Refund,
    Sale,
    count_invoices,
    group_invoices,
    read_rows,
)


@dataclass
class Tally:
    """What was sent and what came of it. Points in hundredths."""

    sales: int = 0
    refunds: int = 0
    repeated: int = 0
    points: int = 0
    points_refunded: int = 0
    claim_codes: int = 0
    claimed: int = 0
    wallets: set[str] = field(default_factory=set)
    #: Points by campaign and the label of the wallet that earned them.
    earned: Counter[tuple[int, str]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    claims_refused: Counter[str] = field(default_factory=Counter)

    @property
    def actions(self) -> int:
        """Those that count."""
        return self.sales + self.refunds

    @property
    def refused(self) -> Counter[str]:
        """Actions and claims that the gateway did not take, by the problem's code."""
        return self.rejected + self.claims_refused


@dataclass(frozen=True)
class Till:
    """Where one merchant's actions go."""

    client: Client
    campaign: int


@contextmanager
def open_purchases(path: Path) -> Iterator[TextIO]:
    """The text of a .csv or .csv.gz file; CommandError when there is none."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        text = cast(TextIO, opener(path, "rt", encoding="utf-8", errors="replace", newline=""))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    with text:
        yield text


class Replay:
    """`till_of` names the till of a sale's invoice number; refunds go where their sale went. `claims` percent of guests
    claim their codes with fresh wallets. `progress` is called with the lines done so far; `bulk` actions go in one
    call; `only` leaves out the other kind (and sends sales and refunds apart)."""

    def __init__(
        self,
        till_of: Callable[[str], Till],
        crowd: Crowd,
        claims: int = 50,
        progress: Callable[[int], None] = lambda _: None,
        bulk: int = BULK,
        only: type[Sale] | type[Refund] | None = None,
    ) -> None:
        self.till_of, self.crowd, self.claims, self.progress = till_of, crowd, claims, progress
        self.bulk, self.only = bulk, only
        self.matcher, self.tally = Matcher(), Tally()
        self._waiting: dict[Till, list[tuple[Sale | Refund, Json]]] = {}

    def sizes(self, path: Path) -> Counter[str]:
        """Reads the whole file once: lines per invoice. CommandError names the first cell that cannot be read."""
        with open_purchases(path) as text:
            try:
                return count_invoices(read_rows(text))
            except (BadFile, EOFError, gzip.BadGzipFile) as error:
                raise CommandError(f"{path.name}: {error}; nothing was sent", code="bad-file") from None

    def run(self, path: Path, sizes: Counter[str]) -> Tally:
        """Sends everything; safe to run again, because every action's key comes from its invoice number."""
        with open_purchases(path) as text:
            for invoice in group_invoices(read_rows(text), sizes):
                for event in self.matcher.feed(invoice):
                    if self.only is None or isinstance(event, self.only):
                        self._add(event)
        for till in list(self._waiting):
            self._flush(till)
        self.progress(self.matcher.lines)
        return self.tally

    def _add(self, event: Sale | Refund) -> None:
        till = self.till_of(event.of if isinstance(event, Refund) else event.invoice)
        waiting = self._waiting.setdefault(till, [])
        waiting.append((event, self._action(event, till)))
        if len(waiting) == self.bulk:
            self._flush(till)
            self.progress(self.matcher.lines)

    def _action(self, event: Sale | Refund, till: Till) -> Json:
        action: Json = {
            "key": event.key,
            "campaign": till.campaign,
            "occurred_at": event.at,
            "lines": [_line(line) for line in event.lines],
        }
        if isinstance(event, Refund):
            return {**action, "kind": "refund", "refers_to_key": f"sale-{event.of}"}
        if event.customer:
            return {**action, "kind": "purchase", "wallet": self.crowd.address(f"customer-{event.customer}")}
        return {**action, "kind": "purchase", "claim": True}

    def _flush(self, till: Till) -> None:
        waiting = self._waiting.pop(till, [])
        if not waiting:
            return
        for (event, action), result in zip(
            waiting, report_all(till.client, [action for _, action in waiting]), strict=True
        ):
            self._count(event, action, result, till)

    def _count(self, event: Sale | Refund, action: Json, result: Document, till: Till) -> None:
        tally = self.tally
        problem = result.get("problem")
        if problem:
            tally.rejected[problem["code"]] += 1
            return
        answer = result["action"]
        tally.repeated += bool(result.get("repeated"))
        if isinstance(event, Refund):
            tally.refunds += 1
            tally.points_refunded += answer["points"]
            return
        tally.sales += 1
        tally.points += answer["points"]
        if event.customer:
            tally.wallets.add(action["wallet"])
            tally.earned[(till.campaign, f"customer-{event.customer}")] += answer["points"]
        if answer.get("claim"):
            self._claim(event, answer["claim"]["code"], till)

    def _claim(self, event: Sale, code: str, till: Till) -> None:
        self.tally.claim_codes += 1
        if not self.crowd.chosen(event.key, self.claims):
            return
        wallet = self.crowd.address(f"guest-{event.invoice}")
        try:
            till.client.claim(code, wallet)
        except ProblemAnswer as problem:
            self.tally.claims_refused[problem.code] += 1
            return
        self.tally.claimed += 1
        self.tally.wallets.add(wallet)


def _line(line: Line) -> Json:
    return {
        "product": line.product,
        "category": line.category,
        "quantity": line.quantity,
        "amount": line.amount,
    }
