"""The only place that builds objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from fastapi import APIRouter
from pydantic import ValidationError
from sqlalchemy.orm import Session

from gateway import migrations
from gateway.chain import keystore
from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.errors import ChainError
from gateway.chain.indexer import home
from gateway.chain.indexer.receipts import Receipts
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import Ahead, Apply, applied_block, follow
from gateway.chain.reads import Reads
from gateway.chain.relayer.decisions import GWEI, RelayerSettings
from gateway.chain.relayer.fence import Fence
from gateway.chain.relayer.queue import Queue
from gateway.chain.relayer.service import Relayer
from gateway.chain.rpc import Rpc
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import BulkHandler, Handler, Jobs, Registry
from gateway.core.secrets import Secrets
from gateway.identity.audit_log import routes as audit_log_routes
from gateway.identity.merchants import routes as merchants_routes
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.service import Merchants
from gateway.identity.wallets.explained import Explanations
from gateway.identity.wallets.orders import OpenOrders
from gateway.identity.wallets.proofs import Proofs
from gateway.identity.wallets.shared import SharedBudget
from gateway.listeners import EVENTS, MESSAGES, TOGETHER, WANTED
from gateway.loyalty.badges import routes as badges_routes
from gateway.loyalty.badges.earned import Earned
from gateway.loyalty.badges.models import STREAM as BADGE_STREAM
from gateway.loyalty.badges.service import Badges
from gateway.loyalty.badges.settlement import Settlement as BadgeSettlement
from gateway.loyalty.badges.submission import Submission as BadgeSubmission
from gateway.loyalty.campaigns import routes as campaigns_routes
from gateway.loyalty.campaigns.service import STREAM as EARNING_STREAM
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.earning import routes as earning_routes
from gateway.loyalty.earning.batches import Settler
from gateway.loyalty.earning.boards import routes as boards_routes
from gateway.loyalty.earning.boards.service import Leaderboards
from gateway.loyalty.earning.claims import Claims
from gateway.loyalty.earning.early import routes as early_routes
from gateway.loyalty.earning.early.models import EarlyAsk
from gateway.loyalty.earning.early.service import Early
from gateway.loyalty.earning.grants import routes as grants_routes
from gateway.loyalty.earning.grants.service import Grants
from gateway.loyalty.earning.landing import Landing
from gateway.loyalty.earning.play import routes as play_routes
from gateway.loyalty.earning.play.service import Play
from gateway.loyalty.earning.recount import Recounts
from gateway.loyalty.earning.recovery import Recovery as BatchRecovery
from gateway.loyalty.earning.referrals import routes as referrals_routes
from gateway.loyalty.earning.referrals.service import Referrals
from gateway.loyalty.earning.release import Releaser
from gateway.loyalty.earning.service import Earning
from gateway.loyalty.ledger.models import STREAM as LEDGER_STREAM
from gateway.loyalty.ledger.service import Ledger
from gateway.loyalty.moves import routes as moves_routes
from gateway.loyalty.moves.models import Move
from gateway.loyalty.moves.service import Moves
from gateway.loyalty.moves.settlement import STREAM as MOVE_STREAM
from gateway.loyalty.moves.settlement import Settlement as MoveSettlement
from gateway.loyalty.offers import routes as offers_routes
from gateway.loyalty.offers.codes import Codes
from gateway.loyalty.offers.pools import Pools
from gateway.loyalty.offers.service import Offers
from gateway.loyalty.offers.uploads import Uploads
from gateway.loyalty.redemptions import routes as redemptions_routes
from gateway.loyalty.redemptions.models import Redemption
from gateway.loyalty.redemptions.recovery import Recovery as RedemptionRecovery
from gateway.loyalty.redemptions.service import Redemptions
from gateway.loyalty.redemptions.settlement import STREAM as REDEMPTION_STREAM
from gateway.loyalty.redemptions.settlement import Settlement as RedemptionSettlement
from gateway.loyalty.redemptions.submission import Submission
from gateway.loyalty.redemptions.terms import Terms
from gateway.loyalty.tiers import routes as tiers_routes
from gateway.loyalty.tiers.service import Tiers
from gateway.loyalty.tiers.vips import Vips
from gateway.loyalty.wallet_views import routes as wallets_routes
from gateway.messaging import routes as messaging_routes
from gateway.messaging.aside import Aside
from gateway.messaging.courier import Courier
from gateway.messaging.outbox import Outbox
from gateway.settings import Settings
from gateway.statistics import routes as statistics_routes
from gateway.statistics.facts import Facts
from gateway.statistics.release import Closing
from gateway.web import chain as chain_routes
from gateway.web import health as health_routes
from gateway.web.checks import Checks
from gateway.web.metrics import Figures

log = structlog.get_logger(__name__)

Wheel = Callable[[], int]


class OldSchema(Exception):
    """The database is not at the newest revision: run the migrations."""


@dataclass(frozen=True)
class Ground:
    """What every room stands on. `desk` takes transactions; only the worker has the keys that send them. `probe`: the
    node for who asks whether we are ready, and does not wait for long."""

    settings: Settings
    db: Database
    clock: Clock
    jobs: Jobs
    secrets: Secrets
    rpc: Rpc
    probe: Rpc
    deployment: Deployment
    reads: Reads
    desk: Queue


class House:
    """All rooms over one ground."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.settings = ground, ground.settings
        db, clock, jobs, reads, deployment = ground.db, ground.clock, ground.jobs, ground.reads, ground.deployment
        desk, secrets, settings = ground.desk, ground.secrets, ground.settings
        contracts = (deployment.token, deployment.hub, deployment.asset)
        refused = frozenset(contracts)

        self.fence = Fence(db, ground.rpc, desk.addresses, applied_block, (self._unread,))
        self.ledger, self.keys = Ledger(), ApiKeys()
        self.auth = Auth(db, self.keys, clock)
        self.merchants = Merchants(contracts)
        self.campaigns = Campaigns(
            db, reads, clock, desk.addresses, least_wallets=settings.min_wallets, least_window=settings.min_window
        )
        self.tiers = Tiers(clock)
        self.vips = Vips(self.campaigns, clock, deployment.chain_id)
        self.earning = Earning(self.campaigns, secrets, jobs, clock, refused, self.tiers, settings.max_backlog)
        self.orders = self._orders()
        self.grants = Grants(self.campaigns, secrets, clock, refused, settings.approval_above)
        self.claims = Claims(db, clock, jobs, refused, self.grants.welcome, self.fence.trusted)
        self.boards = Leaderboards(db, self.campaigns, clock, deployment.chain_id)
        self.play = Play(secrets, clock)
        self.referrals = Referrals(db, self.campaigns, secrets, clock, deployment.chain_id, refused)
        self.settler = Settler(db, clock, reads, desk, deployment.hub, jobs, self.tiers, self.fence.complete)
        self.early, self.recounts = self._early(), Recounts(db, self.tiers)
        self.landing = Landing(db, clock, jobs, self.campaigns, reads, desk, deployment.hub)
        self.recovery = BatchRecovery(db, ground.rpc, clock, self.landing, desk.addresses, deployment.hub)
        self.releaser = Releaser(db, clock, desk, deployment.hub, self._releasable)
        self.codes = Codes(secrets, jobs, clock)
        self.uploads = Uploads(db, clock, Pools(secrets))
        self.offers = Offers(clock, deployment.chain_id, deployment.hub, self.codes.public_key)
        self.redemptions = Redemptions(
            db,
            clock,
            deployment.domains,
            reads,
            desk,
            self.orders,
            self.ledger,
            self.offers,
            self.codes,
            Terms(clock, self.tiers),
            self.fence.recently_complete,
        )
        self.redemption_recovery = RedemptionRecovery(
            db, ground.rpc, clock, jobs, deployment.domains, self.codes, desk.addresses, deployment.hub
        )
        self.submission = Submission(db, clock, ground.rpc, deployment.hub, desk)
        self.redemption_settlement = self._redemption_settlement()
        self.moves = Moves(db, clock, deployment.domains, reads, desk, self.orders, self.ledger, contracts)
        self.move_settlement = MoveSettlement(clock, self.orders)
        earned = Earned(self.play, self.tiers, clock)
        self.badges = Badges(db, self.campaigns, earned, clock, deployment)
        self.badge_submission = BadgeSubmission(db, clock, earned, desk, deployment.badges, self.fence.complete)
        self.badge_settlement = BadgeSettlement(db, clock, jobs)
        self.facts = Facts(clock)
        self.closing = Closing(db, clock, jobs, settings.statistics_quiet)
        self.outbox = Outbox(clock, secrets, settings.webhooks_private)
        self.courier = Courier(db, clock, secrets, settings.webhooks_private)
        jobs.registry = Registry(self._handlers(), EVENTS, self._bulk_handlers(), TOGETHER)

    def _orders(self) -> OpenOrders:
        shared = SharedBudget(self.ground.clock, self.earning.has_paid, self.settings.max_shared_orders)
        kept = (Move.__table__, Redemption.__table__, EarlyAsk.__table__)
        g = self.ground
        receipts = Receipts(g.db, g.rpc, g.deployment)
        explain = Explanations(g.db, g.reads, receipts, self.ledger, LEDGER_STREAM).of
        return OpenOrders(g.db, g.reads, g.clock, shared, explain, kept, self.settings.max_orders)

    def _redemption_settlement(self) -> RedemptionSettlement:
        ground, whole = self.ground, self.fence.recently_complete
        return RedemptionSettlement(ground.db, ground.clock, ground.jobs, self.orders, self.codes, whole)

    def _early(self) -> Early:
        g = self.ground
        pace, chain_id = self.orders.check_pace, g.deployment.chain_id
        return Early(g.db, g.clock, self.campaigns, self.earning, self.settler, pace, chain_id)

    def _bulk_handlers(self) -> Mapping[str, BulkHandler]:
        """What kinds of jobs do that come by the thousand."""
        return {
            "statistics.accepted": self.facts.accepted,
            "statistics.claimed": self.facts.claimed,
            "earning.referrals": self.referrals.follow,
            "earning.play": self.play.follow,
        }

    def _unread(self, session: Session) -> int:
        """What a restored database has still to look up on the chain."""
        return self.recovery.unread(session) + self.redemption_recovery.unread(session)

    def _handlers(self) -> Mapping[str, Handler]:
        """What each kind of job does."""
        return {
            "earning.tx_failed": self.landing.on_tx_failed,
            "redemptions.tx_failed": self.submission.tx_failed,
            "redemptions.tx_done": self.submission.tx_done,
            "moves.tx_refused": self.move_settlement.tx_refused,
            "moves.tx_reverted": self.move_settlement.tx_reverted,
            "badges.tx_failed": self.badge_submission.tx_failed,
            "badges.tx_done": self.badge_submission.tx_done,
            **{kind: self.outbox.handler(message) for kind, message in MESSAGES.items()},
        }

    def close(self) -> None:
        """Gives connections back; to be called when nothing is at work any more."""
        self.ground.db.dispose()
        self.ground.rpc.close()
        self.ground.probe.close()

    def streams(self) -> Mapping[str, Apply]:
        """Who reads the chain's events, by the name of its cursor. The ledger comes first: others ask it. `WANTED` says
        what of them each wants to know."""
        return {
            LEDGER_STREAM: Ahead(self.ledger.plan),
            EARNING_STREAM: self.landing.apply_events,
            REDEMPTION_STREAM: self.redemption_settlement.apply_events,
            MOVE_STREAM: self.move_settlement.apply_events,
            BADGE_STREAM: self.badge_settlement.apply_events,
        }

    def routers(self) -> list[APIRouter]:
        """Everything that HTTP offers."""
        g, looking = self.ground, self._checks()
        checks = looking.all()
        proofs = Proofs(g.clock, g.deployment.chain_id)
        return [
            merchants_routes.build(g.db, self.auth, self.merchants, self.keys, g.secrets, g.clock),
            audit_log_routes.build(g.db, self.auth),
            campaigns_routes.build(g.db, self.auth, self.campaigns, self.merchants, g.clock),
            earning_routes.build(g.db, self.auth, self.earning, self.claims, g.clock),
            referrals_routes.build(g.db, self.referrals),
            grants_routes.build(g.db, self.auth, self.grants, g.clock),
            early_routes.build(g.db, self.early),
            play_routes.build(g.db, self.play, proofs),
            boards_routes.build(g.db, self.boards),
            badges_routes.build(g.db, self.badges, proofs),
            statistics_routes.build(g.db, self.auth, self.ledger),
            messaging_routes.build(g.db, self.auth, self.outbox, g.clock),
            offers_routes.build(g.db, self.auth, self.campaigns, self.offers, self.codes, self.uploads.pools, g.clock),
            redemptions_routes.build(g.db, self.redemptions),
            moves_routes.build(g.db, self.moves),
            tiers_routes.build(g.db, self.auth, self.tiers, self.vips, proofs, g.clock),
            wallets_routes.build(g.db, g.clock, g.reads, self.orders, self.ledger, self.redemptions, proofs),
            chain_routes.build(g.reads, g.deployment),
            health_routes.build(checks, Figures(g.db, g.clock, checks, looking.funds)),
        ]

    def _releasable(self, session: Session, campaign: int, now: int, limit: int) -> list[bytes]:
        """Who has matured points and no open order on them: a release would take them from under the order."""
        ordering = self.orders.holders(session, campaign)
        holders = self.ledger.matured_holders(session, campaign, now, limit + len(ordering))
        return [holder for holder in holders if holder not in ordering][:limit]

    def _checks(self) -> Checks:
        g, settings = self.ground, self.settings
        confirmations, max_age = settings.confirmations, settings.max_queue_age
        reads = Reads(g.probe, g.deployment)
        return Checks(g.db, g.probe, reads, g.clock, g.desk.addresses, confirmations, max_age, self.fence)

    def wheels(self) -> dict[str, Wheel]:
        """The periodic work, each part safe in several workers at once. Only the worker asks: it needs the keys."""
        g = self.ground
        self.campaigns.adopt_keys()
        password = g.settings.relayer_password.get_secret_value()
        relayer = Relayer(
            g.db,
            g.rpc,
            g.clock,
            g.jobs,
            [keystore.load(path, password) for path in keystore.files(g.settings.relayer_keystore)],
            g.deployment,
            RelayerSettings(
                confirmations=g.settings.confirmations,
                stuck_after=g.settings.stuck_after,
                fee_limit=g.settings.max_fee_gwei * GWEI,
            ),
        )
        indexer = Indexer(g.db, g.rpc, g.clock, g.deployment, g.settings.confirmations)
        wheels: dict[str, Wheel] = {"relayer": relayer.step, "indexer": indexer.step}
        wheels |= {
            f"stream.{name}": partial(follow, g.db, name, apply, WANTED.get(name))
            for name, apply in self.streams().items()
        }
        return wheels | {
            "jobs": partial(g.jobs.run_due, g.db),
            "campaigns.refresh": self.campaigns.refresh_due,
            "earning.take_back": self.recovery.take_back_due,
            "earning.send_moved": lambda: self.recovery.send_moved_due(self.fence.complete),
            "redemptions.take_back": self.redemption_recovery.take_back_due,
            "fence": self.fence.passed_due,
            "earning.settle": self.settler.settle_due,
            "earning.settle_early": self.early.settle_due,
            "earning.resend": self.landing.resend_due,
            "earning.lapse": self.claims.lapse_due,
            "earning.release": self.releaser.release_due,
            "earning.forget": self.referrals.forget_due,
            "earning.recount": self.recounts.recount_due,
            "boards.forget": self.boards.forget_due,
            "statistics.close": self.closing.close_due,
            "messaging.deliver": Aside(self.courier.deliver_due).turn,
            "offers.uploads": self.uploads.sweep_due,
            "redemptions.submit": self.submission.submit_due,
            "redemptions.sweep": self.redemption_settlement.sweep_dead,
            "redemptions.wipe": self.redemption_settlement.wipe_due,
            "moves.submit": self.moves.submit_due,
            "moves.sweep": self.move_settlement.sweep_dead,
            "badges.submit": self.badge_submission.submit_due,
            "badges.sweep": self.badge_settlement.sweep_due,
            "database.log": g.db.shorten_log,
        }


