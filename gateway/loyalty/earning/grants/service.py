"""Adjustments, opening balances and welcomes: asked for, approved by a second key where they are large, given once.

One API key alone gives at most `alone` hundredths a UTC day in a campaign; what is beyond waits for another key of the
merchant, and lapses when none comes. Grants are the campaign's: a new owner sees and can withdraw them, and gives only
out of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.bulk import add_rows
from gateway.core.clock import Clock
from gateway.core.durations import DAY
from gateway.core.limits import MAX_ID
from gateway.core.problems import INVALID_REQUEST, Problem
from gateway.core.secrets import Secrets
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import ApiKey
from gateway.identity.wallets.addresses import NOBODY
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant, RuleVersion
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.campaigns.versions import in_force_or_first, rules_of
from gateway.loyalty.earning import bonuses, codes
from gateway.loyalty.earning.claims import Claimed
from gateway.loyalty.earning.errors import CAMPAIGN_ENDED, CLAIM_LAPSED, CLAIM_USED, WALLET_REFUSED
from gateway.loyalty.earning.grants.errors import (
    ALREADY_WELCOMED,
    GRANT_DECIDED,
    GRANT_NOT_OPEN,
    OPENING_DIFFERS,
    OPENING_EXHAUSTED,
    SECOND_KEY_REQUIRED,
    UNKNOWN_GRANT,
)
from gateway.loyalty.earning.grants.models import Grant, GrantState, Reason
from gateway.loyalty.earning.models import Action, ActionKind, ActionState
from gateway.loyalty.rules.programme import programme

#: Seconds that a grant waits for a second key.
PATIENCE = 7 * DAY


@dataclass(frozen=True)
class Asked:
    """What a merchant asks for; see the table."""

    reason: Reason
    points: int
    wallet: bytes | None = None
    uses: int = 1
    valid_until: int | None = None


@dataclass(frozen=True)
class Balance:
    """One line of an opening: for a wallet, or for whoever gets the code of the merchant's `key`. Hundredths."""

    points: int
    wallet: bytes | None = None
    key: bytes | None = None


@dataclass(frozen=True)
class Opened:
    """An opening balance that is given. `claim`: the code and when it lapses, where no wallet was named."""

    points: int
    repeated: bool
    claim: tuple[str, int] | None


