"""Where a server may send something on somebody's behalf: public addresses, and networks that its operator names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from madang.errors import ConfigError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks that texts name (``10.1.0.0/16``, ``::1``). Raises `ConfigError`."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ConfigError(f"{text[:80]!r} is no network: {error}.", hint="Write 10.1.0.0/16 or ::1.") from error
    return tuple(found)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet, also where IPv6 wraps another one."""
    plain = _unwrapped(address)
    odd = plain.is_multicast or plain.is_reserved or plain.is_unspecified or plain.is_loopback or plain.is_link_local
    return plain.is_global and not odd and not (isinstance(plain, IPv6Address) and plain.is_site_local)


def is_listed(address: Address, listed: Sequence[Network]) -> bool:
    """Whether an address lies in one of some networks."""
    plain = _unwrapped(address)
    return any(plain in network for network in listed if network.version == plain.version)


def read_address(text: str) -> Address:
    """An address as a resolver gives it. Raises `ValueError`."""
    return ip_address(text.partition("%")[0])


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else itself."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address
