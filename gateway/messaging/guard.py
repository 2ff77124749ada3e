"""Where webhooks may go: not into our own network, whatever name leads there. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

MAX_URL = 500
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
HOST = re.compile(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+")


class Refused(Exception):
    """This URL or address may not be called; the text says why and repeats nothing of it."""


def check_url(url: str, private: bool) -> None:
    """Raises Refused unless `url` is an absolute https URL that may be called. `private` also allows http and addresses
    of the local network."""
    if len(url) > MAX_URL or not VISIBLE_ASCII.fullmatch(url):
        raise Refused(f"at most {MAX_URL} visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("not a URL") from None
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise Refused("https only")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Refused("no user, password or fragment")
    if not HOST.fullmatch(host):
        raise Refused("no host name")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return  # a name: looked up, and its address checked, at each delivery
    if not private and not is_public(str(address)):
        raise Refused("a private address")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not private, loopback, link-local, multicast or reserved,
    and not an IPv6 form that carries such an IPv4 address inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour is not None or ip.teredo is not None or ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_link_local or ip.is_unspecified)