class Grants:
    """`refused` are the addresses that can be nobody's wallet. All methods work in the caller's transaction."""

    def __init__(
        self, campaigns: Campaigns, secrets: Secrets, clock: Clock, refused: frozenset[bytes], alone: int
    ) -> None:
        self.campaigns, self.secrets, self.clock, self.alone = campaigns, secrets, clock, alone
        self.refused = refused | {NOBODY}

    # ---------------------------------------------------------------- asking

    def ask(self, session: Session, caller: Caller, campaign: int, asked: Asked, seed: bytes) -> Grant:
        """A grant of the campaign's owner: given at once where one key may, else waiting for a second one. `seed`: 32
        bytes that nobody else uses.

        `unknown-campaign`, `campaign-ended`, `wallet-refused`, and what speaks against promising points.
        """
        now = self.clock.now()
        locked = self.campaigns.owned(session, campaign, caller.merchant)
        if now >= schedule.last_call(locked.end):
            raise CAMPAIGN_ENDED.at("campaign")
        if asked.wallet in self.refused:
            raise WALLET_REFUSED.at("wallet")
        if asked.valid_until is not None and asked.valid_until <= now:
            raise INVALID_REQUEST.at("valid_until", "in the past")
        if asked.points * asked.uses > MAX_ID:
            raise INVALID_REQUEST.at("points", "too many together")
        grant = Grant(
            merchant_id=caller.merchant,
            campaign_id=campaign,
            reason=asked.reason,
            state=GrantState.WAITING,
            wallet=asked.wallet,
            points=asked.points,
            uses=asked.uses,
            used=0,
            valid_until=asked.valid_until,
            asked_by=caller.key_id,
            asked_at=now,
            expires_at=now + PATIENCE,
        )
        if asked.reason == Reason.WELCOME:
            grant.seed = self.secrets.mac("welcome", seed)
            grant.code_hash = codes.hash_of(self.code(grant))
        enough = self._given_alone(session, campaign, caller.key_id, now) + grant.total <= self.alone
        session.add(grant)
        session.flush()
        if enough:
            self._give(session, grant, locked, now)
        return grant

    def _given_alone(self, session: Session, campaign: int, key: int, now: int) -> int:
        """What this key has given in the campaign today without a second one."""
        total = sa.func.coalesce(sa.func.sum(Grant.points * Grant.uses), 0)
        query = sa.select(total).where(
            Grant.campaign_id == campaign,
            Grant.asked_by == key,
            Grant.decided_by.is_(None),
            Grant.state != GrantState.WAITING,
            Grant.asked_at >= now - now % DAY,
        )
        return int(session.scalar(query) or 0)

    def _give(self, session: Session, grant: Grant, campaign: Campaign, now: int) -> None:
        grant.state = GrantState.GIVEN
        if grant.wallet is not None:
            digest = self.secrets.mac("adjustment", grant.id.to_bytes(8, "big") + grant.asked_at.to_bytes(8, "big"))
            grant.action_id = self._award(session, campaign, grant, grant.wallet, digest, now).id
        session.flush()

    def _award(
        self, session: Session, campaign: Campaign, grant: Grant, wallet: bytes, digest: bytes, now: int
    ) -> Action:
        allowance = promises.allowance(session, campaign, campaign.merchant_id, None, now)
        allowance.take(grant.points)
        promises.keep(session, allowance)
        values = self._row(session, campaign, campaign.merchant_id, digest, now)
        action = Action(**values, wallet=wallet, points=grant.points, state=ActionState.ACCEPTED)
        session.add(action)
        session.flush()
        return action

    def _row(self, session: Session, campaign: Campaign, merchant: int, digest: bytes, now: int) -> dict[str, object]:
        version = in_force_or_first(rules_of(session, [campaign.id])[campaign.id], now)
        return bonuses.row(merchant, campaign.id, version.id, ActionKind.BONUS, digest, now, now)

    # -------------------------------------------------------------- deciding

    def approve(self, session: Session, caller: Caller, grant_id: int) -> tuple[GrantState, Grant]:
        """Gives what waits; the same key's word again changes nothing. Beside it how the grant stood before.

        `second-key-required` for the key that asked and for one that is not known to have been there before it asked;
        `grant-decided` for what does not wait, or no longer, or was asked for by an earlier owner.
        """
        grant, campaign = self._locked(session, caller, grant_id)
        now, before = self.clock.now(), grant.state
        if before == GrantState.GIVEN and grant.decided_by == caller.key_id:
            return before, grant
        if before != GrantState.WAITING or now >= grant.expires_at or grant.merchant_id != caller.merchant:
            raise GRANT_DECIDED.at("id")
        if caller.key_id == grant.asked_by or session.get_one(ApiKey, caller.key_id).created_at >= grant.asked_at:
            raise SECOND_KEY_REQUIRED.at("id")
        if now >= schedule.last_call(campaign.end):
            raise CAMPAIGN_ENDED.at("campaign")
        grant.decided_by = caller.key_id
        self._give(session, grant, campaign, now)
        return before, grant

    def withdraw(self, session: Session, caller: Caller, grant_id: int) -> tuple[GrantState, Grant]:
        """Takes back what can be: a waiting grant wholly, an adjustment as a refund takes back an award, an opening or
        a welcome for those who have not had it. Twice is once. Beside it how the grant stood before."""
        grant, _ = self._locked(session, caller, grant_id)
        before, grant.state = grant.state, GrantState.WITHDRAWN
        if before == GrantState.WAITING:  # was never given, so it is not counted as given alone
            grant.decided_by = caller.key_id
        if before == GrantState.GIVEN and grant.action_id is not None:
            given = session.get_one(Action, grant.action_id, populate_existing=True)
            rules = programme(session.get_one(RuleVersion, given.rule_version_id).document)
            digest = self.secrets.mac("grant-withdrawn", given.key_hash)
            bonuses.take_back(session, given, rules.document.refunds, digest, self.clock.now())
        session.flush()
        return before, grant

    def _locked(self, session: Session, caller: Caller, grant_id: int) -> tuple[Grant, Campaign]:
        """The grant under the lock of its campaign, which must be this merchant's."""
        found = self.get(session, caller.merchant, grant_id)
        campaign = self.campaigns.owned(session, found.campaign_id, caller.merchant)
        return session.get_one(Grant, grant_id, populate_existing=True), campaign

    # --------------------------------------------------------------- reading

    def get(self, session: Session, merchant: int, grant_id: int) -> Grant:
        """A grant of a campaign that the merchant owns now; else `unknown-grant`."""
        grant = session.get(Grant, grant_id)
        if grant is None or session.get_one(Campaign, grant.campaign_id).merchant_id != merchant:
            raise UNKNOWN_GRANT.at("id")
        return grant

    def page(self, session: Session, merchant: int, cursor: int | None, limit: int) -> list[Grant]:
        """At most `limit` grants of the merchant's campaigns, newest first, with an id below `cursor`."""
        query = (
            sa.select(Grant).join(Campaign, Campaign.id == Grant.campaign_id).where(Campaign.merchant_id == merchant)
        )
        if cursor is not None:
            query = query.where(Grant.id < cursor)
        return list(session.scalars(query.order_by(Grant.id.desc()).limit(limit)))

    def code(self, grant: Grant) -> str:
        """A welcome's code; the same whenever it is asked for, and kept nowhere."""
        return codes.code_of(self.secrets, grant.merchant_id, grant.seed or b"")

    # -------------------------------------------------------------- openings

    def open_balances(
        self, session: Session, caller: Caller, grant_id: int, balances: Sequence[Balance]
    ) -> tuple[int, Grant, list[Opened | Problem]]:
        """Gives opening balances out of an approved opening, each wallet or key one in a campaign; an answer or a
        problem for each, in their order. Beside them what had been used of the opening before."""
        grant, campaign = self._locked(session, caller, grant_id)
        now = self.clock.now()
        if (grant.reason, grant.state, grant.merchant_id) != (Reason.OPENING, GrantState.GIVEN, caller.merchant):
            raise GRANT_NOT_OPEN.at("id")
        if now >= schedule.last_call(campaign.end):
            raise CAMPAIGN_ENDED.at("campaign")
        digests = [self._opening_digest(campaign.id, balance) for balance in balances]
        turn = _Opening(self, session, grant, campaign, now, digests)
        results = [turn.judge(balance, digest) for balance, digest in zip(balances, digests, strict=True)]
        before = grant.used
        turn.write()
        return before, grant, results

    def _opening_digest(self, campaign: int, balance: Balance) -> bytes:
        who = b"w" + balance.wallet if balance.wallet is not None else b"k" + (balance.key or b"")
        return self.secrets.mac("opening", campaign.to_bytes(8, "big") + who)

    # -------------------------------------------------------------- welcomes

    def welcome(self, session: Session, code: str, wallet: bytes) -> Claimed | None:
        """Gives a welcome's points to a wallet, once in a campaign; None when the code is no welcome's.

        `claim-lapsed`, `claim-used` (by as many wallets as it was for), `already-welcomed`, and what speaks against
        promising points.
        """
        found = session.scalar(sa.select(Grant).where(Grant.code_hash == codes.hash_of(code)))
        if found is None:
            return None
        now = self.clock.now()
        campaign = promises.lock(session, [found.campaign_id])[found.campaign_id]
        grant = session.get_one(Grant, found.id, populate_existing=True)
        digest = self.secrets.mac("welcomed", campaign.id.to_bytes(8, "big") + wallet)
        which = self.secrets.mac("welcome-of", grant.code_hash or b"")
        known = session.scalar(_known(campaign.id, [digest]))
        if known is not None:
            if known.body_hash != which:
                raise ALREADY_WELCOMED.at("wallet")
            return Claimed(campaign.id, known.points, known.points)
        late = now >= min(grant.valid_until or schedule.last_call(campaign.end), schedule.last_call(campaign.end))
        if grant.state != GrantState.GIVEN or late:
            raise CLAIM_LAPSED.at("code")
        if grant.used >= grant.uses:
            raise CLAIM_USED.at("code")
        given = self._award(session, campaign, grant, wallet, digest, now)
        given.body_hash = which
        grant.used += 1
        session.flush()
        return Claimed(campaign.id, grant.points, grant.points)


