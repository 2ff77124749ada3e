"""The EIP-712 literals that Solidity and Python share: the contracts, eth_account and the file say the same."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "eip712.json").read_text())
SIGNER = VECTORS["signer"]
DOMAIN_FIELDS = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]


@pytest.fixture(scope="module")
def harness(contracts, accounts):
    return contracts.OrdersHarness.deploy(sender=accounts[0])


@pytest.fixture(params=VECTORS["vectors"], ids=lambda vector: vector["name"])
def vector(request):
    return request.param


def test_every_signed_type_has_a_vector():
    assert [vector["name"] for vector in VECTORS["vectors"]] == [
        *("Transfer", "CashOut", "PaymentEnter", "PaymentRedemption", "Permit"),
        *("Leave", "Move", "Stay", "Spend"),
    ]


def test_eth_account_agrees(vector):
    domain = {key: value for key, value in VECTORS["domains"][vector["domain"]].items() if key != "separator"}
    types = {"EIP712Domain": [{"name": name, "type": kind} for name, kind in DOMAIN_FIELDS]} | vector["types"]
    message = encode_typed_data(
        full_message={
            "types": types,
            "primaryType": vector["primaryType"],
            "domain": domain,
            "message": vector["message"],
        }
    )
    signed = Account.sign_message(message, SIGNER["privateKey"])
    assert "0x" + message.header.hex() == VECTORS["domains"][vector["domain"]]["separator"]
    assert "0x" + message.body.hex() == vector["structHash"]
    assert "0x" + signed.message_hash.hex() == vector["digest"]
    assert "0x" + signed.signature.hex() == vector["signature"]
    assert Account.from_key(SIGNER["privateKey"]).address == SIGNER["address"]
    assert (int(vector["r"], 16), int(vector["vs"], 16)) == (signed.r, signed.s | (signed.v - 27) << 255)


def test_type_hashes(harness, vector):
    assert "0x" + keccak(text=vector["typeString"]).hex() == vector["typehash"]
    if vector["name"] != "Permit":  # OpenZeppelin's own, held by the test below
        assert harness.typehash(vector["name"]) == bytes.fromhex(vector["typehash"][2:])
    if witness := vector.get("witness"):
        assert vector["typeString"].endswith("deadline," + witness["type"])
        assert witness["type"] in tuple(harness.witnessTypes())
        name = witness["typeString"].split("(")[0]
        assert harness.typehash(name) == bytes.fromhex(witness["typehash"][2:])
        hashed = getattr(harness, name[0].lower() + name[1:] + "Hash")(*vector["message"]["witness"].values())
        assert hashed == bytes.fromhex(witness["structHash"][2:])


def test_struct_hashes_and_digests(harness, vector):
    message = dict(vector["message"])
    if vector["name"] != "Permit":
        values = [*message.values()] if "witness" not in message else _flat(message)
        hashed = getattr(harness, vector["name"][0].lower() + vector["name"][1:] + "Hash")(*values)
        assert hashed == bytes.fromhex(vector["structHash"][2:])
    domain = VECTORS["domains"][vector["domain"]]
    digest = harness.digest(*(domain[name] for name, _ in DOMAIN_FIELDS), bytes.fromhex(vector["structHash"][2:]))
    assert digest == bytes.fromhex(vector["digest"][2:])


def test_deployed_contracts_have_the_domains_of_the_vectors(token, hub, chain):
    """Only chain and address differ between the vectors and a deployment; the separators follow from the parts."""
    for contract, name in ((token, "token"), (hub, "hub")):
        told = contract.eip712Domain()
        assert (told.fields, told.name, told.version) == (b"\x0f", VECTORS["domains"][name]["name"], "1")
        assert (told.chainId, told.verifyingContract) == (chain.chain_id, contract.address)
    message = encode_typed_data(
        domain_data={
            "name": token.name(),
            "version": "1",
            "chainId": chain.chain_id,
            "verifyingContract": token.address,
        },
        message_types={"Permit": VECTORS["vectors"][4]["types"]["Permit"]},
        message_data=VECTORS["vectors"][4]["message"],
    )
    assert token.DOMAIN_SEPARATOR() == message.header


def _flat(message):
    return [*(value for key, value in message.items() if key != "witness"), *message["witness"].values()]
