"""From an event to a merchant's server, over real HTTP, whatever that server does."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.messaging import courier as courier_module
from gateway.messaging.aside import Aside
from gateway.messaging.courier import LEASE, PAUSES, Courier
from gateway.messaging.models import Delivery, DeliveryState, Endpoint, MessageKind
from tests.gateway.messaging.conftest import HOLDER, Scene
from tests.gateway.messaging.receiver import PEM, Received, Receiver, listening
from tests.support.races import together
from tests.support.waiting import PATIENCE, in_time, until

HOWTO = Path(__file__).parents[3] / "docs/howto/receive-webhooks.md"


def states(scene: Scene) -> list[DeliveryState]:
    return [delivery.state for delivery in scene.deliveries()]


def test_every_kind_arrives_signed_and_says_ids_and_totals_only(scene: Scene, receiver: Receiver) -> None:
    secret = scene.endpoint(receiver)
    scene.write(*MessageKind)
    while scene.courier.deliver_due():
        pass
    bodies = {}
    for received in receiver.received:
        body = Webhook(secret).verify(received.body, received.headers)
        assert set(body) == {"type", "timestamp", "data"}
        bodies[body["type"]] = body["data"]
        assert (received.path, received.headers["content-type"]) == ("/hook?shop=1", "application/json")
    assert bodies == {
        "batch.landed": {
            "batch": 31, "campaign": 5, "number": 9, "kind": "award", "points": 12_345, "block": 77,
        },
        "redemption.delivered": {"redemption": 32, "offer": 35, "campaign": 0, "points": 500},
        "code.used": {"code": "21" * 8, "offer": 35},
        "statistics.released": {"week": "2026-W03", "first_figure": 34},
        "codes.low": {"offer": 35, "left": 2},
        "code.used_twice": {
            "double_use": 38, "code": "21" * 8, "offer": 35,
            "first_key": 7, "first_at": 1_800_000_060, "second_key": 8, "second_at": 1_800_000_000,
        },
        "badges.landed": {"campaign": 5, "badge": 3, "landed": 2, "block": 78},
    }  # fmt: skip
    rows = re.findall(r"^\| `([\w.]+)` \| [^|]* \| (.*) \|$", HOWTO.read_text(), re.MULTILINE)
    assert {kind: set(re.findall(r"`(\w+)`", told)) for kind, told in rows} == {k: set(v) for k, v in bodies.items()}
    sent = " ".join(received.body for received in receiver.received).lower()
    assert HOLDER.hex() not in sent
    assert "secret" not in sent
    assert states(scene) == [DeliveryState.DELIVERED] * len(MessageKind)


def test_another_secret_or_another_body_does_not_verify(scene: Scene, receiver: Receiver) -> None:
    secret = scene.endpoint(receiver)
    other = scene.endpoint(Receiver(port=1), merchant=2)
    scene.write()
    assert scene.courier.deliver_due() == 1
    received = receiver.received[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(received.body, received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(received.body.replace("12345", "12346"), received.headers)


def test_only_the_merchant_concerned_is_told(scene: Scene, receiver: Receiver) -> None:
    with listening(Receiver()) as stranger:
        scene.endpoint(receiver)
        scene.endpoint(stranger, merchant=2)
        scene.write(*MessageKind)
        while scene.courier.deliver_due():
            pass
    assert (len(receiver.received), len(stranger.received)) == (len(MessageKind), 0)


def test_ten_attempts_with_growing_pauses_then_it_is_given_up(scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [500]
    scene.endpoint(receiver)
    scene.write()
    for pause in PAUSES:
        assert scene.courier.deliver_due() == 0
        scene.clock.offset += pause - 2
        scene.courier.deliver_due()
        before = len(receiver.received)
        scene.clock.offset += 3
        assert states(scene) == [DeliveryState.WAITING]
        assert before == PAUSES.index(pause) + 1
    scene.courier.deliver_due()
    assert states(scene) == [DeliveryState.GIVEN_UP]
    scene.clock.offset += 10 * 86_400
    scene.courier.deliver_due()
    assert len(receiver.received) == 10
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1
    assert len({received.headers["webhook-timestamp"] for received in receiver.received}) == 10


def test_only_2xx_counts_and_redirects_are_not_followed(scene: Scene, receiver: Receiver) -> None:
    refusals = [301, 302, 307, 400, 404, 429, 500, 503]
    receiver.statuses = [*refusals, 204]
    scene.endpoint(receiver)
    scene.write()
    for count in range(1, len(refusals) + 1):
        assert scene.courier.deliver_due() == 0
        assert [received.path for received in receiver.received] == ["/hook?shop=1"] * count
        scene.clock.offset += 86_400
    assert scene.courier.deliver_due() == 1
    assert states(scene) == [DeliveryState.DELIVERED]


def test_gone_switches_the_endpoint_off_and_a_replay_on_again(scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [410, 204]
    scene.endpoint(receiver)
    scene.write(MessageKind.BATCH_LANDED)
    scene.courier.deliver_due()
    scene.write(MessageKind.CODE_USED)
    assert states(scene) == [DeliveryState.GIVEN_UP]
    assert [endpoint.active for endpoint in scene.endpoints()] == [False]
    with scene.db.begin() as session:
        scene.outbox.replay(session, 1, scene.deliveries()[0].id)
    assert scene.courier.deliver_due() == 1
    assert receiver.received[0].headers["webhook-id"] == receiver.received[1].headers["webhook-id"]


@pytest.mark.parametrize("trouble", ["silent", "dripping", "closed"])
def test_a_bad_endpoint_costs_the_others_nothing(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    def attempt(timeout: float) -> None:
        monkeypatch.setattr(courier_module, "TIMEOUT", timeout)
        with scene.db.begin() as session:
            session.execute(sa.delete(Delivery))
            session.execute(sa.delete(Endpoint))
        bad = Receiver(delay=3 * timeout if trouble == "silent" else 0, drip=trouble == "dripping")
        with listening(bad):
            scene.endpoint(Receiver(port=1) if trouble == "closed" else bad)
            scene.endpoint(receiver)
            scene.write()
            began = time.monotonic()
            assert scene.courier.deliver_due() == 1
            assert time.monotonic() - began < 2.5 * timeout
        assert states(scene) == [DeliveryState.WAITING, DeliveryState.DELIVERED]

    in_time(attempt, 1, 20)


def test_a_flood_for_one_endpoint_leaves_room_for_another(scene: Scene, receiver: Receiver) -> None:
    flooded = Receiver()
    with listening(flooded):
        scene.endpoint(flooded)
        scene.write(*MessageKind)
        scene.clock.offset += 1
        scene.endpoint(receiver)
        scene.write(MessageKind.CODES_LOW)
        scene.courier.deliver_due()
    assert (len(flooded.received), len(receiver.received)) == (4, 1)


def test_who_dies_after_the_claim_leaves_it_to_the_next(scene: Scene, receiver: Receiver) -> None:
    scene.endpoint(receiver)
    scene.write()
    assert len(scene.courier._claim()) == 1  # and dies
    assert scene.courier.deliver_due() == 0
    scene.clock.offset += LEASE
    assert scene.courier.deliver_due() == 1
    assert len(receiver.received) == 1


def test_who_dies_after_sending_sends_again_under_the_same_id(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> bool:
        raise Killed

    scene.endpoint(receiver)
    scene.write()
    with monkeypatch.context() as patch:
        patch.setattr(Courier, "_settle", killed)
        with pytest.raises(Killed):
            scene.courier.deliver_due()
    scene.clock.offset += LEASE
    assert scene.courier.deliver_due() == 1
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len(receiver.received) == 2


def test_several_workers_send_each_message_once(scene: Scene, receiver: Receiver) -> None:
    scene.endpoint(receiver)
    scene.write(*MessageKind)

    def work() -> None:
        courier = Courier(scene.db, scene.clock, scene.keys, private=True)
        for _ in range(4):
            courier.deliver_due()

    together([work] * 4)
    ids = [received.headers["webhook-id"] for received in receiver.received]
    assert len(ids) == len(set(ids)) == len(MessageKind)
    assert states(scene) == [DeliveryState.DELIVERED] * len(MessageKind)


def test_the_same_thing_happening_again_is_another_message(scene: Scene, receiver: Receiver) -> None:
    scene.endpoint(receiver)
    scene.write(MessageKind.CODES_LOW)
    scene.write(MessageKind.CODES_LOW)
    scene.courier.deliver_due()
    scene.write(MessageKind.CODES_LOW)
    scene.courier.deliver_due()
    ids = [received.headers["webhook-id"] for received in receiver.received]
    assert len(ids) == len(set(ids)) == 2


def test_an_event_about_a_row_that_is_gone_is_dropped(scene: Scene, receiver: Receiver) -> None:
    scene.endpoint(receiver)
    with scene.db.begin() as session:
        scene.outbox.write(session, MessageKind.BATCH_LANDED, 999)
    assert scene.deliveries() == []


# ------------------------------------------------------------------------------------------------- names and addresses


class Names:
    """A name server of the test; each look-up gives the next answer."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"], []])
