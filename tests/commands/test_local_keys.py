"""What the command line keeps on this machine: encrypted, private, and never overwritten."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.chain.deployment import Deployment
from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of
from gateway.cli import app
from gateway.client import Client
from gateway.commands import wallets
from gateway.commands.chain import Chain
from gateway.commands.console import CommandError, parse_duration, parse_points, points
from gateway.commands.crowd import Crowd
from gateway.commands.holder import Holder
from gateway.commands.state import PASSWORD_VARIABLE, MerchantRecord, State, write_private
from gateway.loyalty.redemptions.sealing import seal
from tests.support.inside import NOWHERE


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setenv(PASSWORD_VARIABLE, "correct horse")
    return State(tmp_path / "state")


def test_a_wallet_opens_with_its_password_only(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    address = wallets.create(state, "ann")
    wallet = wallets.open_wallet(state, "ann")
    assert wallet.address == address
    path = state.keystore("wallets", "ann")
    assert wallet.key.hex() not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [(name, from_hex(text)) for name, text in wallets.listed(state)] == [("ann", address)]
    with pytest.raises(CommandError, match="already"):
        wallets.create(state, "ann")
    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong")
    with pytest.raises(CommandError, match="password"):
        wallets.open_wallet(state, "ann")


def test_a_box_opens_with_the_key_it_was_sealed_to_and_with_no_other_wallet(state: State) -> None:
    ann, bob = (wallets.of_key(state, name, bytes([number]) * 32) for number, name in ((1, "ann"), (2, "bob")))
    keys = [ann.seals.fresh() for _ in range(3)]
    assert len(set(keys)) == 3
    sealed = seal(keys[1], bytes(range(32)), b"CAFE-0001")
    reopened = wallets.of_key(state, "ann", ann.key)
    opened = reopened.seals.open(sealed.box)
    assert opened is not None
    assert (opened.code, opened.commitment) == ("CAFE-0001", sealed.commitment)
    bob.seals.fresh()
    assert bob.seals.open(sealed.box) is None
    content = (state.wallets / "ann.seals").read_bytes()
    assert all(key not in content and key.hex().encode() not in content for key in keys)
    with pytest.raises(CommandError):
        wallets.SealKeys(state.wallets / "ann.seals", bob.key).open(sealed.box)


def test_a_paid_code_is_shown_although_the_chains_node_is_down(state: State) -> None:
    wallet = wallets.of_key(state, "ann", b"\x01" * 32)
    sealed = seal(wallet.seals.fresh(), bytes(range(32)), b"CAFE-0001")
    some = [bytes([number]) * 20 for number in (1, 2, 3)]
    chain = Chain(Rpc(NOWHERE), Deployment(31_337, bytes(32), *some, 100, 1, bytes(32), bytes(32), "Points"))
    box = {"id": 1, "offer": 1, "box": to_hex(sealed.box), "commitment": to_hex(sealed.commitment)}
    with Client(NOWHERE) as client:
        received = Holder(client, wallet, chain).opened(box)
    assert (received.code, received.on_chain) == ("CAFE-0001", None)


def test_secrets_stay_the_same_and_are_private(state: State) -> None:
    seed = state.secret(state.crowd_seed)
    assert state.secret(state.crowd_seed) == seed
    assert len(seed) == 32
    assert stat.S_IMODE(state.crowd_seed.stat().st_mode) == 0o600
    state.save_merchant(MerchantRecord("shop", 1, "0x00", "loy_x"))
    assert stat.S_IMODE((state.root / "merchants" / "shop.json").stat().st_mode) == 0o600
    assert [record.name for record in state.merchants()] == ["shop"]


def test_a_private_file_is_not_replaced_unless_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"one", replace=False)
    with pytest.raises(FileExistsError):
        write_private(path, b"two", replace=False)
    assert path.read_bytes() == b"one"
    write_private(path, b"three")
    assert path.read_bytes() == b"three"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["", "../x", "a b", "é", "x" * 65])
def test_local_names_cannot_leave_their_directory(state: State, name: str) -> None:
    with pytest.raises(CommandError):
        state.keystore("wallets", name)


@pytest.mark.parametrize("typed", ["0x3C44CdDdB6a900fa2b585dd299e03d12FA4293Bc", "0x00", "0x", "0x" + "zz" * 20])
def test_points_never_go_to_an_address_that_was_mistyped(
    state: State, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setenv("LOYALTY_STATE", str(state.root))
    wallets.create(state, "ann")
    for words in (
        ["wallet", "send", "ann", typed, "1"],
        ["wallet", "cash-out", "ann", "1", "--to", typed],
        ["wallet", "cash-out", "ann", "1", "--to", typed, "--direct"],
        ["wallet", "claim", typed, "ABC"],
        ["merchant", "cash-out", "cafe", "1", "--to", typed],
        ["grant", "adjust", "1", typed, "1", "--merchant", "cafe", "--reason", "goodwill"],
        ["campaign", "invite", "1", typed, "--merchant", "cafe"],
    ):
        result = CliRunner().invoke(app, [*words, "--json"])
        assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "bad-address"), (words, result)


def test_the_crowd_is_the_same_for_one_seed_and_another_for_another() -> None:
    one, other = Crowd(b"1" * 32), Crowd(b"2" * 32)
    assert one.address("customer-1") == Crowd(b"1" * 32).address("customer-1")
    assert len({one.address("customer-1"), one.address("customer-2"), other.address("customer-1")}) == 3
    assert from_hex(one.address("customer-1")) == address_of(one.key("customer-1"))
    share = sum(one.chosen(f"sale-{number}", 30) for number in range(2_000))
    assert 500 < share < 700
    assert not any(one.chosen(f"sale-{number}", 0) for number in range(100))
    assert all(one.chosen(f"sale-{number}", 100) for number in range(100))


@pytest.mark.parametrize(
    ("text", "hundredths"), [("0", 0), ("12", 1_200), ("12.5", 1_250), ("1,000.05", 100_005), ("0.01", 1)]
)
def test_points_are_read_and_shown_exactly(text: str, hundredths: int) -> None:
    assert parse_points(text) == hundredths
    assert parse_points(points(hundredths)) == hundredths


@pytest.mark.parametrize("text", ["", "-1", "1.005", "1e3", "NaN", "١", "1.", ".5", "9" * 13, "1,50", "1,0000", ",1"])
def test_odd_points_are_refused(text: str) -> None:
    with pytest.raises(Exception, match="decimals"):
        parse_points(text)


def test_durations() -> None:
    assert [parse_duration(text) for text in ("90", "90s", "15m", "12h", "30d")] == [90, 90, 900, 43_200, 2_592_000]
    with pytest.raises(Exception, match="number"):
        parse_duration("1w")
