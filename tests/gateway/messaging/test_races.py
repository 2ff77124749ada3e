"""Webhooks are added, removed and written to at the same moment: nobody fails, nothing is left over or doubled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.problems import Problem
from gateway.messaging.models import Delivery, DeliveryState, Endpoint, MessageKind
from tests.gateway.messaging.conftest import REFS, Scene
from tests.support.races import Work, overlap

LOW = MessageKind.CODES_LOW


def write(scene: Scene, session: Session) -> None:
    scene.outbox.write(session, LOW, REFS[LOW])


def remove(scene: Scene, endpoint: int, session: Session) -> None:
    scene.outbox.remove(session, 1, endpoint)


def alone(scene: Scene, work: Work) -> Callable[[], None]:
    """The work as a transaction of its own."""

    def run() -> None:
        with scene.db.begin() as session:
            work(session)

    return run


def left(scene: Scene) -> tuple[int, int]:
    with scene.db.read() as session:
        count = sa.select(sa.func.count())
        endpoints, deliveries = (session.scalar(count.select_from(table)) or 0 for table in (Endpoint, Delivery))
        return endpoints, deliveries


@pytest.fixture
def endpoint(scene: Scene) -> int:
    with scene.db.begin() as session:
        return scene.outbox.add(session, 1, "http://127.0.0.1:9/hook")[0].id


def test_a_webhook_that_goes_while_a_message_is_written_gets_none(scene: Scene, endpoint: int) -> None:
    overlap(scene.db, partial(remove, scene, endpoint), alone(scene, partial(write, scene)))
    assert left(scene) == (0, 0)


def test_a_message_that_is_written_while_its_webhook_goes_goes_with_it(scene: Scene, endpoint: int) -> None:
    overlap(scene.db, partial(write, scene), alone(scene, partial(remove, scene, endpoint)))
    assert left(scene) == (0, 0)


def test_what_is_told_twice_at_once_is_one_message(scene: Scene, endpoint: int) -> None:
    overlap(scene.db, partial(write, scene), alone(scene, partial(write, scene)))
    assert left(scene) == (1, 1)


def test_a_webhook_that_is_removed_twice_at_once_is_removed_once(scene: Scene, endpoint: int) -> None:
    with pytest.raises(Problem, match="unknown-webhook"):
        overlap(scene.db, partial(remove, scene, endpoint), alone(scene, partial(remove, scene, endpoint)))
    assert left(scene) == (0, 0)


def test_a_webhook_goes_while_what_came_of_its_message_is_noted(scene: Scene, endpoint: int) -> None:
    alone(scene, partial(write, scene))()
    (parcel,) = scene.courier._claim()
    overlap(
        scene.db, partial(take, endpoint), lambda: scene.courier._settle(parcel, 410), partial(remove, scene, endpoint)
    )
    assert left(scene) == (0, 0)


def test_what_came_of_a_message_is_not_noted_at_another(scene: Scene, endpoint: int) -> None:
    alone(scene, partial(write, scene))()
    (parcel,) = scene.courier._claim()
    with scene.db.begin() as session:
        remove(scene, endpoint, session)
    with scene.db.begin() as session:
        assert scene.outbox.add(session, 1, "http://127.0.0.1:9/other")[0].id != endpoint
        write(scene, session)
    (other,) = scene.courier._claim()
    scene.courier._settle(parcel, 204)
    with scene.db.read() as session:
        (delivery,) = session.scalars(sa.select(Delivery))
        assert (delivery.id, delivery.state) == (other.delivery, DeliveryState.WAITING)


def test_a_webhook_goes_while_its_message_is_asked_for_again(scene: Scene, endpoint: int) -> None:
    alone(scene, partial(write, scene))()
    with scene.db.read() as session:
        number = session.scalars(sa.select(Delivery.id)).one()
    again = alone(scene, lambda session: scene.outbox.replay(session, 1, number))
    with pytest.raises(Problem, match="unknown-delivery"):
        overlap(scene.db, partial(take, endpoint), again, partial(remove, scene, endpoint))
    assert left(scene) == (0, 0)


def take(endpoint: int, session: Session) -> None:
    session.get_one(Endpoint, endpoint, with_for_update=True)
