"""What the API takes and answers, on the wire. Written by scripts/build_client.py."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class AccessCode(TypedDict):
    kind: Literal["access_code"]
    to: str
    url: NotRequired[str | None]
    lasts: NotRequired[int | None]


class AccountOut(TypedDict):
    campaign: int
    matured: int
    pending: int
    next_maturity: int | None
    stay: bool
    nonce: int | None


class ActionDetailOut(TypedDict):
    id: int
    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    points: int
    state: Literal["code-issued", "accepted", "settled", "landed"]
    claim: NotRequired[ClaimOut | None]
    rules: list[CountOut]
    occurred_at: int
    version: int
    refunded: int
    owed: NotRequired[int | None]


class ActionIn(TypedDict):
    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    occurred_at: int
    wallet: NotRequired[str | None]
    claim: NotRequired[bool]
    lines: NotRequired[list[LineIn] | None]
    amount: NotRequired[int | None]
    receipt: NotRequired[list[ReceiptLine] | None]
    action: NotRequired[str | None]
    refers_to: NotRequired[int | None]
    refers_to_key: NotRequired[str | None]


class ActionOut(TypedDict):
    id: int
    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    points: int
    state: Literal["code-issued", "accepted", "settled", "landed"]
    claim: NotRequired[ClaimOut | None]
    rules: list[CountOut]
    wanted: NotRequired[int | None]
    verdicts: NotRequired[list[VerdictOut] | None]
    left: NotRequired[list[ReceiptLine] | None]


class AdjustmentIn(TypedDict):
    wallet: str
    points: int
    reason: Literal["goodwill", "unreported", "correction", "prize"]


class Anniversary(TypedDict):
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["anniversary"]
    points: int


class AnyItem(TypedDict):
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    brands: NotRequired[list[str] | None]
    except_products: NotRequired[list[str] | None]
    except_categories: NotRequired[list[str] | None]
    except_brands: NotRequired[list[str] | None]
    where: NotRequired[str | None]
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["any_item"]
    points: int
    min_quantity: NotRequired[int]


class Badge(TypedDict):
    number: int
    name: str
    description: NotRequired[str | None]
    goal: NotRequired[str | None]
    times: NotRequired[int]
    ladder: NotRequired[str | None]
    rung: NotRequired[str | None]


class BadgeOut(TypedDict):
    campaign: int
    badge: int
    name: str | None
    token_id: str
    uri: str
    at: int
    block: int
    renounced: bool


class BadgesOut(TypedDict):
    items: list[BadgeOut]
    next: int | None


class BalanceIn(TypedDict):
    points: int
    wallet: NotRequired[str | None]
    key: NotRequired[str | None]


class BalancesIn(TypedDict):
    balances: list[BalanceIn]


class BalancesOut(TypedDict):
    results: list[OpenedOut]


class BoardOut(TypedDict):
    campaign: int
    period: Period
    began: int
    players: int
    items: list[PlacedOut]
    next: str | None


class BulkIn(TypedDict):
    actions: list[dict[str, Any]]
    explain: NotRequired[bool]


class BulkItem(TypedDict):
    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    occurred_at: int
    wallet: NotRequired[str | None]
    claim: NotRequired[bool]
    lines: NotRequired[list[LineIn] | None]
    amount: NotRequired[int | None]
    receipt: NotRequired[list[ReceiptLine] | None]
    action: NotRequired[str | None]
    refers_to: NotRequired[int | None]
    refers_to_key: NotRequired[str | None]
    key: str


class BulkOut(TypedDict):
    results: list[ResultOut]


By = Literal["points", "spend", "visits"]


class ByTier(TypedDict):
    ladder: str
    percents: list[int]


class CampaignIn(TypedDict):
    id: int
    name: str
    terms: str
    starts_at: int
    settle_every: NotRequired[int]
    min_wallets: NotRequired[int]
    step: NotRequired[int]
    rules: RulesDocument_Input


class CampaignList(TypedDict):
    items: list[CampaignOut]
    next: int | None


class CampaignOut(TypedDict):
    id: int
    merchant_id: int
    name: str
    terms: str
    terms_hash: str
    starts_at: int
    end: int
    hold: int
    closed: bool
    expiry: int | None
    bonus: int
    budget: int
    pot: int
    daily_cap: int
    settle_every: int
    min_wallets: int
    step: int
    notice: int
    coming: SettlementOut | None
    paused: bool
    rules: list[RulesOut]
    merchants: list[MemberOut]


class CampaignTotals(TypedDict):
    campaign: int
    privacy: NotRequired[Literal["public"]]
    awarded: int
    clawed_back: int
    entered: int
    left: int
    moved_in: int
    moved_out: int
    bonus: int
    expired: int
    redeemed: list[PaidOut]


class Cap(TypedDict):
    id: str
    per: Per
    period: Period
    points: NotRequired[int | None]
    times: NotRequired[int | None]
    rules: NotRequired[list[str] | None]
    groups: NotRequired[list[str] | None]


class ChainOut(TypedDict):
    chain_id: int
    token: str
    hub: str
    asset: str
    badges: NotRequired[str | None]
    token_name: str
    decimals: NotRequired[int]
    par: int
    head: int
    supply: int
    reserve: int
    solvent: bool


class Challenge(TypedDict):
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: str
    name: NotRequired[str | None]
    counts: NotRequired[Counts]
    rules: NotRequired[list[str] | None]
    target: NotRequired[int]
    points: int
    period: Literal["day", "week", "month", "year", "campaign"]
    times: NotRequired[int]


class ChangeList(TypedDict):
    items: list[gateway__identity__audit_log__schemas__ChangeOut]
    next: int | None


class CheapestItem(TypedDict):
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    brands: NotRequired[list[str] | None]
    except_products: NotRequired[list[str] | None]
    except_categories: NotRequired[list[str] | None]
    except_brands: NotRequired[list[str] | None]
    where: NotRequired[str | None]
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    points: int
    per: int
    kind: Literal["cheapest_item"]


class ClaimIn(TypedDict):
    code: str
    wallet: str


class ClaimOut(TypedDict):
    code: str
    expires_at: int


class ClaimedOut(TypedDict):
    campaign: int
    points: int
    wanted: int
    state: NotRequired[Literal["accepted"]]


class CodeIn(TypedDict):
    code: str


class CodeKeyOut(TypedDict):
    merchant_id: int
    algorithm: Literal["Ed25519"]
    key: str


class CodeOut(TypedDict):
    offer: int
    title: str
    reward: Percentage | Fixed | Product | Experience | Partner | GiftCard | AccessCode | Ticket | None
    instruction: str
    state: Literal["delivered", "used", "expired"]
    expires_at: int
    used_at: int | None


class CodesOut(TypedDict):
    free: int
    reserved: int
    delivered: int
    used: int
    pattern: str | None
    low_stock: int


Combine = Literal["best", "product"]


class ConfirmIn(TypedDict):
    signature: str


class CountOut(TypedDict):
    rule: int
    eligible: int
    points: int


Counts = Literal["actions", "days", "spend", "points"]


class Dates(TypedDict):
    first: NotRequired[str | None]
    last: NotRequired[str | None]


class DearestItem(TypedDict):
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    brands: NotRequired[list[str] | None]
    except_products: NotRequired[list[str] | None]
    except_categories: NotRequired[list[str] | None]
    except_brands: NotRequired[list[str] | None]
    where: NotRequired[str | None]
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    points: int
    per: int
    kind: Literal["dearest_item"]


class DefinitionOut(TypedDict):
    badge: int
    name: str
    description: str | None
    takes: str
    goal: str | None
    times: int
    ladder: str | None
    rung: str | None
    offered: bool
    held: int


class DefinitionsOut(TypedDict):
    contract: str | None
    items: list[DefinitionOut]
    next: int | None


class DeliveryList(TypedDict):
    items: list[DeliveryOut]
    next: int | None


class DeliveryOut(TypedDict):
    id: int
    webhook: int
    message: str
    type: Literal[
        "batch.landed",
        "redemption.delivered",
        "code.used",
        "statistics.released",
        "codes.low",
        "code.used_twice",
        "badges.landed",
    ]
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    next_at: int | None
    created_at: int


class DoubleUse(TypedDict):
    id: int
    offer: int
    first: TakenOut
    second: TakenOut
    reported_at: int


class DoubleUses(TypedDict):
    items: list[DoubleUse]
    next: int | None


class EarlyIn(TypedDict):
    campaign: int
    at: int
    signature: str


class EarlyOut(TypedDict):
    campaign: int
    points: int
    state: Literal["asked", "sent"]


class EveryItem(TypedDict):
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    brands: NotRequired[list[str] | None]
    except_products: NotRequired[list[str] | None]
    except_categories: NotRequired[list[str] | None]
    except_brands: NotRequired[list[str] | None]
    where: NotRequired[str | None]
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["every_item"]
    points: int
    per: int


class Experience(TypedDict):
    kind: Literal["experience"]
    what: str
    persons: NotRequired[int]
    place: NotRequired[str | None]
    at: NotRequired[int | None]


class FigureList(TypedDict):
    items: list[FigureOut]
    next: int | None


class FigureOut(TypedDict):
    id: int
    week: str
    week_starts_at: int
    metric: str
    value: int | None
    too_few: bool
    unit: str
    margin: int
    epsilon_thousandths: int
    formula: str
    published_at: int


class Fixed(TypedDict):
    min_purchase: NotRequired[Money | None]
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    kind: Literal["fixed"]
    discount: Money


class GiftCard(TypedDict):
    kind: Literal["gift_card"]
    value: Money


class GoalOut(TypedDict):
    campaign: int
    goal: str
    name: str | None
    counts: Counts
    period: Period
    counted: int
    target: int
    points: int
    times: int
    most: int | None
    in_a_row: int | None
    length: int | None


class GoalsOut(TypedDict):
    items: list[GoalOut]
    next: str | None


class GrantList(TypedDict):
    items: list[GrantOut]
    next: int | None


class GrantOut(TypedDict):
    id: int
    campaign: int
    reason: Literal["goodwill", "unreported", "correction", "prize", "opening", "welcome"]
    state: Literal["waiting", "lapsed", "given", "withdrawn"]
    wallet: str | None
    points: int
    uses: int
    used: int | None
    code: str | None
    valid_until: int | None
    asked_by: int
    asked_at: int
    approved_by: int | None
    expires_at: int


class Group(TypedDict):
    id: str
    mode: Mode


class HistoryEntry(TypedDict):
    id: int
    kind: str
    block: int
    at: int
    campaign: int
    credit: int
    debit: int
    counterparty: str | None


class HistoryOut(TypedDict):
    items: list[HistoryEntry]
    next: int | None


class Hours(TypedDict):
    weekdays: NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None]
    start: NotRequired[str]
    end: NotRequired[str]


class InboxOut(TypedDict):
    items: list[RedemptionOut]
    next: int | None


JsonValue = Any


class KeyIn(TypedDict):
    merchant_id: NotRequired[int | None]
    scopes: list[Literal["actions", "codes", "manage", "statistics", "admin"]]


class KeyList(TypedDict):
    items: list[KeyOut]
    next: int | None


class KeyOut(TypedDict):
    id: int
    merchant_id: int | None
    scopes: list[str]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    current: NotRequired[bool]


class Ladder_Input(TypedDict):
    id: str
    by: By
    window: NotRequired[Window]
    days: NotRequired[int | None]
    keep: NotRequired[int | None]
    grace_days: NotRequired[int]
    soft_landing: NotRequired[bool]
    rungs: list[Rung_Input]


class Ladder_Output(TypedDict):
    id: str
    by: By
    window: NotRequired[Window]
    days: NotRequired[int | None]
    keep: NotRequired[int | None]
    grace_days: NotRequired[int]
    soft_landing: NotRequired[bool]
    rungs: list[gateway__loyalty__rules__ladders__Rung]


class Leaderboard(TypedDict):
    period: NotRequired[Literal["week", "month", "year", "campaign"]]
    top: NotRequired[int]


class Limit(TypedDict):
    times: int
    per: Literal["day", "week", "month", "year", "ever"]


class LineIn(TypedDict):
    product: str
    category: NotRequired[str | None]
    brand: NotRequired[str | None]
    quantity: int
    amount: int


class LowStockIn(TypedDict):
    low_stock: int


class MemberOut(TypedDict):
    merchant_id: int
    accepted: bool


class MerchantIn(TypedDict):
    name: str
    address: str


class MerchantList(TypedDict):
    items: list[MerchantOut]
    next: int | None


class MerchantOut(TypedDict):
    id: int
    name: str
    address: str
    created_at: int


Mode = Literal["all", "best", "first"]


class Money(TypedDict):
    amount: int
    currency: str


class MoveIn(TypedDict):
    kind: Literal["enter", "leave", "move", "send", "cash_out", "stay"]
    holder: str
    source: NotRequired[int | None]
    target: NotRequired[int | None]
    amount: NotRequired[int | None]
    min_received: NotRequired[int | None]
    recipient: NotRequired[str | None]
    stay: NotRequired[bool | None]
    nonce: int
    deadline: int
    signature: str


class MoveOut(TypedDict):
    id: int
    kind: str
    source: int | None
    target: int | None
    amount: int
    min_received: int
    nonce: int
    deadline: int
    state: Literal["accepted", "done", "dead", "refused"]
    received: int | None
    created_at: int


class Multiplier(TypedDict):
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: str
    percent: NotRequired[int | None]
    by_tier: NotRequired[ByTier | None]
    rules: NotRequired[list[str] | None]
    groups: NotRequired[list[str] | None]


class NameIn(TypedDict):
    name: str


class NamesOut(TypedDict):
    items: list[str]


class NewKeyOut(TypedDict):
    id: int
    merchant_id: int | None
    scopes: list[str]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    current: NotRequired[bool]
    key: str


class NewWebhookOut(TypedDict):
    id: int
    url: str
    active: bool
    created_at: int
    secret: str


class NextOut(TypedDict):
    rank: int
    rung: str
    name: str | None
    benefits: list[str]
    missing: int


class OfferIn(TypedDict):
    document: str
    signature: str
    source: Literal["pool", "generated", "signed"]
    pattern: NotRequired[str | None]
    stock_limit: NotRequired[int | None]
    wallet_limit: NotRequired[int | None]
    low_stock: NotRequired[int]


class OfferList(TypedDict):
    items: list[OfferOut]
    next: int | None


class OfferOut(TypedDict):
    id: int
    merchant: str
    merchant_id: int
    merchant_name: str
    document: str
    hash: str
    signature: str
    kind: Literal["percentage", "fixed", "product", "experience", "partner", "gift_card", "access_code", "ticket"]
    reward: Percentage | Fixed | Product | Experience | Partner | GiftCard | AccessCode | Ticket | None
    words: list[str]
    price: int
    prices: list[TierPrice]
    only: gateway__loyalty__offers__documents__Rung | None
    limits: list[Limit]
    campaign: int | None
    source: Literal["pool", "generated", "signed"]
    starts_at: int
    ends_at: int
    code_valid: int
    stock: int | None
    availability: Literal["none", "few", "enough"]
    active: bool


class OfferQuoteOut(TypedDict):
    offer: int
    prices: list[PriceOut]
    limit_reached: Limit | None
    availability: Literal["none", "few", "enough"]


class OpenedOut(TypedDict):
    status: int
    points: NotRequired[int | None]
    repeated: NotRequired[bool]
    claim: NotRequired[ClaimOut | None]
    problem: NotRequired[dict[str, Any] | None]


class OpeningIn(TypedDict):
    points: int


class PaidOut(TypedDict):
    merchant: str
    redemptions: int
    points: int


class Part(TypedDict):
    ok: bool
    detail: str


class Partner(TypedDict):
    kind: Literal["partner"]
    partner: str
    what: str
    url: NotRequired[str | None]


class PendingEntry(TypedDict):
    campaign: int
    kind: str
    points: int
    occurred_at: int
    expected_at: int | None
    too_late: bool


class PendingOut(TypedDict):
    items: list[PendingEntry]
    next: int | None


Per = Literal["wallet", "merchant", "campaign"]


class PerAction(TypedDict):
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["per_action"]
    action: str
    points: int
    per: NotRequired[int | None]


class PerCurrency(TypedDict):
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    brands: NotRequired[list[str] | None]
    except_products: NotRequired[list[str] | None]
    except_categories: NotRequired[list[str] | None]
    except_brands: NotRequired[list[str] | None]
    where: NotRequired[str | None]
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["per_currency"]
    points: int
    per: int
    min_amount: NotRequired[int | None]
    whole: NotRequired[bool]


class PerItem(TypedDict):
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    brands: NotRequired[list[str] | None]
    except_products: NotRequired[list[str] | None]
    except_categories: NotRequired[list[str] | None]
    except_brands: NotRequired[list[str] | None]
    where: NotRequired[str | None]
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["per_item"]
    points: int
    every: NotRequired[int]


class PerPurchase(TypedDict):
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    brands: NotRequired[list[str] | None]
    except_products: NotRequired[list[str] | None]
    except_categories: NotRequired[list[str] | None]
    except_brands: NotRequired[list[str] | None]
    where: NotRequired[str | None]
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["per_purchase"]
    points: int
    min_amount: NotRequired[int]


class PerVisit(TypedDict):
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: NotRequired[str | None]
    group: NotRequired[str | None]
    priority: NotRequired[int]
    rounding: NotRequired[Rounding | None]
    kind: Literal["per_visit"]
    points: int


class Percentage(TypedDict):
    min_purchase: NotRequired[Money | None]
    products: NotRequired[list[str] | None]
    categories: NotRequired[list[str] | None]
    kind: Literal["percentage"]
    basis_points: int
    max_discount: NotRequired[Money | None]


Period = Literal["action", "day", "week", "month", "year", "membership", "campaign"]


class PlaceOut(TypedDict):
    rank: int
    rung: str
    name: str | None
    benefits: list[str]
    campaign: int
    ladder: str
    by: By
    vip: bool
    counted: int
    through: str | None
    ends: str | None
    next: NextOut | None
    changes: list[gateway__loyalty__tiers__schemas__ChangeOut]


class PlacedOut(TypedDict):
    place: int
    pseudonym: str
    points: int


class PlayerIn(TypedDict):
    wallet: str
    pseudonym: NotRequired[str | None]
    at: int
    signature: str


class PlayerOut(TypedDict):
    campaign: int
    pseudonym: str | None


class PreviewIn(TypedDict):
    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    occurred_at: int
    wallet: NotRequired[str | None]
    claim: NotRequired[bool]
    lines: NotRequired[list[LineIn] | None]
    amount: NotRequired[int | None]
    receipt: NotRequired[list[ReceiptLine] | None]
    action: NotRequired[str | None]
    refers_to: NotRequired[int | None]
    refers_to_key: NotRequired[str | None]


class PreviewOut(TypedDict):
    campaign: int
    kind: Literal["purchase", "visit", "custom", "refund"]
    points: int
    wanted: NotRequired[int | None]
    rules: list[CountOut]
    verdicts: NotRequired[list[VerdictOut] | None]
    left: NotRequired[list[ReceiptLine] | None]


class PriceOut(TypedDict):
    amount: int
    why: str
    rung: gateway__loyalty__offers__documents__Rung | None


class Problem(TypedDict):
    type: str
    title: str
    status: int
    code: str
    field: NotRequired[str]
    detail: NotRequired[str]


class Product(TypedDict):
    kind: Literal["product"]
    product: str
    quantity: NotRequired[int]


class Proportion(TypedDict):
    percent: int
    step: NotRequired[int]
    most: NotRequired[int]


class PublicOut(TypedDict):
    privacy: NotRequired[Literal["public"]]
    wallets: WalletTotals
    items: list[CampaignTotals]
    next: int | None
    formulas: dict[str, str]


class QuotaIn(TypedDict):
    daily_quota: int


class QuotaList(TypedDict):
    items: list[QuotaOut]
    next: int | None


class QuotaOut(TypedDict):
    merchant_id: int
    accepted: bool
    campaign: int
    daily_quota: int


class QuoteIn(TypedDict):
    kind: Literal["enter", "leave", "move", "send", "cash_out"]
    source: NotRequired[int | None]
    target: NotRequired[int | None]
    amount: int


class QuoteOut(TypedDict):
    received: int
    bonus: int
    min_received: int


class Ready(TypedDict):
    status: Literal["ok", "degraded", "down"]
    parts: dict[str, Part]


class ReceiptLine(TypedDict):
    product: str
    category: NotRequired[str | None]
    brand: NotRequired[str | None]
    quantity: int
    amount: int


class RedemptionIn(TypedDict):
    holder: str
    offer: int
    source: int
    amount: int
    nonce: int
    deadline: int
    seal_key: str
    signature: str


class RedemptionOut(TypedDict):
    id: int
    offer: int
    source: int
    amount: int
    nonce: int
    state: Literal["accepted", "submitted", "delivered", "confirmed", "dead", "flagged"]
    commitment: str
    box: str | None
    expires_at: int | None
    created_at: int


class Referral(TypedDict):
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    newcomer: NotRequired[int | Proportion]
    levels: NotRequired[list[int | Proportion]]
    min_amount: NotRequired[int | None]
    most: NotRequired[int]


class ReferralIn(TypedDict):
    wallet: str
    referrer: str
    signature: str


class ReferralOut(TypedDict):
    campaign: int


Refunds = Literal["later_awards", "pending_only", "nothing"]


class ResultOut(TypedDict):
    key: str | None
    status: int
    repeated: NotRequired[bool]
    action: NotRequired[ActionOut | None]
    problem: NotRequired[dict[str, Any] | None]


class RotateIn(TypedDict):
    grace: NotRequired[int]


Rounding = Literal["down", "up", "half_up", "half_even"]


class RulesDocument_Input(TypedDict):
    rules: list[
        PerCurrency
        | PerItem
        | PerPurchase
        | AnyItem
        | EveryItem
        | CheapestItem
        | DearestItem
        | PerVisit
        | PerAction
        | Anniversary
    ]
    groups: NotRequired[list[Group]]
    multipliers: NotRequired[list[Multiplier]]
    combine: NotRequired[Combine]
    caps: NotRequired[list[Cap]]
    zone: NotRequired[str]
    rounding: NotRequired[Rounding]
    round_to: NotRequired[int]
    referral: NotRequired[Referral | None]
    ladders: NotRequired[list[Ladder_Input]]
    challenges: NotRequired[list[Challenge]]
    streaks: NotRequired[list[Streak]]
    badges: NotRequired[list[Badge]]
    leaderboard: NotRequired[Leaderboard | None]
    refunds: NotRequired[Refunds]


class RulesDocument_Output(TypedDict):
    rules: list[
        PerCurrency
        | PerItem
        | PerPurchase
        | AnyItem
        | EveryItem
        | CheapestItem
        | DearestItem
        | PerVisit
        | PerAction
        | Anniversary
    ]
    groups: NotRequired[list[Group]]
    multipliers: NotRequired[list[Multiplier]]
    combine: NotRequired[Combine]
    caps: NotRequired[list[Cap]]
    zone: NotRequired[str]
    rounding: NotRequired[Rounding]
    round_to: NotRequired[int]
    referral: NotRequired[Referral | None]
    ladders: NotRequired[list[Ladder_Output]]
    challenges: NotRequired[list[Challenge]]
    streaks: NotRequired[list[Streak]]
    badges: NotRequired[list[Badge]]
    leaderboard: NotRequired[Leaderboard | None]
    refunds: NotRequired[Refunds]


class RulesIn(TypedDict):
    rules: list[
        PerCurrency
        | PerItem
        | PerPurchase
        | AnyItem
        | EveryItem
        | CheapestItem
        | DearestItem
        | PerVisit
        | PerAction
        | Anniversary
    ]
    groups: NotRequired[list[Group]]
    multipliers: NotRequired[list[Multiplier]]
    combine: NotRequired[Combine]
    caps: NotRequired[list[Cap]]
    zone: NotRequired[str]
    rounding: NotRequired[Rounding]
    round_to: NotRequired[int]
    referral: NotRequired[Referral | None]
    ladders: NotRequired[list[Ladder_Input]]
    challenges: NotRequired[list[Challenge]]
    streaks: NotRequired[list[Streak]]
    badges: NotRequired[list[Badge]]
    leaderboard: NotRequired[Leaderboard | None]
    refunds: NotRequired[Refunds]
    valid_from: NotRequired[int | None]


class RulesList(TypedDict):
    items: list[RulesOut]
    next: int | None


class RulesOut(TypedDict):
    version: int
    valid_from: int
    rules: RulesDocument_Output


class Rung_Input(TypedDict):
    id: str
    at: int
    name: NotRequired[str | None]
    benefits: NotRequired[list[str]]


class SettleOut(TypedDict):
    settle_at: int


class SettlementIn(TypedDict):
    settle_every: int
    min_wallets: int
    step: int


class SettlementOut(TypedDict):
    settle_every: int
    min_wallets: int
    step: int
    since: int


State = Literal["open", "earned", "asked", "sent", "held", "renounced"]


class StatusOut(TypedDict):
    campaign: int
    badge: int
    name: str
    takes: str
    counted: int
    needed: int
    state: State
    sends_at: int | None


class StatusesOut(TypedDict):
    items: list[StatusOut]
    next: str | None


class Streak(TypedDict):
    when: NotRequired[str | None]
    hours: NotRequired[Hours | None]
    dates: NotRequired[Dates | None]
    merchants: NotRequired[list[int] | None]
    tiers: NotRequired[dict[str, Any] | None]
    id: str
    name: NotRequired[str | None]
    counts: NotRequired[Counts]
    rules: NotRequired[list[str] | None]
    target: NotRequired[int]
    points: int
    period: Literal["day", "week", "month", "year"]
    length: int
    repeat: NotRequired[bool]


class TakenOut(TypedDict):
    key: int
    at: int


class Ticket(TypedDict):
    kind: Literal["ticket"]
    event: str
    at: int
    place: NotRequired[str | None]
    seats: NotRequired[int]


class TierPrice(TypedDict):
    campaign: int
    ladder: str
    rank: int
    price: int


class TiersOut(TypedDict):
    items: list[PlaceOut]
    next: str | None


class UploadOut(TypedDict):
    offer: int
    added: int


class UseIn(TypedDict):
    code: str
    used_at: int


class UseResult(TypedDict):
    outcome: Literal["counted", "double", "refused"]
    repeated: NotRequired[bool]
    offer: NotRequired[int | None]
    first: NotRequired[TakenOut | None]
    problem: NotRequired[dict[str, JsonValue] | None]


class UsesIn(TypedDict):
    uses: list[UseIn]


class UsesOut(TypedDict):
    results: list[UseResult]


class VerdictOut(TypedDict):
    rule: int
    id: str
    points: int
    wanted: int
    why: str


class VipIn(TypedDict):
    wallet: str
    ladder: str
    rung: str
    last: str
    until: str
    signature: str


class VipOut(TypedDict):
    campaign: int
    wallet: str
    ladder: str
    rung: str
    last: str


class WalletOut(TypedDict):
    wallet: str
    balance: int
    nonce: int | None
    accounts: list[AccountOut]
    next: int | None


class WalletTotals(TypedDict):
    minted: int
    burned: int
    cashed_out: int
    redeemed: list[PaidOut]


class WebhookIn(TypedDict):
    url: str


class WebhookList(TypedDict):
    items: list[WebhookOut]
    next: int | None


class WebhookOut(TypedDict):
    id: int
    url: str
    active: bool
    created_at: int


class WelcomeIn(TypedDict):
    points: int
    uses: NotRequired[int]
    valid_until: NotRequired[int | None]


class WhatIfIn(TypedDict):
    rules: list[
        PerCurrency
        | PerItem
        | PerPurchase
        | AnyItem
        | EveryItem
        | CheapestItem
        | DearestItem
        | PerVisit
        | PerAction
        | Anniversary
    ]
    groups: NotRequired[list[Group]]
    multipliers: NotRequired[list[Multiplier]]
    combine: NotRequired[Combine]
    caps: NotRequired[list[Cap]]
    zone: NotRequired[str]
    rounding: NotRequired[Rounding]
    round_to: NotRequired[int]
    referral: NotRequired[Referral | None]
    ladders: NotRequired[list[Ladder_Input]]
    challenges: NotRequired[list[Challenge]]
    streaks: NotRequired[list[Streak]]
    badges: NotRequired[list[Badge]]
    leaderboard: NotRequired[Leaderboard | None]
    refunds: NotRequired[Refunds]
    since: NotRequired[int | None]
    until: NotRequired[int | None]
    actions: NotRequired[list[PreviewIn] | None]


class WhatIfOut(TypedDict):
    actions: int
    unknown: int
    awarded: int
    before: int
    after: int
    by_rule: dict[str, int]
    rungs: dict[str, dict[str, int]]


Window = Literal["rolling", "month", "quarter", "year", "anniversary", "ever"]


class WishIn(TypedDict):
    wallet: str
    badge: int
    deadline: int
    signature: str


class gateway__identity__audit_log__schemas__ChangeOut(TypedDict):
    id: int
    at: int
    key: int
    operator: bool
    merchant_id: int | None
    what: str
    subject: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class gateway__loyalty__offers__documents__Rung(TypedDict):
    campaign: int
    ladder: str
    rank: int


class gateway__loyalty__rules__ladders__Rung(TypedDict):
    id: str
    at: int
    name: NotRequired[str | None]
    benefits: NotRequired[list[str]]


class gateway__loyalty__tiers__schemas__ChangeOut(TypedDict):
    day: str
    rank: int
    rung: str
