"""Third door: reads what was released, and what the chain shows to everybody anyway. Knows no fact."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.statistics.models import Release


def releases(session: Session, merchant: int, cursor: int, limit: int) -> list[Release]:
    """At most `limit` released figures of one merchant with an id above `cursor`, as they were stored."""
    query = sa.select(Release).where(Release.merchant_id == merchant, Release.id > cursor)
    return list(session.scalars(query.order_by(Release.id).limit(limit)))