def open_house(settings: Settings, clock: Clock | None = None) -> House:
    """Builds the house; refuses (WrongDeployment, OldSchema) what it could only do wrong. A node that is down is no
    reason: what is accepted waits for it."""
    crashes.arm(settings.crash_at)
    clock = clock or Clock()
    deployment = Deployment.load(settings.deployment_file)
    rpc = Rpc(settings.rpc_url)
    verified = False
    try:
        deployment.verify(rpc)
        verified = True
    except ChainError as error:
        log.warning("node.unavailable", error=type(error).__name__)
    db = Database(settings.database_url)
    if not migrations.is_current(db):
        raise OldSchema("the database is not at the newest revision; run `loyalty migrate`")
    secrets = Secrets(settings.master())
    home.check(db, deployment, secrets.mac("home", b""), verified)
    ground = Ground(
        settings=settings,
        db=db,
        clock=clock,
        jobs=Jobs(clock),
        secrets=secrets,
        rpc=rpc,
        probe=Rpc(settings.rpc_url, timeout=2),
        deployment=deployment,
        reads=Reads(rpc, deployment),
        desk=Queue(clock, tuple(keystore.addresses(settings.relayer_keystore))),
    )
    return House(ground)


@contextmanager
def refusing() -> Iterator[None]:
    """Ends the process with one line when it must not start: a stack trace would bury the reason, and could repeat a
    secret."""
    try:
        yield
    except ValidationError as error:
        wrong = [f"{'_'.join(('LOYALTY', *map(str, e['loc']))).upper()}: {e['msg']}" for e in error.errors()]
        raise SystemExit(f"refused to start: {'; '.join(wrong)}") from None
    except (WrongDeployment, OldSchema, keystore.KeystoreError) as error:
        raise SystemExit(f"refused to start: {error}") from None