def test_a_name_that_leads_home_is_not_called(scene: Scene, receiver: Receiver, addresses: list[str]) -> None:
    scene.endpoint(receiver, host="hooks.test")
    scene.write()
    strict = Courier(scene.db, scene.clock, scene.keys, private=False, resolve=Names(addresses))
    assert strict.deliver_due() == 0
    assert (receiver.connections, states(scene)) == (0, [DeliveryState.WAITING])
    assert scene.deliveries()[0].attempts == 1


def test_the_checked_address_is_the_called_one(scene: Scene, receiver: Receiver) -> None:
    """A name that answers differently the second time is never asked a second time."""
    scene.endpoint(receiver, host="hooks.test")
    scene.write()
    names = Names(["127.0.0.1"], ["203.0.113.9"])
    assert Courier(scene.db, scene.clock, scene.keys, private=True, resolve=names).deliver_due() == 1
    assert names.asked == 1
    assert receiver.received[0].headers["host"] == f"hooks.test:{receiver.port}"


@pytest.mark.parametrize(("host", "arrived"), [("hooks.test", 1), ("other.test", 0)])
def test_tls_is_checked_against_the_name_though_the_address_is_called(scene: Scene, host: str, arrived: int) -> None:
    trusting = ssl.create_default_context(cafile=str(PEM))
    with listening(Receiver(), tls=True) as secure:
        with scene.db.begin() as session:
            scene.outbox.add(session, 1, f"https://{host}:{secure.port}/hook")
        scene.write()
        courier = Courier(scene.db, scene.clock, scene.keys, True, Names(["127.0.0.1"]), trusting)
        assert courier.deliver_due() == arrived
    assert len(secure.received) == arrived


