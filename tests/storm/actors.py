"""Who acts in a storm: tills and holders, each in a thread of its own, each going by its part of the plan.

They do as real ones do: whatever got no answer is sent again, the very same, until there is one; what was accepted is
remembered in the book.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.chain.badges import token_id
from gateway.client import Json
from tests.functional.people import Holder, Merchant
from tests.functional.till import refund
from tests.storm.book import Book, Order, has_code
from tests.storm.plan import Step
from tests.storm.town import BADGES, Town

#: "Again, later", as the project's own client takes it; 500 as well, but it is counted.
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
PAUSE, DAY = 0.3, 86_400
Answer = tuple[int, Json]


@dataclass
class Stage:
    """What all actors share."""

    town: Town
    book: Book
    gateways: Sequence[str]
    began: float = 0.0
    #: Nobody begins anything new.
    over: threading.Event = field(default_factory=threading.Event)
    #: What is under way is given up too: something is wrong.
    given_up: threading.Event = field(default_factory=threading.Event)
    #: Unclaimed codes: claim code, campaign, points.
    claims: deque[tuple[str, int, int]] = field(default_factory=deque)

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None, once: str | None = None) -> Answer:
        """Status and document of the first answer that says something, from whichever gateway."""
        turn = random.randrange(2**16)
        while not self.given_up.is_set():
            turn += 1
            at = self.gateways[turn % len(self.gateways)]
            try:
                answer = self.town.fleet.call(method, path, body, key=key, once=once, at=at, timeout=10)
            except httpx.TransportError:
                self.given_up.wait(PAUSE)
                continue
            if answer.status_code not in AGAIN:
                return answer.status_code, answer.json() if answer.content else {}
            if answer.status_code == 500:
                self.book.refuse("internal-error")
            self.given_up.wait(PAUSE)
        raise GivenUp


class GivenUp(Exception):
    """The storm has ended without an answer."""


class Actor(threading.Thread):
    """Goes through its steps in their order, none before its time."""

    def __init__(self, name: str, stage: Stage, steps: Sequence[Step]) -> None:
        super().__init__(name=name, daemon=True)
        self.stage, self.steps, self.town, self.book = stage, steps, stage.town, stage.book
        self.failure: BaseException | None = None
        self.done = 0

    def run(self) -> None:
        try:
            for step in self.steps:
                if self.stage.over.wait(max(0.0, self.stage.began + step.at - time.monotonic())):
                    break
                getattr(self, f"_{step.what}")(step)
                self.done += 1
        except GivenUp:
            pass
        except BaseException as error:  # shown by the storm, which fails
            self.failure = error


def pick(things: Sequence[Any], dice: int) -> Any:
    return things[dice % len(things)]


class Till(Actor):
    """One till of one merchant."""

    def __init__(self, name: str, stage: Stage, steps: Sequence[Step], merchant: int) -> None:
        super().__init__(name, stage, steps)
        self.merchant: Merchant = self.town.merchants[merchant]
        self.campaigns = self.town.reports_to(merchant)
        #: What may be refunded: campaign, wallet (None: with a code) and the answer.
        self.sold: list[tuple[int, bytes | None, Json]] = []
        self._count = 0

    def _key(self) -> str:
        self._count += 1
        return f"{self.name}-{self._count}"

    def _sale(self, step: Step, more: int = 0) -> tuple[int, Holder, Json]:
        dice = step.dice + more
        campaign, holder = pick(self.campaigns, dice), pick(self.town.holders, dice // 7)
        return campaign, holder, self.merchant.purchase(campaign, 100 + dice // 11 % 900, wallet=holder.name)

    def _report(self, body: Json) -> Json | None:
        status, answer = self.stage.ask("POST", "/actions", body, self.merchant.token, self._key())
        if status == 202:
            return answer
        self.book.refuse(answer["code"])
        return None

    def _purchase(self, step: Step) -> None:
        campaign, holder, body = self._sale(step)
        if answer := self._report(body):
            self.book.award(campaign, holder.address, answer["points"])
            self.sold.append((campaign, holder.address, answer))

    def _bulk(self, step: Step) -> None:
        sales = [self._sale(step, more * 13) for more in range(2 + int(step.size * 40))]
        items = [body | {"key": self._key()} for _, _, body in sales]
        _, answer = self.stage.ask("POST", "/actions/bulk", {"actions": items}, self.merchant.token)
        for (campaign, holder, _), result in zip(sales, answer["results"], strict=True):
            if result["status"] == 202:
                self.book.award(campaign, holder.address, result["action"]["points"])
                self.sold.append((campaign, holder.address, result["action"]))
            else:
                self.book.refuse(result["problem"]["code"])

    def _guest(self, step: Step) -> None:
        campaign, _, body = self._sale(step)
        del body["wallet"]
        if answer := self._report(body | {"claim": True}):
            self.stage.claims.append((answer["claim"]["code"], campaign, answer["points"]))

    def _refund(self, step: Step) -> None:
        """Of something sold to a wallet: all of it, or a part."""
        if not self.sold:
            return
        campaign, wallet, sold = self.sold.pop(step.dice % len(self.sold))
        part = {} if step.size < 0.6 else {"amount": 50}
        if answer := self._report(refund(campaign, sold, **part)):
            self.book.refund(campaign, wallet or b"", answer["points"])

    def _use(self, step: Step) -> None:
        """Codes that customers bring along."""
        while (code := self._brought()) is not None:
            status, answer = self.stage.ask("POST", "/codes/use", {"code": code}, self.merchant.token, self._key())
            if status == 200:
                self.book.used.add(code)
            else:
                self.book.refuse(answer["code"])

    def _brought(self) -> str | None:
        with self.book.lock:
            for code in self.book.codes:
                if code not in self.book.used and code.startswith(CODES_OF[self.merchant is self.town.merchants[0]]):
                    return code
        return None


#: How codes begin: of the second merchant, of the first.
CODES_OF = (("CODE",), ("CAFE", "CLUB"))


class Customer(Actor):
    """One holder: signs, sends, waits, opens."""

    def __init__(self, name: str, stage: Stage, steps: Sequence[Step], number: int) -> None:
        super().__init__(name, stage, steps)
        self.holder: Holder = self.town.holders[number]
        self.signer = self.holder.wallet.signer

    def _nonce(self, campaign: int = 0) -> int:
        while True:
            _, wallet = self.stage.ask("GET", f"/wallets/{self.holder.name}")
            places = {0: wallet["nonce"], **{each["campaign"]: each["nonce"] for each in wallet["accounts"]}}
            nonce = places.get(campaign, 0)
            if nonce is not None:
                return int(nonce)
            if self.stage.given_up.wait(PAUSE):
                raise GivenUp

    def _claim(self, step: Step) -> None:
        if not self.stage.claims:
            return
        code, campaign, points = self.stage.claims.popleft()
        status, answer = self.stage.ask("POST", "/claims", {"code": code, "wallet": self.holder.name})
        if status == 200:
            assert answer["points"] == points, answer
            self.book.award(campaign, self.holder.address, points)
        else:
            self.book.refuse(answer["code"])

    # -------------------------------------------------------------------- codes

    def _redeem(self, step: Step) -> None:
        self._order_code(pick(self.town.offers, step.dice))

    def _spend(self, step: Step) -> None:
        self._order_code(self.town.spending)

    def _order_code(self, offer: Json) -> None:
        self.collect()
        body = self.signer.redeem(offer, self.holder.wallet.wallet.seals.fresh(), self._nonce(offer["campaign"] or 0))
        status, answer = self.stage.ask("POST", "/redemptions", body)
        if status == 202:
            self.book.redemptions[answer["id"]] = Order(self.holder, body, answer, offer["merchant"])
        else:
            self.book.refuse(answer["code"])

    def collect(self) -> None:
        """Looks for codes that have been delivered."""
        for number, order in list(self.book.redemptions.items()):
            if order.holder is not self.holder or has_code(order.answer):
                continue
            _, order.answer = self.stage.ask("GET", f"/redemptions/{number}")
            if has_code(order.answer):
                code = self.holder.wallet.opened(order.answer).code
                with self.book.lock:
                    self.book.codes[code].add(number)

    # -------------------------------------------------------------------- moves

    def _amount(self, step: Step) -> int:
        return 100 + int(step.size * 400)

    def _send(self, step: Step) -> None:
        others = [other for other in self.town.holders if other is not self.holder]
        self._move(self.signer.send(pick(others, step.dice).address, self._amount(step), self._nonce()))

    def _cash_out(self, step: Step) -> None:
        self._move(self.signer.cash_out(self.holder.address, self._amount(step), self._nonce()))

    def _enter(self, step: Step) -> None:
        target, amount = pick((self.town.closed, self.town.open), step.dice), self._amount(step)
        self._move(self.signer.enter(target, amount, amount, self._nonce()))

    def _leave(self, step: Step) -> None:
        source = pick((self.town.held, self.town.open), step.dice)
        self._move(self.signer.leave(source, self._amount(step), self._nonce(source)))

    def _move_on(self, step: Step) -> None:
        source, amount = pick((self.town.held, self.town.open), step.dice), self._amount(step)
        self._move(self.signer.move(source, self.town.closed, amount, amount, self._nonce(source)))

    def _move(self, body: Json) -> None:
        status, answer = self.stage.ask("POST", "/moves", body)
        if status == 202:
            self.book.moves[answer["id"]] = Order(self.holder, body, answer)
        else:
            self.book.refuse(answer["code"])

    # ------------------------------------------------------------------- badges

    def _badge(self, step: Step) -> None:
        badge, campaign = pick(BADGES, step.dice), self.town.badged
        body = self.signer.badge(campaign, badge, int(time.time()) + 10 * DAY)
        status, answer = self.stage.ask("POST", f"/campaigns/{campaign}/badges", body)
        if status == 202:
            self.book.badges.add(token_id(campaign, badge, self.holder.address))
        else:
            self.book.refuse(answer["code"])

    # ------------------------------------------------------------------ the end

    def look_again(self) -> None:
        """The last state of every order, and every code that came."""
        self.collect()
        for number, order in self.book.moves.items():
            if order.holder is self.holder:
                _, order.answer = self.stage.ask("GET", f"/moves/{number}")
        for number, order in self.book.redemptions.items():
            if order.holder is self.holder:
                _, order.answer = self.stage.ask("GET", f"/redemptions/{number}")
