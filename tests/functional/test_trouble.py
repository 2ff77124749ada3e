"""Trouble, section by section: what is down delays, what is wrong refuses, and nobody loses anything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from gateway import app, worker
from gateway.chain import local
from gateway.chain.hexes import checksum, to_hex
from gateway.client import Json
from gateway.core import logs
from tests.functional.house import FLAGS, PASSWORD, House, done, refused
from tests.functional.people import Holder, Merchant
from tests.functional.receiver import Receiver
from tests.support.anvil import CHAIN_ID, anvil
from tests.support.inside import NOWHERE
from tests.support.postgres import postgres_url, server


def parts(house: House) -> Json:
    """`GET /ready`, its status and what it found."""
    answer = house.http.get("/ready")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


# ------------------------------------------------------------------ node down


@pytest.fixture(params=["sqlite", "postgresql"])
def lonely_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database for a house of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'loyalty.db'}"
        return
    url = postgres_url()
    yield url
    server().drop_database(url)


def test_node_down(lonely_database_url: str, tmp_path: Path) -> None:
    """Accepted and queued, said so, and settled when the node is back."""
    state = tmp_path / "chain.json"
    with ExitStack() as stack:
        first = ExitStack()
        stack.push(first)
        node = first.enter_context(anvil(*FLAGS, state=state))
        house = House(tmp_path, lonely_database_url, node)
        stack.callback(house.close)
        house.start()
        merchant, holder = Merchant.join(house), Holder.rich(house, 5_000)
        campaign = merchant.campaign()
        house.until(lambda: parts(house)["status"] == "ok", "everything is fine")
        first.close()  # the node ends, keeping its state

        report = merchant.purchase(campaign, 1_000, wallet=holder.name)
        accepted = done(merchant.report(report, once="receipt-1"), 202)
        guest = done(merchant.report(merchant.purchase(campaign, 300, claim=True)), 202)
        done(house.call("POST", "/claims", {"code": guest["claim"]["code"], "wallet": holder.name}))
        ready = parts(house)
        assert ready["status"] == "degraded"
        assert not ready["parts"]["node"]["ok"]
        assert ready["parts"]["database"]["ok"]
        shown = house.wallet(holder.address)
        assert (shown["balance"], shown["nonce"]) == (5_000, None)
        order = holder.wallet.signer.send(merchant.address, 1_000, nonce=0)
        problem = house.call("POST", "/moves", order)
        refused(problem, 503, "chain-unreachable")
        assert int(problem.headers["Retry-After"]) >= 1
        refused(house.call("GET", "/chain"), 503, "chain-unreachable")

        assert done(merchant.report(report, once="receipt-1"), 202) == accepted

        stack.enter_context(anvil(*FLAGS, state=state, port=node.port))
        house.until(lambda: house.balance(holder.address) == 6_300, "what waited lands")
        assert holder.points == 6_300
        house.client().move(order)  # this client asks again when it is told to
        house.until(lambda: house.balance(merchant.address) == 1_000, "orders are taken again")
        house.until(lambda: parts(house)["status"] == "ok", "everything is fine again")


def test_a_gateway_starts_without_its_node(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda _level: None)  # it would outlive this test
    for name, value in (house.environment() | {"LOYALTY_RPC_URL": "http://127.0.0.1:1"}).items():
        monkeypatch.setenv(name, value)
    made = app.create()
    assert "/v1/actions" in made.openapi()["paths"]
    made.state.house.ground.db.dispose()
    made.state.house.ground.rpc.close()


# ------------------------------------------------------------- wrong settings


def changed(house: House, folder: Path, **fields: Any) -> str:
    """A copy of the deployment file with other fields."""
    content = json.loads((house.folder / "deployment.json").read_text()) | fields
    path = folder / "deployment.json"
    path.write_text(json.dumps(content))
    return str(path)


def deployed(house: House, folder: Path) -> str:
    """The file of other contracts on the same chain: nothing about it is wrong but whose it is."""
    path = folder / "deployment.json"
    local.deploy(house.rpc, house.bank_key).save(path)
    return str(path)


Change = Callable[[House, Path], dict[str, str]]


def deployment(**fields: Any) -> Change:
    return lambda house, folder: {"LOYALTY_DEPLOYMENT_FILE": changed(house, folder, **fields)}


def setting(name: str, value: str) -> Change:
    return lambda _house, _folder: {name: value}


WRONG: dict[str, tuple[Change, str]] = {
    "another chain id": (deployment(chainId=1), f"chain id: the node says {CHAIN_ID}, the file 1"),
    "another genesis": (deployment(genesisHash="0x" + "11" * 32), "genesis hash: another chain with the same id"),
    "no token there": (deployment(token=checksum(b"\x11" * 20)), "token: no code at its address"),
    "no hub there": (deployment(hub=checksum(b"\x11" * 20)), "hub: no code at its address"),
    "other code": (deployment(hubCodeHash="0x" + "11" * 32), "hub: other code at its address"),
    "another asset": (deployment(asset=checksum(b"\x11" * 20)), "token: has another asset"),
    "another par": (deployment(par=7), "token: has another par"),
    "another deployment": (
        lambda house, folder: {"LOYALTY_DEPLOYMENT_FILE": deployed(house, folder)},
        "the database belongs to another deployment",
    ),
    "another deployment, and no node": (
        lambda house, folder: {"LOYALTY_DEPLOYMENT_FILE": deployed(house, folder), "LOYALTY_RPC_URL": NOWHERE},
        "the database belongs to another deployment",
    ),
    "no deployment file": (setting("LOYALTY_DEPLOYMENT_FILE", "/nowhere/deployment.json"), "cannot be read"),
    "no JSON": (
        lambda _house, folder: {"LOYALTY_DEPLOYMENT_FILE": write(folder / "deployment.json", "{")},
        "is no deployment file",
    ),
    "an old schema": (
        lambda _house, folder: {"LOYALTY_DATABASE_URL": f"sqlite:///{folder / 'empty.db'}"},
        "the database is not at the newest revision",
    ),
    "unsafe for production": (setting("LOYALTY_ENVIRONMENT", "production"), "LOYALTY_WEBHOOKS_PRIVATE"),
    "another secret": (
        setting("LOYALTY_MASTER_SECRET", "6f" * 32),
        "the database was started with another LOYALTY_MASTER_SECRET",
    ),
    "another secret, and no node": (
        lambda _house, _folder: {"LOYALTY_MASTER_SECRET": "6f" * 32, "LOYALTY_RPC_URL": NOWHERE},
        "the database was started with another LOYALTY_MASTER_SECRET",
    ),
    "a weak secret": (setting("LOYALTY_MASTER_SECRET", "5e5e"), "at least 32 bytes"),
}


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("case", WRONG)
def test_a_gateway_that_could_only_do_wrong_does_not_start(
    house: House, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The very entry of both processes; below it is seen from outside."""
    monkeypatch.setattr(logs, "configure", lambda _level: None)  # it would outlive this test
    change, reason = WRONG[case]
    for name, value in (house.environment() | change(house, tmp_path)).items():
        monkeypatch.setenv(name, value)
    for start in (app.create, worker.main):
        with pytest.raises(SystemExit) as refusal:
            start()
        said = str(refusal.value)
        assert said.startswith("refused to start: ")
        assert reason in said
        assert "\n" not in said
        for secret in ("5e5e", "6f6f", PASSWORD):
            assert secret not in said + str(capfd.readouterr())


