"""Endpoints of merchants, and the messages that events put before them.

Whoever needs an endpoint's row and its deliveries' locks the endpoint first: what is removed meanwhile takes all its
messages with it, and no two wait for each other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.secrets import Secrets
from gateway.messaging import bodies, guard, signing
from gateway.messaging.errors import TOO_MANY_WEBHOOKS, UNKNOWN_DELIVERY, UNKNOWN_WEBHOOK, WEBHOOK_URL_REFUSED
from gateway.messaging.models import Delivery, DeliveryState, Endpoint, MessageKind

MAX_ENDPOINTS = 10


class Outbox:
    """Registers endpoints and writes deliveries. `private` allows http and local addresses, for local chains."""

    def __init__(self, clock: Clock, keys: Secrets, private: bool = False) -> None:
        self.clock, self.keys, self.private = clock, keys, private

    # ----------------------------------------------------------------------------------------------- endpoints

    def add(self, session: Session, merchant: int, url: str) -> tuple[Endpoint, str]:
        """A new endpoint and its signing secret, which is shown this once. Raises `webhook-url-refused`,
        `too-many-webhooks`."""
        try:
            guard.check_url(url, self.private)
        except guard.Refused as reason:
            raise WEBHOOK_URL_REFUSED.at("url", str(reason)) from None
        mine = sa.select(sa.func.count()).select_from(Endpoint).where(Endpoint.merchant_id == merchant)
        if (session.scalar(mine) or 0) >= MAX_ENDPOINTS:
            raise TOO_MANY_WEBHOOKS.at(detail=f"at most {MAX_ENDPOINTS}")
        secret = signing.new_secret()
        endpoint = Endpoint(
            merchant_id=merchant,
            url=url,
            secret_box=self.keys.box(secret.encode()),
            active=True,
            created_at=self.clock.now(),
        )
        session.add(endpoint)
        session.flush()
        return endpoint, secret

    def endpoints(self, session: Session, merchant: int, cursor: int, limit: int) -> list[Endpoint]:
        """At most `limit` endpoints of the merchant with an id above `cursor`."""
        query = sa.select(Endpoint).where(Endpoint.merchant_id == merchant, Endpoint.id > cursor)
        return list(session.scalars(query.order_by(Endpoint.id).limit(limit)))

    def remove(self, session: Session, merchant: int, endpoint_id: int) -> str:
        """Forgets an endpoint and all its deliveries; its URL. `unknown-webhook`."""
        endpoint = session.get(Endpoint, endpoint_id, with_for_update=True)
        if endpoint is None or endpoint.merchant_id != merchant:
            raise UNKNOWN_WEBHOOK.at("id")
        session.execute(sa.delete(Delivery).where(Delivery.endpoint_id == endpoint_id))
        session.delete(endpoint)
        return endpoint.url

    # ---------------------------------------------------------------------------------------------- deliveries

    def deliveries(self, session: Session, merchant: int, cursor: int | None, limit: int) -> list[Delivery]:
        """At most `limit` deliveries to the merchant's endpoints, newest first, with an id below `cursor`."""
        query = sa.select(Delivery).join(Endpoint).where(Endpoint.merchant_id == merchant)
        if cursor is not None:
            query = query.where(Delivery.id < cursor)
        return list(session.scalars(query.order_by(Delivery.id.desc()).limit(limit)))

    def replay(self, session: Session, merchant: int, delivery_id: int) -> Delivery:
        """Sends a message again from the first attempt on, under its old id; `unknown-delivery`. An endpoint that had
        answered 410 is switched on again."""
        endpoint = lock_endpoint(session, delivery_id)
        delivery = session.get(Delivery, delivery_id, with_for_update=True)
        if delivery is None or endpoint is None or endpoint.merchant_id != merchant:
            raise UNKNOWN_DELIVERY.at("id")
        endpoint.active = True
        delivery.state, delivery.attempts, delivery.next_at = DeliveryState.WAITING, 0, self.clock.now()
        session.flush()
        return delivery

    def handler(self, kind: MessageKind) -> Callable[[Session, int], None]:
        """The job handler that writes the messages of one kind of event."""

        def handle(session: Session, ref: int) -> None:
            self.write(session, kind, ref)

        return handle

    def write(self, session: Session, kind: MessageKind, ref: int) -> None:
        """Writes one delivery for each active endpoint of the merchant concerned. What happens again to the same row (a
        pool runs low a second time) is a message of its own, unless the first still waits."""
        message = bodies.message(session, kind, ref)
        if message is None:
            return
        query = sa.select(Endpoint.id).where(Endpoint.merchant_id == message.merchant, Endpoint.active == 1)
        for endpoint in session.scalars(query.order_by(Endpoint.id).with_for_update()).all():
            same = sa.select(Delivery).where(
                Delivery.endpoint_id == endpoint, Delivery.kind == kind, Delivery.ref == ref
            )
            delivery = session.scalar(same.with_for_update())
            if delivery is None:
                delivery = Delivery(endpoint_id=endpoint, kind=kind, ref=ref, created_at=self.clock.now())
                session.add(delivery)
            elif delivery.state == DeliveryState.WAITING:
                continue
            now = self.clock.now()
            delivery.message_id = secrets.token_bytes(16)
            delivery.state, delivery.attempts = DeliveryState.WAITING, 0
            delivery.next_at = delivery.created_at = now
        session.flush()


def lock_endpoint(session: Session, delivery_id: int) -> Endpoint | None:
    """The endpoint of a delivery, locked; None when there is none any more."""
    query = sa.select(Endpoint).join(Delivery).where(Delivery.id == delivery_id)
    return session.scalar(query.with_for_update(of=Endpoint))
