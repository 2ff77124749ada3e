"""What happens in the demo: two merchants, two campaigns, a week of real purchases, and holders who do everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from gateway.chain import calls, keystore
from gateway.chain.hexes import checksum
from gateway.client import Client, Document, Json
from gateway.commands import campaign as campaigns
from gateway.commands import merchant as merchants
from gateway.commands import merchant_keys, wallets
from gateway.commands import offer as offers
from gateway.commands.chain import Chain, Own
from gateway.commands.console import CommandError
from gateway.commands.creating import SPENDING_TIME, Registration, Terms, create_on_chain, register
from gateway.commands.crowd import Crowd
from gateway.commands.holder import Holder, Received
from gateway.commands.house import House
from gateway.commands.publishing import publish
from gateway.commands.purchases import Refund, Sale
from gateway.commands.sending import Replay, Tally, Till
from gateway.commands.state import MerchantRecord
from gateway.core.durations import DAY

#: Awards of the open campaign mature after 15 to 30 seconds: long enough to take refunds back, short enough to watch.
HOLD = 15
#: Seconds in which what the demo waits for must come.
PATIENCE = 120
FIRST_DAY = 1_291_161_600  # 1 December 2010
BUDGET, POT = 250_000_00, 5_000_00
BONUS = 1_000  # 10 % for points that enter the closed campaign
COFFEE, VOUCHER = 40_00, 30_00
CATEGORY_RULE = {"kind": "per_currency", "points": 100, "per": 100, "except_categories": ["service"]}

Say = Callable[[str], None]
Lines = Callable[[int, int], None]


@dataclass(frozen=True)
class Founded:
    """One merchant's key and campaign on the chain."""

    name: str
    key: bytes
    own: Own
    campaign: int


@dataclass(frozen=True)
class Shop(Founded):
    """The same, known to the gateway."""

    record: MerchantRecord
    client: Client

    @property
    def till(self) -> Till:
        return Till(self.client, self.campaign)


@dataclass
class Figures:
    """What the demo counts beside what the chain says."""

    tally: Tally = field(default_factory=Tally)
    moves: int = 0
    received: list[Received] = field(default_factory=list)
    codes_used: int = 0
    #: What the redeemed offers cost; the chain says what was paid.
    spent: int = 0
    statistics: list[Json] = field(default_factory=list)


