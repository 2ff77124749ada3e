"""What the webhook routes take and answer."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from gateway.messaging.bodies import TYPES
from gateway.messaging.guard import MAX_URL
from gateway.messaging.models import Delivery, DeliveryState, Endpoint
from gateway.messaging.signing import public_id

URL = "https://shop.example/hooks/loyalty"


class WebhookIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"url": URL}]})

    url: Annotated[str, Field(strict=True, min_length=1, max_length=MAX_URL, description="https, a public address")]


class WebhookOut(BaseModel):
    id: int
    url: str = Field(examples=[URL])
    active: bool = Field(description="false after the endpoint answered 410 Gone")
    created_at: int

    @classmethod
    def of(cls, row: Endpoint) -> Self:
        return cls(id=row.id, url=row.url, active=row.active, created_at=row.created_at)


class NewWebhookOut(WebhookOut):
    """With the signing secret of Standard Webhooks, which is shown this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class WebhookList(BaseModel):
    items: list[WebhookOut]
    next: int | None


class DeliveryOut(BaseModel):
    id: int
    webhook: int
    message: str = Field(description="The header `webhook-id`, the same through all attempts")
    type: str = Field(examples=["batch.landed"], json_schema_extra={"enum": list(TYPES.values())})
    state: str = Field(json_schema_extra={"enum": [state.name.lower() for state in DeliveryState]})
    attempts: int
    next_at: int | None = Field(description="When it is tried next, while it waits")
    created_at: int

    @classmethod
    def of(cls, row: Delivery) -> Self:
        return cls(
            id=row.id,
            webhook=row.endpoint_id,
            message=public_id(row.message_id),
            type=TYPES[row.kind],
            state=row.state.name.lower(),
            attempts=row.attempts,
            next_at=row.next_at if row.state == DeliveryState.WAITING else None,
            created_at=row.created_at,
        )


class DeliveryList(BaseModel):
    items: list[DeliveryOut]
    next: int | None