def test_the_reason_is_all_that_an_operator_sees(house: House, tmp_path: Path) -> None:
    """A process of its own; each of the two on one of the databases, because it takes its time."""
    if house.database_url.startswith("sqlite"):
        code, log = house.try_gateway(deployment(genesisHash="0x" + "11" * 32)(house, tmp_path))
        reason = "genesis hash: another chain with the same id"
    else:
        code, log = house.try_worker({"LOYALTY_RELAYER_PASSWORD": "another"})
        reason = "relayer.json: no keystore, or the wrong password"
    assert (code, log) == (1, f"refused to start: {reason}\n")


# --------------------------------------------------------------- without gas


def test_a_key_without_gas_heals_when_it_is_funded(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    holder = Holder.fresh(house)
    house.rpc.call("anvil_setBalance", to_hex(house.relayer), "0x0")
    try:
        done(merchant.report(merchant.purchase(campaign, 1_000, wallet=holder.name)), 202)
        assert not parts(house)["parts"]["gas"]["ok"]
        assert parts(house)["status"] == "degraded"
        time.sleep(2)
        assert holder.points == 0
    finally:
        house.rpc.call("anvil_setBalance", to_hex(house.relayer), hex(10**20))
    holder.until_points(1_000)
    house.until(lambda: parts(house)["status"] == "ok", "everything is fine again")


# ------------------------------------------------------------------ webhooks


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A merchant's own server, on this machine."""
    with Receiver() as running:
        yield running


def verified(secret: str, message: Any) -> Json:
    """The message, its signature checked as a receiver would: by the library of Standard Webhooks."""
    content: Json = Webhook(secret).verify(message.body, message.headers)
    return content


def test_webhooks_arrive_signed(house: House, merchant: Merchant, receiver: Receiver) -> None:
    secret = done(merchant.call("POST", "/webhooks", {"url": receiver.url}), 201)["secret"]
    campaign = merchant.campaign()
    holder = Holder.fresh(house)
    done(merchant.report(merchant.purchase(campaign, 4_000, wallet=holder.name)), 202)
    offer = merchant.offer(2_500, codes=1)
    holder.until_points(4_000)
    received = holder.wallet.delivered(holder.wallet.order(offer["id"]))
    done(merchant.call("POST", "/codes/use", {"code": received.code}))

    house.until(lambda: {"batch.landed", "redemption.delivered", "code.used"} <= receiver.types(), "webhooks arrive")
    content = {message["type"]: message for message in (verified(secret, m) for m in receiver.messages)}
    batch = content["batch.landed"]["data"]
    assert (batch["campaign"], batch["kind"], batch["points"]) == (campaign, "award", 4_000)
    assert content["redemption.delivered"]["data"]["offer"] == offer["id"]
    for message in receiver.messages:
        assert to_hex(holder.address)[2:] not in message.body.decode().lower(), "no wallet ever"
        assert received.code not in message.body.decode(), "and no code"

    forged = receiver.messages[0]
    with pytest.raises(Exception, match="signature"):
        Webhook(secret).verify(forged.body + b" ", forged.headers)


def test_webhooks_are_tried_again_under_their_id(house: House, merchant: Merchant, receiver: Receiver) -> None:
    secret = done(merchant.call("POST", "/webhooks", {"url": receiver.url}), 201)["secret"]
    receiver.answers = [500]
    campaign = merchant.campaign()
    done(merchant.report(merchant.purchase(campaign, 1_000, wallet=Holder.fresh(house).name)), 202)
    house.until(lambda: len(receiver.messages) >= 2, "the second attempt")
    first, second = receiver.messages[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert verified(secret, first) == verified(secret, second)

    def delivery() -> Json | None:
        newest: Json = done(merchant.call("GET", "/webhooks/deliveries"))["items"][0]
        return newest if newest["state"] == "delivered" else None

    seen = house.until(delivery, "it is delivered")
    attempts = len(receiver.messages)  # two, unless this process was too slow to answer the second
    assert (seen["type"], seen["attempts"], seen["message"]) == ("batch.landed", attempts, first.headers["webhook-id"])
    done(merchant.call("POST", f"/webhooks/deliveries/{seen['id']}/replay"), 202)
    house.until(lambda: len(receiver.messages) > attempts, "the replay")
    assert receiver.messages[attempts].headers["webhook-id"] == first.headers["webhook-id"]


def test_a_stranger_neither_sees_nor_removes_a_webhook(house: House, merchant: Merchant, receiver: Receiver) -> None:
    hook = done(merchant.call("POST", "/webhooks", {"url": receiver.url}), 201)
    stranger = Merchant.join(house)
    assert done(stranger.call("GET", "/webhooks"))["items"] == []
    refused(stranger.call("DELETE", f"/webhooks/{hook['id']}"), 404, "unknown-webhook")
    shown = done(merchant.call("GET", "/webhooks"))["items"]
    assert [item["id"] for item in shown] == [hook["id"]]
    assert "secret" not in shown[0]
    for url in ("ftp://example.org/", "http://user:pw@127.0.0.1/", "https:///", "javascript:alert(1)", "http://[::1"):
        refused(merchant.call("POST", "/webhooks", {"url": url}), 422, "webhook-url-refused", "url")