class Scenario:
    """`say` reports each step, `lines(done, all)` the replay's progress."""

    def __init__(self, house: House, chain: Chain, file: Path, say: Say, lines: Lines) -> None:
        self.house, self.chain, self.file, self.say, self.lines = house, chain, file, say, lines
        self.state = state = house.state
        self.public = Client(house.url)
        self.crowd = Crowd(state.secret(state.crowd_seed))
        self.figures = Figures()
        self.busy: set[str] = set()
        self._lock = threading.Lock()

    def run(self) -> Figures:
        """The whole main job; CommandError when a step fails."""
        self.open_shops()
        self.sell()
        self.take_back()
        self.stay()
        self.spend_accounts()
        self.wait_for_maturity()
        self.move_on()
        self.spend_wallets()
        self.pay_out()
        self.close_week()
        return self.figures

    # ------------------------------------------------------------------ shops

    def open_shops(self) -> None:
        """Merchants with keys, two campaigns with money, an offer each."""
        now = self.chain.reads.head().time
        end = now + 365 * DAY
        gifts = Terms(end, HOLD, False, 0, 0, "Harbour Gifts: a point a pound, yours after the hold, worth its par.\n")
        lane_expiry = end + SPENDING_TIME
        lane = Terms(end, 0, True, lane_expiry, BONUS, "Mill Lane: a point a pound, to be spent with our merchants.\n")
        # On the chain first: the gateway is still starting.
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(self._founded, "harbour", gifts, 0)
            second = pool.submit(self._founded, "mill", lane, POT)
            harbour, mill = first.result(), second.result()
        # Points of the closed campaign may be spent at the other merchant, too: that is where settlement happens.
        data = calls.invite_merchant(mill.campaign, harbour.own.address)
        mill.own.hub("harbour invited to the campaign of mill", data)
        merchants.accept_campaign(self.chain, harbour.own, mill.campaign)
        self.house.wait()
        self.gifts = self._registered(harbour, "Harbour Gifts", gifts)
        self.lane = self._registered(mill, "Mill Lane", lane)
        campaigns.set_quota(self.lane.client, self.lane.campaign, self.gifts.record.id, 1_000_00)
        self._until("the gateway sees the accepted merchant", self._accepted)
        self.coffee = self._offer(
            self.lane, "Coffee and cake", COFFEE, None, {"kind": "product", "product": "coffee_and_cake"}
        )
        voucher = {"kind": "gift_card", "value": {"amount": 500, "currency": "GBP"}}
        self.voucher = self._offer(self.gifts, "Gift voucher", VOUCHER, self.lane.campaign, voucher)
        self.say("two merchants, two funded campaigns, two offers")

    def _founded(self, name: str, terms: Terms, pot: int) -> Founded:
        address = wallets.ensure(self.state, name, merchants.KIND)
        key = wallets.load_key(self.state, name, merchants.KIND)
        own = self.chain.own(key)
        with self._lock:  # one giver of mock assets after the other
            merchants.give(self.chain, address, 2 * (BUDGET + pot) * self.chain.deployment.par)
        number = create_on_chain(self.chain, own, terms, keystore.addresses(self.state.relayer)[0], BUDGET)
        own.fund(number, BUDGET, pot)
        return Founded(name, key, own, number)

    def _registered(self, founded: Founded, title: str, terms: Terms) -> Shop:
        record = merchants.admit(self.state, founded.name, title, checksum(founded.own.address))
        client = merchant_keys.client_of(self.state, record)
        told = Registration(f"{title} points", FIRST_DAY, 0, 1, 1, {"rules": [CATEGORY_RULE]})
        register(client, founded.campaign, terms.text, told)
        return Shop(founded.name, founded.key, founded.own, founded.campaign, record, client)

    def _accepted(self) -> bool:
        members = self.public.campaign(self.lane.campaign)["merchants"]
        return any(member["merchant_id"] == self.gifts.record.id and member["accepted"] for member in members)

    def _offer(self, shop: Shop, title: str, price: int, campaign: int | None, reward: Json) -> int:
        ends_at = self.chain.reads.head().time + 90 * DAY
        text, signature = offers.document(
            shop.key, self.chain.deployment.domains, title, price, ends_at, campaign=campaign, reward=reward
        )
        offer: int = publish(shop.client, text, signature)["id"]
        codes = "code\n" + "".join(f"{shop.name.upper()}-{number:05}\n" for number in range(500))
        shop.client.upload_codes(offer, codes.encode(), f"codes-{offer}")
        return offer

    # ---------------------------------------------------------------- the week

    def till_of(self, invoice: str) -> Till:
        """Even invoices were sold by Harbour Gifts, odd ones by Mill Lane."""
        return (self.lane if int(invoice[-1]) % 2 else self.gifts).till

    def sell(self) -> None:
        """The week's purchases, guests included; half of the guests claim their codes."""
        replay = Replay(self.till_of, self.crowd, 50, self._lines, bulk=100, only=Sale)
        sizes = replay.sizes(self.file)
        self.total = sizes.total()
        self.figures.tally = tally = replay.run(self.file, sizes)
        if tally.refused or not tally.sales:
            raise CommandError(f"purchases or claims were rejected: {dict(tally.refused)}")
        self.say(
            f"{tally.sales} purchases reported, {tally.claimed} of {tally.claim_codes} guests claimed their points"
        )
        self._until("the awards land", lambda: not self._waiting(self._earners(self.gifts.campaign)[:20]))
        self.say("awards landed on the chain")

    def take_back(self) -> None:
        """The week's returns, while the points are still under hold: clawed back on the chain."""
        replay = Replay(self.till_of, self.crowd, 0, only=Refund)
        tally = replay.run(self.file, replay.sizes(self.file))
        self.figures.tally.refunds += tally.refunds
        self.figures.tally.points_refunded += tally.points_refunded
        self.figures.tally.rejected += tally.rejected
        self.say(f"{tally.refunds} refunds reported")

    def _lines(self, done: int) -> None:
        self.lines(done, self.total)

    def _earners(self, campaign: int) -> list[str]:
        """Labels of this campaign's customers, the best first."""
        earned = self.figures.tally.earned
        return [label for (number, label), _ in earned.most_common() if number == campaign]

    def _waiting(self, labels: Sequence[str]) -> bool:
        return not all(self.public.wallet(self.crowd.address(label))["accounts"] for label in labels)

    # ----------------------------------------------------------------- holders

    def _holders(self, campaign: int, count: int, least: int) -> list[Holder]:
        """So many customers with at least `least` points from a campaign, each chosen once."""
        earned = self.figures.tally.earned
        chosen: list[Holder] = []
        for label in self._earners(campaign):
            if label not in self.busy and earned[(campaign, label)] >= 2 * least and len(chosen) < count:
                self.busy.add(label)
                wallet = wallets.of_key(self.state, label, self.crowd.key(label))
                chosen.append(Holder(self.public, wallet, self.chain))
        if len(chosen) < count:
            raise CommandError("too few customers with enough points in this file")
        return chosen

    def stay(self) -> None:
        """Six holders keep their points in the open campaign instead of having them released."""
        self.stayers = self._holders(self.gifts.campaign, 6, COFFEE)
        self._land([(holder, holder.stay(self.gifts.campaign, True)) for holder in self.stayers], count=False)

    def spend_accounts(self) -> None:
        """Mill Lane's points buy vouchers of Harbour Gifts, which is paid in them."""
        holders = self._holders(self.lane.campaign, 4, VOUCHER)
        self._redeem(holders, self.voucher, self.gifts, VOUCHER)
        self.say(f"{len(holders)} vouchers paid from accounts of Mill Lane; codes opened, checked, one left unused")

    def wait_for_maturity(self) -> None:
        """Until held points are free, and those whose holders did not choose to stay are in their wallets."""
        self.freed = self._holders(self.gifts.campaign, 9, COFFEE)
        self._until("the hold ends", lambda: all(self._matured(holder) for holder in self.stayers))
        self._until("points are released", lambda: all(self._balance(holder) >= COFFEE for holder in self.freed))
        self.say("the hold is over: points are free, and released to the wallets of those who did not stay")

    def move_on(self) -> None:
        """Leave, move with bonus, enter with bonus, send."""
        gifts, lane = self.gifts.campaign, self.lane.campaign
        posted = [(holder, holder.leave(gifts, 25_00)) for holder in self.stayers[:3]]
        posted += [(holder, holder.move(gifts, lane, 40_00)) for holder in self.stayers[3:]]
        posted += [(holder, holder.enter(lane, 20_00)) for holder in self.freed[:2]]
        posted += [(self.freed[2], self.freed[2].send(self.freed[3].wallet.address, 10_00))]
        self._land(posted)
        self.say("left, moved and entered (10 % bonus from the pot), sent to another wallet")

    def spend_wallets(self) -> None:
        """Harbour Gifts' points buy coffee at Mill Lane, which is paid in them."""
        holders = self.freed[4:8]
        self._redeem(holders, self.coffee, self.lane, COFFEE)
        self.say(f"{len(holders)} coffees paid from wallets; codes opened, checked, one left unused")

    def pay_out(self) -> None:
        """A holder cashes out by a signed order; Mill Lane, which was paid in points, by its own transaction."""
        holder = self.freed[8]
        self._land([(holder, holder.cash_out(self._balance(holder) // 2))], count=False)
        for shop in (self.lane, self.gifts):
            paid = self.chain.reads.balance(shop.own.address)
            shop.own.token(f"{shop.name} cashes out", calls.cash_out(paid, shop.own.address))
        self.say("a holder and both merchants cashed out at par")

    def close_week(self) -> None:
        """The weeks close after some quiet seconds; only then is anything published."""
        shops = (self.gifts, self.lane)
        self._until("the weeks close", lambda: all(shop.client.get("/v1/statistics")["items"] for shop in shops))
        for shop in shops:
            released = shop.client.get("/v1/statistics")["items"]
            self.figures.statistics += [{"merchant": shop.name, **item} for item in released]
        self.say("weekly statistics published, with noise")

    # ---------------------------------------------------------------- internal

    def _redeem(self, holders: Sequence[Holder], offer: int, shop: Shop, price: int) -> None:
        orders = [(holder, holder.order(offer)) for holder in holders]
        received = [holder.delivered(order) for holder, order in orders]
        for one in received:
            if one.on_chain is not True:
                raise CommandError("the chain does not show the commitment to a delivered code")
        for number, one in enumerate(received[1:]):
            shop.client.code("check", one.code)
            shop.client.code("use", one.code, f"receipt-{offer}-{number}")
        self.figures.received += received
        self.figures.codes_used += len(received) - 1
        self.figures.spent += price * len(received)

    def _land(self, posted: Sequence[tuple[Holder, Document]], count: bool = True) -> None:
        for holder, move in posted:
            holder.landed(move)
        if count:
            self.figures.moves += len(posted)

    def _account(self, holder: Holder, campaign: int) -> Document:
        accounts: Sequence[Document] = self.public.wallet(holder.address)["accounts"]
        return next((account for account in accounts if account["campaign"] == campaign), {})

    def _matured(self, holder: Holder) -> bool:
        return int(self._account(holder, self.gifts.campaign).get("matured", 0)) >= COFFEE

    def _balance(self, holder: Holder) -> int:
        return int(self.public.wallet(holder.address)["balance"])

    def _until(self, what: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > deadline:
                raise CommandError(f"waited {PATIENCE} s in vain: {what}")
            time.sleep(0.5)
