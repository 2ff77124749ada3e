from __future__ import annotations

import json
import re
from pathlib import Path

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.chain.relayer.models import ChainTx, KeyState, Purpose, TxState
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job
from gateway.loyalty.earning.models import LandingTime
from gateway.web.health import UNKNOWN, Check, Finding, look
from gateway.web.metrics import Figures
from gateway.web.pressure import REFUSALS, REGISTRY
from tests.support.checks import checks

DASHBOARD = Path(__file__).parents[3] / "docs/grafana.json"
FUNCTIONS = {"histogram_quantile", "increase", "rate", "sum", "by", "le", "code"}


def scrape(db: Database, clock: Clock) -> dict[str, dict[str, float]]:
    """By sample and labels, what a scrape tells."""
    registry = CollectorRegistry()
    checks = {"database": Check(lambda: Finding(True, "answers", 7))}
    registry.register(Figures(db, clock, checks, lambda: [10**18, 5 * 10**17]))
    text = (generate_latest(registry) + generate_latest(REGISTRY)).decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return found


def test_figures_are_those_of_the_tables(db: Database, clock: Clock) -> None:
    now = clock.now()
    with db.begin() as session:
        for state in [TxState.QUEUED] * 2 + [TxState.DONE] * 3:
            tx = ChainTx(purpose=Purpose.FILL, ref=0, recipient=bytes(20), data=bytes(4), state=state)
            tx.created_at, tx.retry_at = now - 90, now
            session.add(tx)
        session.add(KeyState(sender=b"k" * 20, next_nonce=1, out_of_gas=True, spent=5 * 10**17))
        session.add(Job(kind="messaging.batch", ref=1, run_at=now - 5, attempts=2))
        session.add(LandingTime(upto=5, batches=3, seconds=9))
        session.add(LandingTime(upto=LandingTime.MORE, batches=1, seconds=10**6))
    found = scrape(db, clock)
    assert found["loyalty_queue_depth"]["transactions"] == 2
    assert found["loyalty_queue_age_seconds"]["transactions"] >= 90
    assert (found["loyalty_queue_depth"]["jobs"], found["loyalty_jobs_failing"][""]) == (1, 1)
    assert found["loyalty_transactions_total"] == {"done": 3, "reverted": 0, "refused": 0}
    assert (found["loyalty_keys_out_of_gas"][""], found["loyalty_fees_ether_total"][""]) == (1, 0.5)
    assert found["loyalty_key_ether"] == {"1": 1, "2": 0.5}
    buckets = found["loyalty_accepted_to_minted_seconds_bucket"]
    assert (buckets["2.0"], buckets["5.0"], buckets["604800.0"], buckets["+Inf"]) == (0, 3, 3, 4)
    assert found["loyalty_check_value"] == {"database": 7}
    assert (b"k" * 20).hex() not in json.dumps(found)


def test_a_broken_database_costs_no_more_than_its_figures(db: Database, clock: Clock) -> None:
    with db.begin() as session:
        session.execute(sa.text("ALTER TABLE landing_times RENAME TO gone"))
    found = scrape(db, clock)
    with db.begin() as session:  # tests may share the schema
        session.execute(sa.text("ALTER TABLE gone RENAME TO landing_times"))
    assert "loyalty_queue_depth" not in found
    assert found["loyalty_check_ok"] == {"database": 1}


def test_the_dashboard_names_only_what_there_is(db: Database, clock: Clock) -> None:
    REFUSALS.labels("busy")  # a counter without a label is not told
    known, names = set(scrape(db, clock)), checks(db, clock).all().keys()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            bare = re.sub(r"\{.*?\}|\[.*?\]", "", target["expr"])
            assert set(re.findall(r"[a-z_]{2,}", bare)) - FUNCTIONS <= known, panel["title"]
            for named in re.findall(r'check=~?"(.+?)"', target["expr"]):
                assert set(named.split("|")) <= names, panel["title"]


def test_the_dashboard_draws_every_metric_of_ours(db: Database, clock: Clock) -> None:
    REFUSALS.labels("busy")
    drawn = DASHBOARD.read_text()
    others = ("_created", "_sum", "_count")  # told beside each counter and histogram
    ours = {name for name in scrape(db, clock) if name.startswith("loyalty_") and not name.endswith(others)}
    assert len(ours) > 12
    assert not {name for name in ours if name not in drawn}


def test_a_node_that_hangs_is_waited_for_once() -> None:
    asked = []

    def hangs(name: str) -> Finding:
        asked.append(name)
        return Finding(False, "NodeTimeout: accepted work waits")

    checks = {
        "node": Check(lambda: hangs("node")),
        "gas": Check(lambda: hangs("gas"), needs="node"),
        "queue": Check(lambda: Finding(True, "empty")),
    }
    found = look(checks)
    assert asked == ["node"]
    assert (found["gas"], found["queue"].ok) == (Finding(False, UNKNOWN), True)
