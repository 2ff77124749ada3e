"""The client for ordinary code: one kept connection, retries, idempotency keys."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast

import httpx

from gateway.client import calls
from gateway.client.core import Document, Json, Request, attempts, headers_of, made
from gateway.client.types import (
    ActionIn,
    ActionOut,
    CampaignIn,
    CampaignOut,
    ChainOut,
    ClaimedOut,
    CodeKeyOut,
    CodeOut,
    KeyIn,
    MerchantOut,
    MoveIn,
    MoveOut,
    NewKeyOut,
    OfferIn,
    OfferOut,
    OfferQuoteOut,
    QuoteIn,
    QuoteOut,
    RedemptionIn,
    RedemptionOut,
    ResultOut,
    UploadOut,
    UseResult,
    UsesIn,
    WalletOut,
)
from gateway.core import tls

Answer = TypeVar("Answer")


class Client:
    """One kept connection to one gateway; `key` is the merchant's API key, not needed for holders' calls.

    `send` takes any request of `gateway.client.calls` and gives its typed answer; the methods are those that are used
    most. Every write is repeated safely: merchants' writes carry an Idempotency-Key (one is made where none is given),
    holders' writes are signed orders or claim codes, which count once.
    """

    def __init__(
        self, url: str, key: str | None = None, timeout: float = 60, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url, self.key = url.rstrip("/"), key
        self._http = httpx.Client(base_url=self.url, timeout=timeout, transport=transport, verify=tls.context())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    # ------------------------------------------------------------- transport

    def send(self, request: Request[Answer]) -> Answer:
        """The answer; raises ProblemAnswer for a refusal, Unreachable when there is none after all attempts."""
        sent, trying = headers_of(request, self.key), attempts(self.url)
        wait = next(trying)
        while True:
            if wait is not None:
                time.sleep(wait)
            came: httpx.Response | httpx.TransportError
            try:
                came = self._http.request(
                    request.method, request.path, params=request.query, headers=sent, content=request.content
                )
            except httpx.TransportError as error:
                came = error
            try:
                wait = trying.send(came)
            except StopIteration as done:
                return cast(Answer, done.value)

    def get(self, path: str, **params: str | int | None) -> Json:
        """The JSON document at `path`."""
        return cast(Json, self.send(made("GET", path, query=params)))

    def look(self, path: str, proof: str | None = None, **params: str | int | None) -> Json:
        """As `get`, but without a key: what concerns wallets refuses it. `proof`: the wallet's own, where asked."""
        return cast(Json, self.send(made("GET", path, query=params, headers={"Wallet-Proof": proof}, secured=False)))

    def items(
        self, path: str, anonymous: bool = False, proof: str | None = None, **params: str | int | None
    ) -> Iterator[Json]:
        """Every item of a list, page after page."""
        for page in self.pages(path, anonymous, proof, **params):
            yield from page["items"]

    def pages(
        self,
        path: str,
        anonymous: bool = False,
        proof: str | None = None,
        cursor: str | int | None = None,
        **params: str | int | None,
    ) -> Iterator[Json]:
        """Every page of a list, those after `cursor`."""
        while True:
            asked = {"cursor": cursor} | params
            page = self.look(path, proof, **asked) if anonymous else self.get(path, **asked)
            yield page
            cursor = page.get("next")
            if cursor is None:
                return

    def whole(self, path: str, of: str = "items", anonymous: bool = True, **params: str | int | None) -> Json:
        """A list with what stands beside it, as if it were one page."""
        first, *others = self.pages(path, anonymous, None, **params)
        return first | {of: [item for page in (first, *others) for item in page[of]], "next": None}

    def write(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> Json:
        """A merchant's write, under `idempotency_key` or a fresh one."""
        return cast(Json, self.send(made(method, path, headers={"Idempotency-Key": idempotency_key}, body=body)))

    def order(self, path: str, body: Mapping[str, Any]) -> Json:
        """A holder's write: signed or bearing a code, sent without any credentials."""
        return cast(Json, self.send(made("POST", path, body=body, secured=False)))

    # -------------------------------------------------------- merchants' side

    def create_merchant(self, name: str, address: str, idempotency_key: str | None = None) -> MerchantOut:
        return self.send(calls.post_merchants({"name": name, "address": address}, idempotency_key=idempotency_key))

    def create_key(self, scopes: Sequence[str], merchant_id: int | None = None) -> NewKeyOut:
        body = {"scopes": list(scopes)} | ({} if merchant_id is None else {"merchant_id": merchant_id})
        return self.send(calls.post_keys(cast(KeyIn, body)))

    def register_campaign(self, document: Document, idempotency_key: str | None = None) -> CampaignOut:
        return self.send(calls.post_campaigns(cast(CampaignIn, document), idempotency_key=idempotency_key))

    def campaign(self, campaign: int) -> CampaignOut:
        return self.send(calls.get_campaigns_by_id(campaign))

    def report(self, action: Document, idempotency_key: str) -> ActionOut:
        """One action as a till reports it."""
        return self.send(calls.post_actions(cast(ActionIn, action), idempotency_key=idempotency_key))

    def report_bulk(self, actions: Sequence[Json], explain: bool = False) -> list[ResultOut]:
        """1 to 1,000 actions, each with its own `key`; one result for each, in their order, with verdicts where they
        shall `explain`."""
        # The items carry the idempotency keys, so the call itself may be repeated as it is.
        return self.send(calls.post_actions_bulk({"actions": list(actions), "explain": explain}))["results"]

    def create_offer(self, body: Document, idempotency_key: str | None = None) -> OfferOut:
        return self.send(calls.post_offers(cast(OfferIn, body), idempotency_key=idempotency_key))

    def upload_codes(self, offer: int, csv: bytes, idempotency_key: str | None = None) -> UploadOut:
        return self.send(calls.post_offers_by_id_codes(offer, csv, idempotency_key=idempotency_key))

    def code(self, verb: Literal["check", "use", "undo"], code: str, idempotency_key: str | None = None) -> CodeOut:
        """What a till does with a code."""
        match verb:
            case "check":
                return self.send(calls.post_codes_check({"code": code}))
            case "use":
                return self.send(calls.post_codes_use({"code": code}, idempotency_key=idempotency_key))
            case "undo":
                return self.send(calls.post_codes_undo({"code": code}, idempotency_key=idempotency_key))

    def code_key(self, merchant: int) -> CodeKeyOut:
        """What tills check this merchant's signed codes with."""
        return self.send(calls.get_code_keys_by_merchant_id(merchant))

    def report_uses(self, uses: Sequence[Json]) -> list[UseResult]:
        """1 to 1,000 uses of signed codes while there was no network; one result for each, in their order."""
        return self.send(calls.post_codes_offline_uses(cast(UsesIn, {"uses": list(uses)})))["results"]

    # ---------------------------------------------------------- holders' side

    def chain(self) -> ChainOut:
        """Chain id, contracts, par, head, supply and reserve."""
        return self.send(calls.get_chain())

    def claim(self, code: str, wallet: str) -> ClaimedOut:
        return self.send(calls.post_claims({"code": code, "wallet": wallet}))

    def wallet(self, address: str) -> WalletOut:
        """Its points, and those in all its accounts."""
        return cast(WalletOut, self.whole(f"/v1/wallets/{address}", of="accounts"))

    def pending(self, address: str, proof: str) -> list[Json]:
        """Accepted actions that have not landed; `proof` as `Wallet-Proof` wants it."""
        return list(self.items(f"/v1/wallets/{address}/pending", anonymous=True, proof=proof))

    def offer_quote(self, address: str, offer: int, proof: str) -> OfferQuoteOut:
        """What a wallet may pay for an offer; `proof` as `Wallet-Proof` wants it."""
        return self.send(calls.get_wallets_by_address_offers_by_offer(address, offer, wallet_proof=proof))

    def quote(self, kind: str, amount: int, source: int | None = None, target: int | None = None) -> QuoteOut:
        body = {"kind": kind, "amount": amount, "source": source, "target": target}
        return self.send(calls.post_moves_quote(cast(QuoteIn, {k: v for k, v in body.items() if v is not None})))

    def move(self, order: Document) -> MoveOut:
        return self.send(calls.post_moves(cast(MoveIn, order)))

    def move_state(self, move: int) -> MoveOut:
        return self.send(calls.get_moves_by_id(move))

    def redeem(self, order: Document) -> RedemptionOut:
        return self.send(calls.post_redemptions(cast(RedemptionIn, order)))

    def redemption(self, redemption: int) -> RedemptionOut:
        return self.send(calls.get_redemptions_by_id(redemption))

    def confirm(self, redemption: int, signature: str) -> RedemptionOut:
        return self.send(calls.post_redemptions_by_id_confirm(redemption, {"signature": signature}))

    def inbox(self, address: str) -> list[Json]:
        return list(self.items(f"/v1/wallets/{address}/inbox", anonymous=True))

    # ------------------------------------------------------------------ house

    def ready(self) -> tuple[bool, Json]:
        """Whether the gateway says that it is ready, and its parts; never raises for a gateway that is down."""
        try:
            answer = self._http.get("/ready", timeout=5)
            parts = answer.json()
        except (httpx.TransportError, ValueError):
            return False, {}
        if not isinstance(parts, dict) or "parts" not in parts:  # another server
            return False, {}
        return answer.status_code == 200, parts
