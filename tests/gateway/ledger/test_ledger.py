"""The ledger against the naive chain, event by event and in batches, with reorganisations anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.indexer.stream import Ahead, drain
from gateway.core.bulk import Write
from gateway.core.db import Database
from gateway.loyalty.ledger.book import UnknownCampaign
from gateway.loyalty.ledger.maturity import Short
from gateway.loyalty.ledger.models import Holding, HubCampaign, LedgerEntry, LedgerTotal, Measure
from gateway.loyalty.ledger.postings import WALLETS
from gateway.loyalty.ledger.service import Ledger
from tests.gateway.ledger.model import CAMPAIGNS, HUB, NOBODY, START, Lots, NaiveChain, World, holder

LEDGER = Ledger()
#: How each verb uses (holder, other holder, campaign, other campaign, number).
CALLS: dict[str, Callable[[NaiveChain, bytes, bytes, int, int, int], None]] = {
    "award": lambda chain, who, whom, here, there, n: chain.award(who, here, n),
    "claw": lambda chain, who, whom, here, there, n: chain.claw(who, here, n),
    "enter": lambda chain, who, whom, here, there, n: chain.enter(who, here, n, bonus=n // 7),
    "leave": lambda chain, who, whom, here, there, n: chain.leave(who, here, n),
    "release": lambda chain, who, whom, here, there, n: chain.release(who, here),
    "move": lambda chain, who, whom, here, there, n: chain.move(who, here, there, n, bonus=n // 9),
    "stay": lambda chain, who, whom, here, there, n: chain.stay(who, here, bool(n % 2)),
    "spend": lambda chain, who, whom, here, there, n: chain.spend(who, here, whom, n),
    "expire": lambda chain, who, whom, here, there, n: chain.expire(who, here),
    "send": lambda chain, who, whom, here, there, n: chain.send(who, whom, n),
    "redeem": lambda chain, who, whom, here, there, n: chain.redeem(who, whom, n),
    "cash_out": lambda chain, who, whom, here, there, n: chain.cash_out(who, n),
    "block": lambda chain, who, whom, here, there, n: chain.next_block(n),
    "reorganise": lambda chain, who, whom, here, there, n: chain.reorganise(n % 5),
}
Operation = tuple[str, int, int, int, int, int]
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from([*CALLS, "award", "award", "block", "block"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from(sorted(CAMPAIGNS)),
        st.sampled_from(sorted(CAMPAIGNS)),
        st.integers(1, 1_000),
    ),
    max_size=40,
)


def run(chain: NaiveChain, operations: Iterable[Operation]) -> None:
    for verb, who, whom, here, there, number in operations:
        CALLS[verb](chain, holder(who), holder(whom), here, there, number)


def wipe(db: Database) -> None:
    with db.begin() as session:
        for table in (LedgerEntry, LedgerTotal, Holding, HubCampaign, ChainEvent):
            session.execute(sa.delete(table))


def book(db: Database, events: list[ChainEvent], batch: int = 1_000) -> None:
    with db.begin() as session:
        session.add_all(events)
    for start in range(0, len(events), batch):
        with db.begin() as session:
            LEDGER.plan(session, events[start : start + batch])(session)


def check(db: Database, world: World, now: int) -> None:
    people = [holder(n) for n in range(4)]
    for lots in world.accounts.values():
        lots.ripen(now)
    with db.read() as session:
        for who in [*people, HUB]:
            assert LEDGER.holding(session, who, WALLETS, now).matured == world.wallets.get(who, 0)
            full = sorted(c for (h, c), lots in world.accounts.items() if h == who and (lots.free or lots.pending))
            accounts = LEDGER.accounts(session, who, now, 0, 200)
            assert [account.campaign for account in accounts] == full
            for place, account in enumerate(accounts):
                assert LEDGER.accounts(session, who, now, ([0, *full])[place], 1) == [account]
            for campaign in CAMPAIGNS:
                lots = world.accounts.get((who, campaign), Lots())
                account = LEDGER.holding(session, who, campaign, now)
                due = min((due for due, _ in lots.held), default=None)
                assert (account.matured, account.pending, account.next_maturity) == (lots.free, lots.pending, due)
                assert account.stay == lots.stay
        for campaign, (_, closed) in CAMPAIGNS.items():
            waiting = {h for (h, c), lots in world.accounts.items() if c == campaign and lots.free and not lots.stay}
            found = LEDGER.matured_holders(session, campaign, now, 100)
            assert len(found) == len(set(found))
            assert set(found) == (set() if closed else waiting)
        assert LEDGER.supply(session) == sum(world.wallets.values())


def totals(db: Database) -> list[tuple[object, ...]]:
    with db.read() as session:
        return [(t.campaign, t.measure, t.party, t.events, t.points) for t in LEDGER.totals(session, [0, *CAMPAIGNS])]


def surviving(events: list[ChainEvent]) -> list[ChainEvent]:
    """Copies of the events that no later REWIND took back, as if there had never been any other."""
    left: list[ChainEvent] = []
    for event in events:
        if event.kind == EventKind.REWIND:
            left = [old for old in left if old.block <= event.block]
        else:
            left.append(event)
    names = [column.name for column in ChainEvent.__table__.columns if column.name != "id"]
    return [ChainEvent(**{name: getattr(event, name) for name in names}) for event in left]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS, batch=st.integers(1, 50), later=st.integers(0, 5_000))
def test_the_ledger_is_the_naive_chain_and_a_rewind_leaves_no_trace(
    db: Database, operations: list[Operation], batch: int, later: int
) -> None:
    wipe(db)
    chain = NaiveChain()
    run(chain, operations)
    book(db, chain.events, batch)
    seen = totals(db)
    check(db, chain.world, chain.world.now + later)
    copies = surviving(chain.events)

    wipe(db)
    book(db, copies)
    assert seen == totals(db)
    check(db, chain.world, chain.world.now + later)


def test_history_shows_both_legs_and_pages_downwards(db: Database) -> None:
    chain = NaiveChain()
    anna, merchant = holder(0), holder(3)
    chain.award(anna, 1, 900)
    chain.enter(anna, 3, 400, bonus=40)
    chain.redeem(anna, merchant, 100)
    book(db, chain.events)
    with db.read() as session:
        newest = LEDGER.history(session, anna, None, 2)
        rest = LEDGER.history(session, anna, newest[-1].id, 100)
        assert LEDGER.history(session, HUB, None, 100)
    items = [(i.kind, i.campaign, i.credit, i.debit, i.amount, i.counterparty) for i in newest + rest]
    assert items == [
        (EventKind.REDEEMED, 0, 0, 0, 100, merchant),
        (EventKind.TRANSFER, 0, 0, 100, 100, HUB),
        (EventKind.ENTERED, 3, 440, 0, 400, None),
        (EventKind.TRANSFER, 0, 0, 400, 400, HUB),
        (EventKind.TRANSFER, 0, 900, 0, 900, bytes(20)),
    ]


def test_totals_name_what_was_paid_to_each_merchant(db: Database) -> None:
    chain = NaiveChain()
    anna, shop, other = holder(0), holder(2), holder(3)
    chain.award(anna, 1, 1_000)
    chain.award(anna, 4, 500)
    chain.redeem(anna, shop, 100)
    chain.redeem(anna, shop, 50)
    chain.redeem(anna, other, 25)
    chain.spend(anna, 4, shop, 200)
    chain.cash_out(shop, 300)
    book(db, chain.events)
    with db.read() as session:
        found = {
            (t.campaign, t.measure, t.party): (t.events, t.points) for t in LEDGER.totals(session, [0, *CAMPAIGNS])
        }
        assert LEDGER.supply(session) == 1_200
    assert found[(0, Measure.REDEEMED, shop)] == (2, 150)
    assert found[(0, Measure.REDEEMED, other)] == (1, 25)
    assert found[(4, Measure.REDEEMED, shop)] == (1, 200)
    assert found[(1, Measure.AWARDED, NOBODY)] == (1, 1_000)
    assert found[(0, Measure.CASHED_OUT, NOBODY)] == (1, 300)


def test_sums_beyond_every_single_amount_do_not_stop_the_ledger(db: Database) -> None:
    chain = NaiveChain()
    most = 2**96 - 1
    for _ in range(3):
        chain.transfer(NOBODY, holder(0), most)
        chain.transfer(holder(0), NOBODY, most)
    book(db, chain.events)
    with db.read() as session:
        assert {t.measure: t.points for t in LEDGER.totals(session, [0])} == {
            Measure.MINTED: 3 * most,
            Measure.BURNED: 3 * most,
        }


@pytest.mark.parametrize("campaign", [9, None])
def test_an_account_of_a_campaign_nobody_created_stops_the_ledger(db: Database, campaign: int | None) -> None:
    chain = NaiveChain()
    chain.emit(EventKind.ACCOUNT_AWARDED, holder(0), campaign=campaign, amount=5)
    with pytest.raises((UnknownCampaign, ValueError)):
        book(db, chain.events)


def test_more_leaving_than_there_is_stops_the_ledger_and_changes_nothing(db: Database) -> None:
    chain = NaiveChain()
    chain.award(holder(0), 2, 500)
    book(db, chain.events)
    bad = NaiveChain()
    bad.events.clear()
    bad.next_block(0)
    bad.emit(EventKind.LEFT, holder(0), campaign=2, amount=1)
    with pytest.raises(Short):
        book(db, bad.events)
    check(db, chain.world, START + 10)


def test_who_is_overtaken_while_planning_leaves_it_to_the_other(db: Database) -> None:
    chain, anna = NaiveChain(), holder(0)
    chain.award(anna, 2, 500)
    chain.next_block(5_000)
    chain.leave(anna, 2, 500)
    with db.begin() as session:
        session.add_all(chain.events)
    other = Database(db.url.render_as_string(False))

    def plan(session: Session, events: Sequence[ChainEvent]) -> Write:
        assert drain(other, "ledger", Ahead(LEDGER.plan)) == len(events)
        return LEDGER.plan(session, events)  # by what the other has left, more would leave than there is

    assert drain(db, "ledger", Ahead(plan)) == 0
    check(db, chain.world, chain.world.now)
    other.dispose()


def test_a_thousand_events_take_a_handful_of_statements(db: Database) -> None:
    chain = NaiveChain()
    for number in range(330):
        chain.award((number + 5).to_bytes(20, "big"), 2, 100 + number)
    with db.begin() as session:
        session.add_all(chain.events)
    statements = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with db.begin() as session:
        LEDGER.apply_events(session, chain.events)
    assert len(chain.events) > 990
    assert len(statements) <= 20
    check(db, World(wallets={HUB: sum(range(100, 430))}), START + 1)