def _known(campaign: int, digests: Sequence[bytes]) -> sa.Select[tuple[Action]]:
    """What any owner that the campaign has or had gave under these digests. The campaign must be locked."""
    merchants = sa.select(CampaignMerchant.merchant_id).where(CampaignMerchant.campaign_id == campaign)
    return sa.select(Action).where(Action.merchant_id.in_(merchants), Action.key_hash.in_(digests))


class _Opening:
    """One call's opening balances, inside a transaction that holds the campaign's lock."""

    def __init__(
        self, grants: Grants, session: Session, grant: Grant, campaign: Campaign, now: int, digests: Sequence[bytes]
    ) -> None:
        self.grants, self.session, self.grant, self.campaign, self.now = grants, session, grant, campaign, now
        self.allowance = promises.allowance(session, campaign, campaign.merchant_id, None, now)
        self.known = {
            row.key_hash: (row.points, row.claim_expires)
            for row in session.scalars(_known(campaign.id, digests))
            if row.merchant_id == grant.merchant_id or row.claim_expires is None  # keys are each merchant's own
        }
        self.rows: list[dict[str, object]] = []
        self.base = grants._row(session, campaign, grant.merchant_id, bytes(32), now)

    def judge(self, balance: Balance, digest: bytes) -> Opened | Problem:
        known = self.known.get(digest)
        code = codes.code_of(self.grants.secrets, self.grant.merchant_id, digest)
        if known is not None:
            if known[0] != balance.points:
                return OPENING_DIFFERS.at("points")
            return Opened(balance.points, True, None if known[1] is None else (code, known[1]))
        if balance.wallet in self.grants.refused:
            return WALLET_REFUSED.at("wallet")
        if self.grant.used + self.allowance.taken + balance.points > self.grant.points:
            return OPENING_EXHAUSTED.at("points")
        try:
            self.allowance.take(balance.points)
        except Problem as problem:
            return problem
        expires = None if balance.wallet is not None else schedule.code_lapses_at(self.now, self.campaign.end)
        self.known[digest] = (balance.points, expires)
        self.rows.append(
            self.base
            | {
                "key_hash": digest,
                "body_hash": digest,
                "wallet": balance.wallet,
                "points": balance.points,
                "withheld": 0,
                "standing": 0,
                "claim_hash": None if expires is None else codes.hash_of(code),
                "claim_expires": expires,
                "state": ActionState.ACCEPTED if expires is None else ActionState.UNCLAIMED,
            }
        )
        return Opened(balance.points, False, None if expires is None else (code, expires))

    def write(self) -> None:
        if not self.rows:
            return
        add_rows(self.session, Action, self.rows)
        self.grant.used += self.allowance.taken
        promises.keep(self.session, self.allowance)
        self.session.flush()
