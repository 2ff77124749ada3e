"""The ledger against the contracts themselves: random lives of a real chain, parts of which never happened."""

from __future__ import annotations

from gateway.chain import calls
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import Ahead, drain
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.loyalty.ledger.models import Measure
from gateway.loyalty.ledger.postings import WALLETS
from gateway.loyalty.ledger.service import Ledger
from tests.gateway.audit.scene import CAMPAIGNS, DAY, Scene
from tests.support.anvil import Anvil

LEDGER = Ledger()


def read_all(db: Database, indexer: Indexer) -> None:
    indexer.step()  # the very first only finds where to begin
    while indexer.step():
        pass
    while drain(db, "ledger", Ahead(LEDGER.plan), limit=97):
        pass


def check(db: Database, scene: Scene) -> None:
    now = scene.now()
    people = [*scene.holders, *scene.merchants, scene.owner, scene.outsider, scene.hub]
    with db.read() as session:
        for who in people:
            assert LEDGER.holding(session, who, WALLETS, now).matured == scene.reads.balance(who)
        assert LEDGER.supply(session) == scene.reads.total_supply()
        for campaign, (_, closed, _bonus) in enumerate(CAMPAIGNS, 1):
            waiting = set()
            for who in people:
                account, ours = scene.reads.account(campaign, who), LEDGER.holding(session, who, campaign, now)
                assert (ours.matured, ours.pending) == (account.matured, account.pending)
                assert (ours.next_maturity or 0, ours.stay) == (account.next_maturity, account.stay)
                if account.matured and not account.stay and not closed:
                    waiting.add(who)
            assert set(LEDGER.matured_holders(session, campaign, now, 100)) == waiting


def test_the_ledger_says_what_the_contracts_say(db: Database, clock: Clock, node: Anvil) -> None:
    scene = Scene(node)
    indexer = Indexer(db, scene.rpc, clock, scene.deployment, confirmations=0)
    anna, shop = scene.holders[0], scene.merchants[0]
    assert scene.award(2, [(anna, 5_000)])
    node.pass_time(2 * DAY)
    scene.must(anna, scene.hub, calls.move(2, 3, 1_000, 1_100))
    assert scene.redeem(shop, [scene.order(scene.names[0], shop, 300, campaign=3)], campaign=3)
    assert scene.live(1, 60) > 30
    read_all(db, indexer)
    check(db, scene)

    snapshot = node.snapshot()
    scene.live(2, 30)
    read_all(db, indexer)
    check(db, scene)
    node.revert(snapshot)
    scene.live(3, 40)
    read_all(db, indexer)
    check(db, scene)

    node.pass_time(3 * DAY)
    check(db, scene)
    with db.read() as session:
        measures = {total.measure for total in LEDGER.totals(session, range(5))}
    assert measures >= {Measure.AWARDED, Measure.MOVED_IN, Measure.BONUS, Measure.REDEEMED}
    scene.rpc.close()


def test_entering_an_open_campaign_keeps_the_points_there(db: Database, clock: Clock, node: Anvil) -> None:
    """The contract says so by an event of its own; without it the release job would send the points home at once."""
    scene = Scene(node)
    holder = scene.holders[0]
    scene.must(scene.operator, scene.hub, calls.award_batch(1, 1, [(holder, 1_000)]))
    scene.must(holder, scene.hub, calls.enter(2, 400, 400))
    indexer = Indexer(db, scene.rpc, clock, scene.deployment, confirmations=0)
    read_all(db, indexer)
    with db.read() as session:
        account = LEDGER.holding(session, holder, 2, scene.now())
        assert (account.matured, account.stay) == (400, True)
        assert LEDGER.matured_holders(session, 2, scene.now(), 10) == []
    scene.rpc.close()
