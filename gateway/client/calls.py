"""One function for each route: the request that it wants. Written by scripts/build_client.py.

Send them with `Client.send` or `AsyncClient.send`. Amounts are hundredths, times Unix seconds.
"""

from __future__ import annotations

from typing import Literal

from gateway.client.core import Request, made
from gateway.client.types import (
    ActionDetailOut,
    ActionIn,
    ActionOut,
    AdjustmentIn,
    BadgesOut,
    BalancesIn,
    BalancesOut,
    BoardOut,
    BulkIn,
    BulkOut,
    CampaignIn,
    CampaignList,
    CampaignOut,
    ChainOut,
    ChangeList,
    ClaimedOut,
    ClaimIn,
    CodeIn,
    CodeKeyOut,
    CodeOut,
    CodesOut,
    ConfirmIn,
    DefinitionsOut,
    DeliveryList,
    DeliveryOut,
    DoubleUses,
    EarlyIn,
    EarlyOut,
    FigureList,
    GoalsOut,
    GrantList,
    GrantOut,
    HistoryOut,
    InboxOut,
    KeyIn,
    KeyList,
    LowStockIn,
    MerchantIn,
    MerchantList,
    MerchantOut,
    MoveIn,
    MoveOut,
    NameIn,
    NamesOut,
    NewKeyOut,
    NewWebhookOut,
    OfferIn,
    OfferList,
    OfferOut,
    OfferQuoteOut,
    OpeningIn,
    PendingOut,
    PlayerIn,
    PlayerOut,
    PreviewIn,
    PreviewOut,
    PublicOut,
    QuotaIn,
    QuotaList,
    QuotaOut,
    QuoteIn,
    QuoteOut,
    RedemptionIn,
    RedemptionOut,
    ReferralIn,
    ReferralOut,
    RotateIn,
    RulesIn,
    RulesList,
    RulesOut,
    SettlementIn,
    SettleOut,
    StatusesOut,
    StatusOut,
    TiersOut,
    UploadOut,
    UsesIn,
    UsesOut,
    VipIn,
    VipOut,
    WalletOut,
    WebhookIn,
    WebhookList,
    WelcomeIn,
    WhatIfIn,
    WhatIfOut,
    WishIn,
)


