"""HTTP of wallets. What the chain shows anyway is open; what it does not show yet needs the wallet's own proof."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path

from gateway.chain.errors import Temporary
from gateway.chain.reads import Reads
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.limits import MAX_ID
from gateway.core.pages import Below, Cursor, Limit
from gateway.identity.wallets import proofs
from gateway.identity.wallets.fields import Address
from gateway.identity.wallets.orders import OpenOrders
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.ledger.postings import WALLETS
from gateway.loyalty.ledger.service import Account, Ledger
from gateway.loyalty.redemptions.schemas import RedemptionOut
from gateway.loyalty.redemptions.service import Redemptions
from gateway.loyalty.wallet_views import queries
from gateway.loyalty.wallet_views.schemas import (
    AccountOut,
    HistoryEntry,
    HistoryOut,
    InboxOut,
    OfferQuoteOut,
    PendingEntry,
    PendingOut,
    WalletOut,
)

Wallet = Annotated[Address, Path(description="0x-hex address")]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def build(
    db: Database,
    clock: Clock,
    reads: Reads,
    orders: OpenOrders,
    ledger: Ledger,
    redemptions: Redemptions,
    wallet_proofs: proofs.Proofs,
) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1/wallets", tags=["wallets"], dependencies=[Depends(anonymous)])

    def nonces(holder: bytes, accounts: list[Account]) -> list[int | None]:
        """What the chain expects of the wallet and of each account next."""
        try:
            states = reads.accounts([(account.campaign, holder) for account in accounts]) if accounts else []
            return [reads.nonce(holder), *(state.nonce for state in states)]
        except Temporary:
            return [None] * (1 + len(accounts))

    @router.get("/{address}")
    def wallet(address: Wallet, cursor: Cursor = 0, limit: Limit = 50) -> WalletOut:
        """Points in the wallet and its accounts, by campaign, and the nonces for its next orders, open ones counted."""
        with db.read() as session:
            now = clock.now()
            balance = ledger.holding(session, address, WALLETS, now).matured
            accounts = ledger.accounts(session, address, now, cursor, limit)
        of_wallet, *of_accounts = nonces(address, accounts)
        with db.read() as session:

            def following(campaign: int, nonce: int | None) -> int | None:
                return None if nonce is None else orders.next_nonce(session, address, campaign, nonce)

            views = [
                AccountOut(**vars(account), nonce=following(account.campaign, nonce))
                for account, nonce in zip(accounts, of_accounts, strict=True)
            ]
            nonce = following(0, of_wallet)
        next = views[-1].campaign if len(views) == limit else None
        return WalletOut.model_construct(wallet=address, balance=balance, nonce=nonce, accounts=views, next=next)

    @router.get("/{address}/history")
    def history(address: Wallet, cursor: Below = None, limit: Limit = 50) -> HistoryOut:
        """What the chain's events changed, newest first."""
        with db.read() as session:
            rows = ledger.history(session, address, cursor, limit)
        items = [HistoryEntry.of(row) for row in rows]
        return HistoryOut.model_construct(items=items, next=rows[-1].id if len(rows) == limit else None)

    _add_waiting(router, db, clock, redemptions, wallet_proofs)
    return router


def _add_waiting(
    router: APIRouter, db: Database, clock: Clock, redemptions: Redemptions, wallet_proofs: proofs.Proofs
) -> None:
    @router.get("/{address}/pending")
    def pending(
        address: Wallet,
        proof: Annotated[str | None, Header(alias=proofs.HEADER)] = None,
        cursor: Below = None,
        limit: Limit = 50,
    ) -> PendingOut:
        """Accepted actions that have not landed, newest first. Only for the wallet itself: a till could match them with
        its log. Header `Wallet-Proof: <at>.<signature>`, EIP-191 over `show wallet <address> on chain <id> at <at>`."""
        wallet_proofs.check(address, proof)
        with db.read() as session:
            found = queries.pending(session, address, clock.now(), cursor, limit)
        next = found[-1].id if len(found) == limit else None
        return PendingOut(items=[PendingEntry.of(item) for item in found], next=next)

    @router.get("/{address}/offers/{offer}")
    def quote(
        address: Wallet, offer: Id, proof: Annotated[str | None, Header(alias=proofs.HEADER)] = None
    ) -> OfferQuoteOut:
        """What the wallet may pay for an offer, and why. Only for the wallet itself: its standing is nobody else's
        business. The same `Wallet-Proof` as for what is pending."""
        wallet_proofs.check(address, proof)
        with db.read() as session:
            row = redemptions.offers.get(session, offer)
            return OfferQuoteOut.of(row, redemptions.terms.quote(session, row, address))

    @router.get("/{address}/inbox")
    def inbox(address: Wallet, cursor: Below = None, limit: Limit = 50) -> InboxOut:
        """The wallet's orders for codes and their sealed boxes, newest first."""
        with db.read() as session:
            rows = redemptions.inbox(session, address, cursor, limit)
        items = [RedemptionOut.of(row) for row in rows]
        return InboxOut.model_construct(items=items, next=rows[-1].id if len(rows) == limit else None)
