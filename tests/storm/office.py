"""The office of a merchant in a storm: tells of weeks long ago, adds and removes webhooks, looks at its figures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from gateway.core.durations import DAY
from gateway.statistics.weeks import start
from tests.storm.actors import Actor, Stage, pick
from tests.storm.hooks import Hooks
from tests.storm.plan import MOODS, Step
from tests.storm.weeks import STRANGERS, days_of

#: Webhooks at once that come and go: each gets every message.
PASSING = 2


class Office(Actor):
    """Of the merchant at `place`. Its passing webhooks come and go; one stays for ever."""

    def __init__(self, name: str, stage: Stage, steps: Sequence[Step], place: int, hooks: Hooks) -> None:
        super().__init__(name, stage, steps)
        self.place, self.hooks, self.merchant = place, hooks, self.town.merchants[place]
        self.passing: list[tuple[int, str]] = []
        self._count = 0

    def _key(self) -> str:
        self._count += 1
        return f"{self.name}-{self._count}"

    # ------------------------------------------------------------------ weeks

    def _history(self, step: Step) -> None:
        """A hundred visits of one week that is over, each of another wallet. They earn nothing."""
        week = days_of(len(self.book.weeks[self.place]))
        visit = {"campaign": self.town.reports_to(self.place)[0], "kind": "visit", "occurred_at": start(week) + 3 * DAY}
        items = [visit | {"wallet": wallet, "key": self._key()} for wallet in STRANGERS]
        _, answer = self.stage.ask("POST", "/actions/bulk", {"actions": items}, self.merchant.token)
        taken = [result for result in answer["results"] if result["status"] == 202]
        self.book.weeks[self.place][week] = len(taken)

    def _figures(self, step: Step) -> None:
        """Looks at everything published so far: no figure ever changes."""
        cursor: int | None = 0
        while cursor is not None:
            _, page = self.stage.ask("GET", f"/statistics?limit=200&cursor={cursor}", key=self.merchant.token)
            for figure in page["items"]:
                if self.book.figures.setdefault(figure["id"], figure) != figure:
                    self.book.changed_figures.append(f"figure {figure['id']} was changed")
            cursor = page["next"]

    # --------------------------------------------------------------- webhooks

    def _subscribe(self, step: Step) -> None:
        if len(self.passing) >= PASSING:
            self._unsubscribe(step)
        key = self._key()
        path = f"/passing/{key}"
        status, answer = self.stage.ask("POST", "/webhooks", {"url": self.hooks.url(path)}, self.merchant.token, key)
        if status == 201:
            self.hooks.secrets[path] = answer["secret"]
            self.passing.append((answer["id"], path))
        else:
            self.book.refuse(answer["code"])

    def _unsubscribe(self, step: Step) -> None:
        if self.passing:
            number, path = self.passing.pop(step.dice % len(self.passing))
            self.stage.ask("DELETE", f"/webhooks/{number}", key=self.merchant.token)
            self.hooks.removed[path] = time.monotonic()

    def _replay(self, step: Step) -> None:
        _, page = self.stage.ask("GET", "/webhooks/deliveries?limit=50", key=self.merchant.token)
        if page["items"]:
            self.send_again(pick(page["items"], step.dice)["id"])

    def send_again(self, delivery: int) -> None:
        """Asks for a message once more, as who finds one that was given up for long."""
        self.stage.ask("POST", f"/webhooks/deliveries/{delivery}/replay", key=self.merchant.token, once=self._key())

    def close(self) -> None:
        """Removes what has not been removed."""
        while self.passing:
            self._unsubscribe(Step(0, "unsubscribe", 0, 0))


class Moods(Actor):
    """How the merchants' servers are from each step on."""

    def __init__(self, name: str, stage: Stage, steps: Sequence[Step], hooks: Hooks) -> None:
        super().__init__(name, stage, steps)
        for mood in MOODS:
            setattr(self, f"_{mood}", partial(self._turn, hooks))

    def _turn(self, hooks: Hooks, step: Step) -> None:
        hooks.mood = step.what