def test_a_certificate_that_nobody_trusts_gets_nothing(scene: Scene) -> None:
    with listening(Receiver(), tls=True) as secure:
        with scene.db.begin() as session:
            scene.outbox.add(session, 1, f"https://hooks.test:{secure.port}/hook")
        scene.write()
        courier = Courier(scene.db, scene.clock, scene.keys, True, Names(["127.0.0.1"]))
        assert courier.deliver_due() == 0
    assert secure.received == []


# ------------------------------------------------------------------------------------------------------------- aside


def test_a_turn_never_waits_and_hands_on_what_came_of_it() -> None:
    gate, calls, ended = threading.Event(), [], threading.Event()

    def work() -> int:
        calls.append(1)
        gate.wait(PATIENCE)
        ended.set()
        if len(calls) == 2:
            raise RuntimeError
        return 7

    aside = Aside(work)
    assert [aside.turn() for _ in range(3)] == [0, 0, 0]
    assert not ended.is_set()
    gate.set()
    assert _next(aside) == 7
    with pytest.raises(RuntimeError):
        _next(aside)
    assert _next(aside) == 7


def _next(aside: Aside) -> int:
    return until(aside.turn, "the next turn's figure")


def test_bodies_are_plain_json(scene: Scene, receiver: Receiver) -> None:
    scene.endpoint(receiver)
    scene.write()
    scene.courier.deliver_due()
    received: Received = receiver.received[0]
    assert json.loads(received.body)["timestamp"].endswith("Z")
    assert received.headers["user-agent"] == "loyalty-webhooks/1"
