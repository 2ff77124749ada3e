from __future__ import annotations

import pytest

from gateway.chain.hexes import checksum
from gateway.core.problems import Problem
from gateway.identity.wallets.addresses import parse, refuse_recipient

#: The test cases of EIP-55.
EIP55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("text", EIP55)
def test_one_case_or_the_checksum(text: str) -> None:
    address = bytes.fromhex(text[2:])
    assert parse(text) == parse(text.lower()) == parse("0x" + text[2:].upper()) == address
    assert checksum(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n",
        " 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x" + "１" * 40,
        "",
        "0x",
        None,
        7,
        b"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ],
)
def test_no_address(text: object) -> None:
    with pytest.raises(ValueError, match="address"):
        parse(text)


def test_refused_recipients() -> None:
    token, other = b"\x01" * 20, b"\x02" * 20
    refuse_recipient(other, (token,), "recipient")
    for address in (token, bytes(20)):
        with pytest.raises(Problem) as refusal:
            refuse_recipient(address, (token,), "recipient")
        assert (refusal.value.refusal.code, refusal.value.field) == ("recipient-refused", "recipient")
