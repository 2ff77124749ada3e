"""Where webhooks may not go."""

from __future__ import annotations

import pytest

from gateway.messaging import guard


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:53aa:64c::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_of_our_own_network_are_not_public(address: str) -> None:
    assert not guard.is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert guard.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook", "ftp://shop.example/", "shop.example/hook", "//shop.example/hook", "https://",
        "https:///hook", "https://user@shop.example/", "https://user:pw@shop.example/", "https://shop.example/#x",
        "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3:8443/x", "https://169.254.169.254/latest/meta-data",
        "https://shop.example:99999/", "https://shop.example/ü", "https://shop.example/a b", "https://shop.example/\n",
        "https://exämple.de/", "https://sh_op.example/", "https://shop.example/" + "x" * 500, "", "javascript:alert(1)",
        "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://[zz]/",
    ],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(guard.Refused):
        guard.check_url(url, private=False)


@pytest.mark.parametrize(
    "url", ["https://shop.example/hook?a=1", "https://1.1.1.1:8443/x", "https://xn--exmple-cua.de/"]
)
def test_public_https_urls_pass(url: str) -> None:
    guard.check_url(url, private=False)


def test_a_local_chain_may_allow_local_receivers_but_nothing_odd() -> None:
    guard.check_url("http://127.0.0.1:9000/hook", private=True)
    guard.check_url("https://localhost/hook", private=True)
    for url in ("ftp://127.0.0.1/", "http://user@127.0.0.1/", "http:///x"):
        with pytest.raises(guard.Refused):
            guard.check_url(url, private=True)
