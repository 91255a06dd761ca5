"""URLs: taken apart, put together, and the proxy that leads to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from dockerutils.oci.registry.failures import RegistryError

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """The parts of a URL that decide who may see what is sent to it."""

    scheme: str
    host: str  # without brackets, lower case
    port: int
    authority: str  # host and port as they are written, without a user


def address_of(url: str) -> Address | None:
    """Take a URL apart; None for what is no http or https URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname:
        return None
    return Address(parts.scheme, parts.hostname, port, parts.netloc.rpartition("@")[2])


def resolve(base: str, location: str) -> str:
    """Make a Location absolute, on our own scheme where it stays on the host of `base`.

    Behind a proxy that ends TLS, registries write `http://` and mean themselves.
    """
    target = urlsplit(urljoin(base, location))
    ours = urlsplit(base)
    if target.netloc == ours.netloc:
        target = target._replace(scheme=ours.scheme)
    return urlunsplit(target)


def with_query(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Add variables to the query of a URL; what it has stays as it is."""
    parts = urlsplit(url)
    added = urlencode(list(pairs), quote_via=quote, safe="/:,")
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def form(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Encode the fields of an HTML form."""
    return urlencode(list(pairs)).encode()


def path_of(*parts: str) -> str:
    """Join the parts of a registry's path."""
    return "/v2/" + "/".join(quote(part, safe="/:") for part in parts)


# Proxies ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the user and password in its URL, which no message shows."""

    url: str
    name: str
    login: str = field(default="", repr=False)  # "user:password"


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Give the proxy that the environment names for a URL, as Go and so docker reads it.

    Loopback never has one. Raises `RegistryError` for a proxy that is not an http one.
    """
    address = address_of(url)
    if address is None or _bypassed(address, _variable("NO_PROXY", environ)):
        return None
    variable = f"{address.scheme.upper()}_PROXY"
    value = _variable(variable, environ)
    if not value:
        return None
    full = value if "://" in value else f"http://{value}"
    proxy = address_of(full)
    if proxy is None:
        raise RegistryError(
            f"{variable} in the environment does not name a proxy that we can use.",
            "It has to read like http://HOST:PORT.",
        )
    user = urlsplit(full).netloc.rpartition("@")[0]
    return Proxy(f"{proxy.scheme}://{proxy.authority}", proxy.authority, unquote(user))


def _variable(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name) or environ.get(name.lower(), "")


def _bypassed(address: Address, exceptions: str) -> bool:
    if address.host == "localhost" or (_ip(address.host) or ipaddress.IPv4Address(0)).is_loopback:
        return True
    return any(_covers(one.strip().lower(), address) for one in exceptions.split(","))


def _covers(exception: str, address: Address) -> bool:
    """Tell whether an entry of NO_PROXY means an address: golang.org/x/net/http/httpproxy."""
    if not exception or exception == "*":
        return bool(exception)
    ip = _ip(address.host)
    if ip and "/" in exception:
        try:
            return ip in ipaddress.ip_network(exception, strict=False)
        except ValueError:
            return False
    name, port = exception, ""
    if _ip(exception.strip("[]")) is None:
        name, _, port = exception.partition(":") if exception[0] != "[" else _bracketed(exception)
    if port and port != str(address.port):
        return False
    name = name.strip("[]").removeprefix("*")
    return address.host == name or address.host.endswith(f".{name.removeprefix('.')}")


def _bracketed(text: str) -> tuple[str, str, str]:
    name, bracket, port = text.partition("]")
    return name, bracket, port.removeprefix(":")


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
