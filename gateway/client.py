"""A small client of the gateway's HTTP API, with idempotency keys and retries. Knows the API and nothing else.

Amounts are integer hundredths, times Unix seconds, addresses and digests 0x-hex, as on the wire.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from gateway.core import tls

Json = dict[str, Any]
#: Answers that mean "again, later": nothing was changed, or the same request gets the same answer.
AGAIN = frozenset({408, 429, 502, 503, 504})
#: Seconds before each further attempt; `Retry-After` overrides.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)


class ProblemAnswer(Exception):
    """The gateway refused: RFC 9457 problem with its stable `code` and the offending `field`."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status, self.body = status, dict(body)
        self.code = str(body.get("code", f"http-{status}"))
        self.field = str(body["field"]) if body.get("field") else None
        parts = [str(body.get("title", f"HTTP {status}"))]
        if self.field:
            parts.append(f"field {self.field}")
        if body.get("detail"):
            parts.append(str(body["detail"]))
        super().__init__(f"{self.code}: {' — '.join(parts)}")


class Unreachable(Exception):
    """No answer from the gateway after all attempts."""


class Client:
    """One kept connection to one gateway; `key` is the merchant's API key, not needed for holders' calls.

    Every write is repeated safely: merchants' writes carry an Idempotency-Key (one is made where none is given),
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

    def get(self, path: str, **params: str | int | None) -> Json:
        """The JSON document at `path`; raises ProblemAnswer or Unreachable."""
        return self._send("GET", path, params={name: value for name, value in params.items() if value is not None})

    def look(self, path: str, proof: str | None = None, **params: str | int | None) -> Json:
        """As `get`, but without a key: what concerns wallets refuses it. `proof`: the wallet's own, where asked."""
        given = {name: value for name, value in params.items() if value is not None}
        headers = {"Wallet-Proof": proof} if proof else {}
        return self._send("GET", path, params=given, headers=headers, anonymous=True)

    def items(self, path: str, anonymous: bool = False, **params: str | int | None) -> Iterator[Json]:
        """Every item of a list, page after page."""
        cursor: str | int | None = None
        while True:
            page = (
                self.look(path, None, cursor=cursor, **params) if anonymous else self.get(path, cursor=cursor, **params)
            )
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def write(self, method: str, path: str, body: Json | None = None, idempotency_key: str | None = None) -> Json:
        """A merchant's write, under `idempotency_key` or a fresh one."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._send(method, path, body=body, headers=headers)

    def order(self, path: str, body: Json) -> Json:
        """A holder's write: signed or bearing a code, sent without any credentials."""
        return self._send("POST", path, body=body, anonymous=True)

    def _send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: tuple[bytes, str] | None = None,
        anonymous: bool = False,
    ) -> Json:
        sent = dict(headers or {})
        if self.key and not anonymous:
            sent["Authorization"] = f"Bearer {self.key}"
        data: bytes | None = None
        if content is not None:
            data, sent["Content-Type"] = content
        elif body is not None:
            data, sent["Content-Type"] = json.dumps(body, separators=(",", ":")).encode(), "application/json"
        failure = ""
        for pause in (*PAUSES, None):
            try:
                answer = self._http.request(method, path, params=params, headers=sent, content=data)
            except httpx.TransportError as error:
                failure, wait = type(error).__name__, pause
            else:
                if answer.status_code not in AGAIN or (pause is None and answer.content):
                    return _read(answer)
                failure, wait = f"HTTP {answer.status_code}", _retry_after(answer, pause)
            if pause is None or wait is None:
                break
            time.sleep(wait)
        raise Unreachable(f"{self.url} does not answer ({failure})")

    # -------------------------------------------------------- merchants' side

    def create_merchant(self, name: str, address: str, idempotency_key: str | None = None) -> Json:
        return self.write("POST", "/v1/merchants", {"name": name, "address": address}, idempotency_key)

    def create_key(self, scopes: Sequence[str], merchant_id: int | None = None) -> Json:
        body: Json = {"scopes": list(scopes)}
        if merchant_id is not None:
            body["merchant_id"] = merchant_id
        return self.write("POST", "/v1/keys", body)

    def register_campaign(self, document: Json, idempotency_key: str | None = None) -> Json:
        return self.write("POST", "/v1/campaigns", document, idempotency_key)

    def campaign(self, campaign: int) -> Json:
        return self.get(f"/v1/campaigns/{campaign}")

    def report(self, action: Json, idempotency_key: str) -> Json:
        """One action as a till reports it."""
        return self.write("POST", "/v1/actions", action, idempotency_key)

    def report_bulk(self, actions: Sequence[Json]) -> list[Json]:
        """1 to 1,000 actions, each with its own `key`; one result for each, in their order."""
        # The items carry the idempotency keys, so the call itself may be repeated as it is.
        results: list[Json] = self._send("POST", "/v1/actions/bulk", body={"actions": list(actions)})["results"]
        return results

    def create_offer(self, body: Json, idempotency_key: str | None = None) -> Json:
        return self.write("POST", "/v1/offers", body, idempotency_key)

    def upload_codes(self, offer: int, csv: bytes, idempotency_key: str | None = None) -> Json:
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._send("POST", f"/v1/offers/{offer}/codes", content=(csv, "text/csv"), headers=headers)

    def code(self, verb: str, code: str, idempotency_key: str | None = None) -> Json:
        """`verb` is check, use or undo."""
        return self.write("POST", f"/v1/codes/{verb}", {"code": code}, idempotency_key)

    def code_key(self, merchant: int) -> Json:
        """What tills check this merchant's signed codes with."""
        return self.get(f"/v1/code-keys/{merchant}")

    def report_uses(self, uses: Sequence[Json]) -> list[Json]:
        """1 to 1,000 uses of signed codes while there was no network; one result for each, in their order."""
        results: list[Json] = self._send("POST", "/v1/codes/offline-uses", body={"uses": list(uses)})["results"]
        return results

    # ---------------------------------------------------------- holders' side

    def chain(self) -> Json:
        """Chain id, contracts, par, head, supply and reserve."""
        return self.get("/v1/chain")

    def claim(self, code: str, wallet: str) -> Json:
        return self.order("/v1/claims", {"code": code, "wallet": wallet})

    def wallet(self, address: str) -> Json:
        return self.look(f"/v1/wallets/{address}")

    def pending(self, address: str, proof: str) -> list[Json]:
        """Accepted actions that have not landed; `proof` as `Wallet-Proof` wants it."""
        found: list[Json] = self.look(f"/v1/wallets/{address}/pending", proof)["items"]
        return found

    def offer_quote(self, address: str, offer: int, proof: str) -> Json:
        """What a wallet may pay for an offer; `proof` as `Wallet-Proof` wants it."""
        return self.look(f"/v1/wallets/{address}/offers/{offer}", proof)

    def quote(self, kind: str, amount: int, source: int | None = None, target: int | None = None) -> Json:
        body: Json = {"kind": kind, "amount": amount}
        if source is not None:
            body["source"] = source
        if target is not None:
            body["target"] = target
        return self.order("/v1/moves/quote", body)

    def move(self, order: Json) -> Json:
        return self.order("/v1/moves", order)

    def move_state(self, move: int) -> Json:
        return self.look(f"/v1/moves/{move}")

    def redeem(self, order: Json) -> Json:
        return self.order("/v1/redemptions", order)

    def redemption(self, redemption: int) -> Json:
        return self.look(f"/v1/redemptions/{redemption}")

    def confirm(self, redemption: int, signature: str) -> Json:
        return self.order(f"/v1/redemptions/{redemption}/confirm", {"signature": signature})

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
        return answer.status_code == 200, parts


def _retry_after(answer: httpx.Response, pause: float | None) -> float | None:
    header = answer.headers.get("Retry-After", "")
    return min(float(header), 30.0) if header.isdigit() else pause


def _read(answer: httpx.Response) -> Json:
    if answer.status_code == 204 or not answer.content:
        return {}
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if answer.is_success and isinstance(body, dict):
        return body
    raise ProblemAnswer(answer.status_code, body if isinstance(body, dict) else {})
