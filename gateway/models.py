"""Every table of the house, for migrations and tests."""

from gateway.chain.indexer import models as _indexer
from gateway.chain.relayer import models as _relayer
from gateway.core import changes as _changes
from gateway.core import idempotency as _idempotency
from gateway.core import jobs as _jobs
from gateway.core.db import Base
from gateway.identity.merchants import models as _merchants
from gateway.identity.wallets import models as _wallets
from gateway.loyalty.badges import models as _badges
from gateway.loyalty.campaigns import models as _campaigns
from gateway.loyalty.earning import models as _earning
from gateway.loyalty.earning.boards import models as _boards
from gateway.loyalty.earning.early import models as _early
from gateway.loyalty.earning.grants import models as _grants
from gateway.loyalty.earning.play import models as _play
from gateway.loyalty.earning.referrals import models as _referrals
from gateway.loyalty.ledger import models as _ledger
from gateway.loyalty.moves import models as _moves
from gateway.loyalty.offers import models as _offers
from gateway.loyalty.redemptions import models as _redemptions
from gateway.loyalty.tiers import models as _tiers
from gateway.messaging import models as _messaging
from gateway.statistics import models as _statistics

_ROOMS = (
    _indexer, _relayer, _idempotency, _jobs, _merchants, _wallets, _campaigns, _earning, _ledger, _moves, _offers,
    _redemptions, _messaging, _statistics, _referrals, _changes, _grants, _tiers, _play, _boards,
    _badges, _early,
)  # fmt: skip
metadata = Base.metadata
