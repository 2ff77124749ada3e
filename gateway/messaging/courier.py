"""Takes waiting messages to their endpoints: at least once, each under its id, with growing pauses.

A delivery is claimed by moving its next attempt a minute ahead, committed before anything is sent; whoever dies in
between leaves it to the next worker. No database connection is held while an endpoint takes its time.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import httpx
import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.secrets import Secrets
from gateway.messaging import bodies, guard, signing
from gateway.messaging.models import Delivery, DeliveryState, Endpoint
from gateway.messaging.outbox import lock_endpoint

log = structlog.get_logger(__name__)

#: Seconds after each failed attempt, as Standard Webhooks proposes; after the last one the message is given up.
PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Seconds for one attempt, all in all, name look-up included.
TIMEOUT = 15
#: Seconds that a claimed delivery is left to its worker.
LEASE = 60
#: Messages a turn, and of these to one endpoint: a slow one must not hold up the others.
TURN, PER_ENDPOINT = 20, 4
GONE = 410

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Parcel(NamedTuple):
    """One claimed attempt."""

    delivery: int
    attempt: int
    url: str
    body: str
    headers: dict[str, str]


class Courier:
    """Delivers. `private` allows addresses of the local network; `resolve` and `tls` are the system's unless given."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keys: Secrets,
        private: bool = False,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.db, self.clock, self.keys, self.private = db, clock, keys, private
        self.resolve = resolve or _resolve
        self.tls = tls or httpx.create_ssl_context()

    def deliver_due(self) -> int:
        """Tries every message that is due, at most `TURN`; returns how many arrived. Safe in several workers. Takes as
        long as the slowest endpoint, at most `TIMEOUT` seconds."""
        parcels = self._claim()
        if not parcels:
            return 0
        answers = asyncio.run(self._send_all(parcels))
        return sum(self._settle(parcel, status) for parcel, status in zip(parcels, answers, strict=True))

    # --------------------------------------------------------------------------------------------------- claim

    def _claim(self) -> list[Parcel]:
        with self.db.read() as session:
            ids = self._due(session)
        if not ids:
            return []
        now = self.clock.now()
        with self.db.begin() as session:
            query = (
                sa.select(Delivery, Endpoint)
                .join(Endpoint)
                .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.WAITING, Delivery.next_at <= now)
                .with_for_update(of=Delivery, skip_locked=True)
            )
            found = [self._parcel(session, *row) for row in session.execute(query).all()]
        return [parcel for parcel in found if parcel is not None]

    def _due(self, session: Session) -> list[int]:
        place = sa.func.row_number().over(partition_by=Delivery.endpoint_id, order_by=(Delivery.next_at, Delivery.id))
        waiting = (
            sa.select(Delivery.id, Delivery.next_at, place.label("place"))
            .join(Endpoint)
            .where(
                Delivery.state == DeliveryState.WAITING,
                Delivery.next_at <= self.clock.now(),
                Endpoint.active == 1,
            )
            .subquery()
        )
        query = sa.select(waiting.c.id).where(waiting.c.place <= PER_ENDPOINT)
        return list(session.scalars(query.order_by(waiting.c.next_at, waiting.c.id).limit(TURN)))

    def _parcel(self, session: Session, delivery: Delivery, endpoint: Endpoint) -> Parcel | None:
        message = bodies.message(session, delivery.kind, delivery.ref)
        if message is None:
            delivery.state = DeliveryState.GIVEN_UP
            return None
        now = self.clock.now()
        delivery.attempts += 1
        delivery.next_at = now + LEASE
        body = bodies.encode(delivery.kind, delivery.created_at, message.data)
        secret = self.keys.unbox(endpoint.secret_box).decode()
        signed = signing.headers(secret, delivery.message_id, now, body)
        return Parcel(delivery.id, delivery.attempts, endpoint.url, body, signed)

    # ---------------------------------------------------------------------------------------------------- send

    async def _send_all(self, parcels: Sequence[Parcel]) -> list[int | None]:
        client = httpx.AsyncClient(
            verify=self.tls,
            trust_env=False,  # no proxy and no password file of this machine
            follow_redirects=False,
            timeout=TIMEOUT,
            # No connection is used twice: two names may share an address.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        async with client:
            return list(await asyncio.gather(*(self._send(client, parcel) for parcel in parcels)))

    async def _send(self, client: httpx.AsyncClient, parcel: Parcel) -> int | None:
        """The status of the answer; None when there was none."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._post(client, parcel)
        except Exception as error:  # whatever is wrong with one endpoint, the others get their messages
            log.info("webhook.unreachable", delivery=parcel.delivery, error=type(error).__name__)
            return None

    async def _post(self, client: httpx.AsyncClient, parcel: Parcel) -> int:
        url = httpx.URL(parcel.url)
        host = url.raw_host.decode("ascii")
        # Checked and then called by number: a name that changed its mind in between would lead elsewhere.
        address = await self._address(host, url.port or (443 if url.scheme == "https" else 80))
        request = client.build_request(
            "POST",
            url.copy_with(host=address),
            content=parcel.body.encode(),
            headers={**parcel.headers, "host": url.netloc.decode("ascii"), "content-type": "application/json"},
            extensions={"sni_hostname": host},
        )
        request.headers["user-agent"] = "loyalty-webhooks/1"
        response = await client.send(request, stream=True)
        await response.aclose()  # the body is nothing to us
        return response.status_code

    async def _address(self, host: str, port: int) -> str:
        addresses = await self.resolve(host, port)
        if not addresses:
            raise guard.Refused("no address")
        if not self.private and not all(guard.is_public(address) for address in addresses):
            raise guard.Refused("a private address")
        return addresses[0]

    # -------------------------------------------------------------------------------------------------- settle

    def _settle(self, parcel: Parcel, status: int | None) -> bool:
        arrived = status is not None and 200 <= status < 300
        with self.db.begin() as session:
            endpoint = lock_endpoint(session, parcel.delivery)
            delivery = session.get(Delivery, parcel.delivery, with_for_update=True)
            if endpoint is None or delivery is None:
                return arrived  # removed meanwhile
            if delivery.state != DeliveryState.WAITING or delivery.attempts != parcel.attempt:
                return arrived  # asked for again meanwhile
            if arrived:
                delivery.state = DeliveryState.DELIVERED
            elif status == GONE:
                _switch_off(session, endpoint)
            elif delivery.attempts > len(PAUSES):
                delivery.state = DeliveryState.GIVEN_UP
            else:
                delivery.next_at = self.clock.now() + PAUSES[delivery.attempts - 1]
        log.info("webhook.tried", delivery=parcel.delivery, attempt=parcel.attempt, status=status)
        return arrived


def _switch_off(session: Session, endpoint: Endpoint) -> None:
    endpoint.active = False
    waiting = sa.update(Delivery).where(Delivery.endpoint_id == endpoint.id, Delivery.state == DeliveryState.WAITING)
    session.execute(waiting.values(state=DeliveryState.GIVEN_UP))


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
