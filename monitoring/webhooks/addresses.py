"""Which addresses may be called: an operator types one, and the request comes from inside the network of this server.

Public addresses by https. Addresses of this machine, of private networks and of a cloud's metadata service are refused,
unless RAGSITE_WEBHOOK_NETWORKS names their network; there http is possible too. A name is resolved at each attempt, all
that it stands for is checked, and the connection goes to the address that was checked, so that a name that changes its
address in between leads nowhere else.
"""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from monitoring.exceptions import WebhookError

Address = IPv4Address | IPv6Address
PORTS = {"https": 443, "http": 80}
# Networks whose addresses carry one of IPv4: NAT64 (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")
# All that is given out for the public (RFC 4291, IANA). Outside of it are site-local addresses (fec0::/10), and those
# that carry one of IPv4 within a network: ::/96, ::ffff:0:0:0/96, NAT64 of one's own (64:ff9b:1::/48, RFC 8215).
PUBLIC_IPV6 = IPv6Network("2000::/3")
# The middle of an address that a tunnel leads to the one of IPv4 behind it (ISATAP, RFC 5214), but for one bit.
ISATAP, ISATAP_MASK = 0x5EFE, 0xFDFFFFFF


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    scheme: str
    host: str  # as written: for the certificate and the Host header
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(url: str) -> Target:
    """Return where an address leads. Raises WebhookError for what is none, and for numbers that may not be called."""
    parts = _split(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise WebhookError(f'"{url}" is no address; write one such as https://example.com/hooks/ragsite.')
    if parts.username or parts.password or parts.fragment:
        raise WebhookError("The address may hold no user name, no password and nothing after a #.")
    if any(not 32 < ord(char) < 127 for char in url):
        raise WebhookError(
            "The address may hold no blanks and only ASCII; names with other letters are written xn--..."
        )
    if parts.scheme == "http" and not settings.WEBHOOK_NETWORKS:
        raise WebhookError(
            "Only https is possible. Plain http is for networks that RAGSITE_WEBHOOK_NETWORKS names, and it names none."
        )
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as error:
        raise WebhookError(f'"{url}" has no valid port.') from error
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(parts.scheme, parts.hostname, port, path)
    try:
        number = ip_address(target.host)
    except ValueError:
        return target
    check(target, number)
    return target


async def resolve(target: Target) -> list[Address]:
    """Return all addresses of a host. Raises WebhookError where it has none, or one that may not be called."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WebhookError(f"The name {target.host} has no address: {error}.") from error
    addresses = list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
    for address in addresses:
        check(target, address)
    return addresses


def check(target: Target, address: Address) -> None:
    """Raise WebhookError unless a request may go to an address."""
    real = _carried(address)
    if any(real in network for network in settings.WEBHOOK_NETWORKS):
        return
    if not _is_public(real):
        raise WebhookError(
            f"{target.host} is at {address}, which is no public address. RAGSITE_WEBHOOK_NETWORKS says which networks"
            " of your own may be called."
        )
    if target.scheme != "https":
        raise WebhookError(f"{target.host} is at the public address {address}, which is called by https only.")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise WebhookError(f'"{url}" is no address: {error}.') from error


def _carried(address: Address) -> Address:
    """Return the address of IPv4 that one of IPv6 stands for, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    """Whether an address is anybody's in the internet. Teredo's (2001::/32) are not: they are two of IPv4 in one."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return True
    return address in PUBLIC_IPV6 and (int(address) >> 32) & ISATAP_MASK != ISATAP