def post_merchants(body: MerchantIn, *, idempotency_key: str | None = None) -> Request[MerchantOut]:
    """Admits a merchant."""
    return made("POST", "/v1/merchants", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def get_merchants(*, cursor: int | None = None, limit: int | None = None) -> Request[MerchantList]:
    """All merchants, oldest first."""
    return made("GET", "/v1/merchants", query={"cursor": cursor, "limit": limit}, secured=True)


def get_keys(*, cursor: int | None = None, limit: int | None = None) -> Request[KeyList]:
    """Keys without their text, oldest first."""
    return made("GET", "/v1/keys", query={"cursor": cursor, "limit": limit}, secured=True)


def post_keys(body: KeyIn, *, idempotency_key: str | None = None) -> Request[NewKeyOut]:
    """Issues a key: the operator for itself or any merchant, a merchant for itself."""
    return made("POST", "/v1/keys", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def delete_keys_by_id(id: int) -> Request[None]:
    """Revokes a key at once."""
    return made("DELETE", f"/v1/keys/{id}", secured=True)


def post_keys_by_id_rotate(
    id: int, body: RotateIn | None = None, *, idempotency_key: str | None = None
) -> Request[NewKeyOut]:
    """A new key with the same scopes; the old one works for `grace` more seconds."""
    return made("POST", f"/v1/keys/{id}/rotate", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def get_audit_log(
    *, cursor: int | None = None, limit: int | None = None, what: str | None = None
) -> Request[ChangeList]:
    """Every change of the merchant's configuration with old and new values, newest first; the operator sees all."""
    return made("GET", "/v1/audit-log", query={"cursor": cursor, "limit": limit, "what": what}, secured=True)


def get_campaigns(*, cursor: int | None = None, limit: int | None = None) -> Request[CampaignList]:
    """All campaigns, by number."""
    return made("GET", "/v1/campaigns", query={"cursor": cursor, "limit": limit}, secured=False)


def post_campaigns(body: CampaignIn, *, idempotency_key: str | None = None) -> Request[CampaignOut]:
    """Registers a campaign that the merchant's wallet created on the chain."""
    return made("POST", "/v1/campaigns", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def get_campaigns_by_id(id: int) -> Request[CampaignOut]:
    """One campaign."""
    return made("GET", f"/v1/campaigns/{id}", secured=False)


def get_campaigns_by_id_rules(id: int, *, cursor: int | None = None, limit: int | None = None) -> Request[RulesList]:
    """All versions of a campaign's rules, those of earlier times and those to come among them."""
    return made("GET", f"/v1/campaigns/{id}/rules", query={"cursor": cursor, "limit": limit}, secured=False)


def post_campaigns_by_id_rules(id: int, body: RulesIn, *, idempotency_key: str | None = None) -> Request[RulesOut]:
    """New rules; actions that happened before they are in force are judged by the old ones."""
    return made(
        "POST", f"/v1/campaigns/{id}/rules", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True
    )


def post_campaigns_by_id_pause(id: int, *, idempotency_key: str | None = None) -> Request[CampaignOut]:
    """Takes no new actions until resumed; what was accepted is settled, and refunds and claims go on."""
    return made("POST", f"/v1/campaigns/{id}/pause", headers={"Idempotency-Key": idempotency_key}, secured=True)


def post_campaigns_by_id_resume(id: int, *, idempotency_key: str | None = None) -> Request[CampaignOut]:
    """Takes actions again."""
    return made("POST", f"/v1/campaigns/{id}/resume", headers={"Idempotency-Key": idempotency_key}, secured=True)


def put_campaigns_by_id_name(id: int, body: NameIn, *, idempotency_key: str | None = None) -> Request[CampaignOut]:
    """Calls the campaign something else, at once."""
    return made(
        "PUT", f"/v1/campaigns/{id}/name", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True
    )


def put_campaigns_by_id_settlement(
    id: int, body: SettlementIn, *, idempotency_key: str | None = None
) -> Request[CampaignOut]:
    """Announces how the campaign will settle, for everybody to read, in force 7 days later (its `notice`): what waits now is settled by what was promised."""
    return made(
        "PUT", f"/v1/campaigns/{id}/settlement", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True
    )


def delete_campaigns_by_id_rules_by_version(
    id: int, version: int, *, idempotency_key: str | None = None
) -> Request[None]:
    """Takes back rules that are not in force yet, nor will be within ten minutes."""
    return made(
        "DELETE", f"/v1/campaigns/{id}/rules/{version}", headers={"Idempotency-Key": idempotency_key}, secured=True
    )


def get_campaigns_by_id_merchants(
    id: int, *, cursor: int | None = None, limit: int | None = None
) -> Request[QuotaList]:
    """The other merchants of a campaign and their quotas, by number."""
    return made("GET", f"/v1/campaigns/{id}/merchants", query={"cursor": cursor, "limit": limit}, secured=True)


def put_campaigns_by_id_merchants_by_merchant_id(
    id: int, merchant_id: int, body: QuotaIn, *, idempotency_key: str | None = None
) -> Request[QuotaOut]:
    """Lets another merchant's actions earn in this campaign, up to a quota a day; 0 ends that."""
    return made(
        "PUT",
        f"/v1/campaigns/{id}/merchants/{merchant_id}",
        headers={"Idempotency-Key": idempotency_key},
        body=body,
        secured=True,
    )


def post_actions(body: ActionIn, *, idempotency_key: str | None = None) -> Request[ActionOut]:
    """Reports one action."""
    return made("POST", "/v1/actions", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def post_actions_bulk(body: BulkIn) -> Request[BulkOut]:
    """Reports up to 1,000 actions, each under a key of its own."""
    return made("POST", "/v1/actions/bulk", body=body, secured=True)


def post_actions_preview(body: PreviewIn) -> Request[PreviewOut]:
    """What an action would earn or a refund take back now, and why."""
    return made("POST", "/v1/actions/preview", body=body, secured=True)


def get_actions_by_id(id: int) -> Request[ActionDetailOut]:
    """One of the merchant's own actions."""
    return made("GET", f"/v1/actions/{id}", secured=True)


def post_campaigns_by_id_rules_preview(id: int, body: WhatIfIn) -> Request[WhatIfOut]:
    """What other rules would have awarded."""
    return made("POST", f"/v1/campaigns/{id}/rules/preview", body=body, secured=True)


def post_claims(body: ClaimIn) -> Request[ClaimedOut]:
    """Gives a code's points to a wallet."""
    return made("POST", "/v1/claims", body=body, secured=False)


def post_campaigns_by_id_settle(id: int, *, idempotency_key: str | None = None) -> Request[SettleOut]:
    """Settles now instead of at the fixed time, if enough wallets wait."""
    return made("POST", f"/v1/campaigns/{id}/settle", headers={"Idempotency-Key": idempotency_key}, secured=True)


def post_campaigns_by_id_referrals(id: int, body: ReferralIn) -> Request[ReferralOut]:
    """Says who brought a wallet to a campaign, before it earns there."""
    return made("POST", f"/v1/campaigns/{id}/referrals", body=body, secured=False)


def post_campaigns_by_id_adjustments(
    id: int, body: AdjustmentIn, *, idempotency_key: str | None = None
) -> Request[GrantOut]:
    """Gives a wallet points that no action earned."""
    return made(
        "POST", f"/v1/campaigns/{id}/adjustments", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True
    )


def post_campaigns_by_id_openings(id: int, body: OpeningIn, *, idempotency_key: str | None = None) -> Request[GrantOut]:
    """Asks to bring in the balances of an older programme, so many points together."""
    return made(
        "POST", f"/v1/campaigns/{id}/openings", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True
    )


def post_campaigns_by_id_welcome_codes(
    id: int, body: WelcomeIn, *, idempotency_key: str | None = None
) -> Request[GrantOut]:
    """A code that staff show to newcomers: each wallet gets its points once, `POST /v1/claims` takes it."""
    return made(
        "POST",
        f"/v1/campaigns/{id}/welcome-codes",
        headers={"Idempotency-Key": idempotency_key},
        body=body,
        secured=True,
    )


def post_grants_by_id_approve(id: int) -> Request[GrantOut]:
    """The second key's word for what waits."""
    return made("POST", f"/v1/grants/{id}/approve", secured=True)


def post_grants_by_id_withdraw(id: int) -> Request[GrantOut]:
    """Takes back what can be: what waits wholly, an adjustment as a refund would, an opening or a welcome for those who have not had it."""
    return made("POST", f"/v1/grants/{id}/withdraw", secured=True)


def post_grants_by_id_balances(id: int, body: BalancesIn) -> Request[BalancesOut]:
    """Up to 1,000 balances of an approved opening, each judged by itself."""
    return made("POST", f"/v1/grants/{id}/balances", body=body, secured=True)


def get_grants(*, cursor: int | None = None, limit: int | None = None) -> Request[GrantList]:
    """Adjustments, openings and welcomes of the merchant, newest first."""
    return made("GET", "/v1/grants", query={"cursor": cursor, "limit": limit}, secured=True)


def get_grants_by_id(id: int) -> Request[GrantOut]:
    """One grant."""
    return made("GET", f"/v1/grants/{id}", secured=True)


def post_wallets_by_address_settlements(address: str, body: EarlyIn) -> Request[EarlyOut]:
    """Has what waits for the wallet in a campaign sent now, whatever the campaign's window and however few the wallets."""
    return made("POST", f"/v1/wallets/{address}/settlements", body=body, secured=False)


def get_wallets_by_address_goals(
    address: str, *, cursor: str | None = None, limit: int | None = None, wallet_proof: str | None = None
) -> Request[GoalsOut]:
    """How far the wallet is with challenges and streaks, by campaign and id."""
    return made(
        "GET",
        f"/v1/wallets/{address}/goals",
        query={"cursor": cursor, "limit": limit},
        headers={"Wallet-Proof": wallet_proof},
        secured=False,
    )


def get_campaigns_by_id_leaderboard(
    id: int, *, back: int | None = None, of: str | None = None, cursor: str | None = None, limit: int | None = None
) -> Request[BoardOut]:
    """The first places of those who asked to be shown, by the points that the chain shows."""
    return made(
        "GET",
        f"/v1/campaigns/{id}/leaderboard",
        query={"back": back, "of": of, "cursor": cursor, "limit": limit},
        secured=False,
    )


def post_campaigns_by_id_leaderboard(id: int, body: PlayerIn) -> Request[PlayerOut]:
    """Shows a wallet on the board under a name, or no more."""
    return made("POST", f"/v1/campaigns/{id}/leaderboard", body=body, secured=False)


def get_campaigns_by_id_leaderboard_names(id: int, *, count: int | None = None) -> Request[NamesOut]:
    """Some names that nobody plays under."""
    return made("GET", f"/v1/campaigns/{id}/leaderboard/names", query={"count": count}, secured=False)


def get_campaigns_by_id_badges(
    id: int, *, cursor: int | None = None, limit: int | None = None
) -> Request[DefinitionsOut]:
    """The badges that a campaign has or had, by number: what each takes, and how many hold it."""
    return made("GET", f"/v1/campaigns/{id}/badges", query={"cursor": cursor, "limit": limit}, secured=False)


def post_campaigns_by_id_badges(id: int, body: WishIn) -> Request[StatusOut]:
    """Asks for a badge that the wallet has earned; it goes to the chain with the campaign's next settlement."""
    return made("POST", f"/v1/campaigns/{id}/badges", body=body, secured=False)


def delete_campaigns_by_id_badges_by_badge_wishes_by_address(
    id: int, badge: int, address: str, *, wallet_proof: str | None = None
) -> Request[None]:
    """Takes a wish back as long as it has not been sent."""
    return made(
        "DELETE",
        f"/v1/campaigns/{id}/badges/{badge}/wishes/{address}",
        headers={"Wallet-Proof": wallet_proof},
        secured=False,
    )


def get_wallets_by_address_badges(
    address: str, *, cursor: int | None = None, limit: int | None = None
) -> Request[BadgesOut]:
    """The badges that a wallet has on the chain, or had and renounced, the oldest first."""
    return made("GET", f"/v1/wallets/{address}/badges", query={"cursor": cursor, "limit": limit}, secured=False)


def get_wallets_by_address_badges_earned(
    address: str, *, cursor: str | None = None, limit: int | None = None, wallet_proof: str | None = None
) -> Request[StatusesOut]:
    """How far the wallet is with the badges of the campaigns in which it did something, by campaign and number, and what became of its wishes."""
    return made(
        "GET",
        f"/v1/wallets/{address}/badges/earned",
        query={"cursor": cursor, "limit": limit},
        headers={"Wallet-Proof": wallet_proof},
        secured=False,
    )


def get_statistics(*, cursor: int | None = None, limit: int | None = None) -> Request[FigureList]:
    """The merchant's weekly figures, oldest first."""
    return made("GET", "/v1/statistics", query={"cursor": cursor, "limit": limit}, secured=True)


def get_statistics_public(*, cursor: int | None = None, limit: int | None = None) -> Request[PublicOut]:
    """Totals of every campaign on the hub, exact, as the chain shows them to everybody."""
    return made("GET", "/v1/statistics/public", query={"cursor": cursor, "limit": limit}, secured=False)


def get_webhooks_deliveries(*, cursor: int | None = None, limit: int | None = None) -> Request[DeliveryList]:
    """What was and is to be delivered, newest first."""
    return made("GET", "/v1/webhooks/deliveries", query={"cursor": cursor, "limit": limit}, secured=True)


def post_webhooks_deliveries_by_id_replay(id: int, *, idempotency_key: str | None = None) -> Request[DeliveryOut]:
    """Sends a message once more, under its old id."""
    return made(
        "POST", f"/v1/webhooks/deliveries/{id}/replay", headers={"Idempotency-Key": idempotency_key}, secured=True
    )


def post_webhooks(body: WebhookIn, *, idempotency_key: str | None = None) -> Request[NewWebhookOut]:
    """Sends the merchant's events to a URL from now on, signed as Standard Webhooks says."""
    return made("POST", "/v1/webhooks", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def get_webhooks(*, cursor: int | None = None, limit: int | None = None) -> Request[WebhookList]:
    """The merchant's webhooks, without their secrets."""
    return made("GET", "/v1/webhooks", query={"cursor": cursor, "limit": limit}, secured=True)


def delete_webhooks_by_id(id: int) -> Request[None]:
    """Forgets a webhook and what still waits for it."""
    return made("DELETE", f"/v1/webhooks/{id}", secured=True)


def post_offers(body: OfferIn, *, idempotency_key: str | None = None) -> Request[OfferOut]:
    """Publishes an offer: its canonical document, signed by the merchant's wallet."""
    return made("POST", "/v1/offers", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def get_offers(
    *,
    cursor: int | None = None,
    limit: int | None = None,
    campaign: int | None = None,
    merchant_id: int | None = None,
    kind: Literal["percentage", "fixed", "product", "experience", "partner", "gift_card", "access_code", "ticket"]
    | None = None,
    points_of: int | None = None,
    closed: bool | None = None,
) -> Request[OfferList]:
    """The catalogue: offers that are not closed and have not ended, oldest first."""
    return made(
        "GET",
        "/v1/offers",
        query={
            "cursor": cursor,
            "limit": limit,
            "campaign": campaign,
            "merchant_id": merchant_id,
            "kind": kind,
            "points_of": points_of,
            "closed": closed,
        },
        secured=False,
    )


def get_offers_by_id(id: int) -> Request[OfferOut]:
    """One offer, also after its end."""
    return made("GET", f"/v1/offers/{id}", secured=False)


def post_offers_by_id_close(id: int, *, idempotency_key: str | None = None) -> Request[OfferOut]:
    """Takes no new orders from now on; accepted ones go on."""
    return made("POST", f"/v1/offers/{id}/close", headers={"Idempotency-Key": idempotency_key}, secured=True)


def post_offers_by_id_open(id: int, *, idempotency_key: str | None = None) -> Request[OfferOut]:
    """Takes orders again after it was closed, until its end."""
    return made("POST", f"/v1/offers/{id}/open", headers={"Idempotency-Key": idempotency_key}, secured=True)


def post_offers_by_id_codes(id: int, body: bytes, *, idempotency_key: str | None = None) -> Request[UploadOut]:
    """Adds a CSV file of codes (header `code`) to the pool: all of them or none."""
    return made(
        "POST",
        f"/v1/offers/{id}/codes",
        headers={"Idempotency-Key": idempotency_key},
        content=(body, "text/csv"),
        secured=True,
    )


def get_offers_by_id_codes(id: int) -> Request[CodesOut]:
    """How many codes of the offer are in each state, how they are made and when to tell that few are left."""
    return made("GET", f"/v1/offers/{id}/codes", secured=True)


def put_offers_by_id_codes(id: int, body: LowStockIn) -> Request[CodesOut]:
    """When to tell that few codes are left."""
    return made("PUT", f"/v1/offers/{id}/codes", body=body, secured=True)


def post_codes_check(body: CodeIn) -> Request[CodeOut]:
    """What a code is worth at the till."""
    return made("POST", "/v1/codes/check", body=body, secured=True)


def post_codes_use(body: CodeIn, *, idempotency_key: str | None = None) -> Request[CodeOut]:
    """Uses a code, once."""
    return made("POST", "/v1/codes/use", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def post_codes_undo(body: CodeIn, *, idempotency_key: str | None = None) -> Request[CodeOut]:
    """Takes a use back: the same till's key, within ten minutes."""
    return made("POST", "/v1/codes/undo", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True)


def post_codes_offline_uses(body: UsesIn) -> Request[UsesOut]:
    """Uses of signed codes while the till had no network."""
    return made("POST", "/v1/codes/offline-uses", body=body, secured=True)


def get_codes_double_uses(*, cursor: int | None = None, limit: int | None = None) -> Request[DoubleUses]:
    """Codes that two tills took, oldest report first."""
    return made("GET", "/v1/codes/double-uses", query={"cursor": cursor, "limit": limit}, secured=True)


def get_code_keys_by_merchant_id(merchant_id: int) -> Request[CodeKeyOut]:
    """The key that tills check a merchant's signed codes with."""
    return made("GET", f"/v1/code-keys/{merchant_id}", secured=False)


def post_redemptions(body: RedemptionIn) -> Request[RedemptionOut]:
    """Orders one code."""
    return made("POST", "/v1/redemptions", body=body, secured=False)


def get_redemptions_by_id(id: int) -> Request[RedemptionOut]:
    """One order; its box once it is paid for at depth."""
    return made("GET", f"/v1/redemptions/{id}", secured=False)


def post_redemptions_by_id_confirm(id: int, body: ConfirmIn) -> Request[RedemptionOut]:
    """The holder has opened the box; the gateway forgets it."""
    return made("POST", f"/v1/redemptions/{id}/confirm", body=body, secured=False)


def post_moves_quote(body: QuoteIn) -> Request[QuoteOut]:
    """What would arrive now, bonus included; `min_received` is what to sign."""
    return made("POST", "/v1/moves/quote", body=body, secured=False)


def post_moves(body: MoveIn) -> Request[MoveOut]:
    """Relays a signed order."""
    return made("POST", "/v1/moves", body=body, secured=False)


def get_moves_by_id(id: int) -> Request[MoveOut]:
    """One move and what has become of it."""
    return made("GET", f"/v1/moves/{id}", secured=False)


def get_wallets_by_address_tiers(
    address: str, *, cursor: str | None = None, limit: int | None = None, wallet_proof: str | None = None
) -> Request[TiersOut]:
    """On which rungs the wallet stands, for how long, and what is missing to the next, by campaign and ladder."""
    return made(
        "GET",
        f"/v1/wallets/{address}/tiers",
        query={"cursor": cursor, "limit": limit},
        headers={"Wallet-Proof": wallet_proof},
        secured=False,
    )


def put_campaigns_by_id_vips(id: int, body: VipIn, *, idempotency_key: str | None = None) -> Request[VipOut]:
    """Lets a wallet that asked for it by its signature stand on a rung at least, from today until a day."""
    return made(
        "PUT", f"/v1/campaigns/{id}/vips", headers={"Idempotency-Key": idempotency_key}, body=body, secured=True
    )


def get_wallets_by_address(address: str, *, cursor: int | None = None, limit: int | None = None) -> Request[WalletOut]:
    """Points in the wallet and its accounts, by campaign, and the nonces for its next orders, open ones counted."""
    return made("GET", f"/v1/wallets/{address}", query={"cursor": cursor, "limit": limit}, secured=False)


def get_wallets_by_address_history(
    address: str, *, cursor: int | None = None, limit: int | None = None
) -> Request[HistoryOut]:
    """What the chain's events changed, newest first."""
    return made("GET", f"/v1/wallets/{address}/history", query={"cursor": cursor, "limit": limit}, secured=False)


def get_wallets_by_address_pending(
    address: str, *, cursor: int | None = None, limit: int | None = None, wallet_proof: str | None = None
) -> Request[PendingOut]:
    """Accepted actions that have not landed, newest first."""
    return made(
        "GET",
        f"/v1/wallets/{address}/pending",
        query={"cursor": cursor, "limit": limit},
        headers={"Wallet-Proof": wallet_proof},
        secured=False,
    )


def get_wallets_by_address_offers_by_offer(
    address: str, offer: int, *, wallet_proof: str | None = None
) -> Request[OfferQuoteOut]:
    """What the wallet may pay for an offer, and why."""
    return made("GET", f"/v1/wallets/{address}/offers/{offer}", headers={"Wallet-Proof": wallet_proof}, secured=False)


def get_wallets_by_address_inbox(
    address: str, *, cursor: int | None = None, limit: int | None = None
) -> Request[InboxOut]:
    """The wallet's orders for codes and their sealed boxes, newest first."""
    return made("GET", f"/v1/wallets/{address}/inbox", query={"cursor": cursor, "limit": limit}, secured=False)


def get_chain() -> Request[ChainOut]:
    """Contracts, supply and reserve at the newest block."""
    return made("GET", "/v1/chain", secured=False)
