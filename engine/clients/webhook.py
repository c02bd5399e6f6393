"""Posts to a webhook, and keeps the poster from being used against its own network.

A name is looked up once, every address it has is checked, and the connection goes to a checked address: a
second look-up, which a hostile name server would answer otherwise, never happens. Redirects are not followed
and the answer's body is not read. TLS certificates are checked against the name, with the system's roots
(SSL_CERT_FILE names others).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence

import httpx

from engine.clients.errors import NotDelivered

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

TIMEOUT_SECONDS = 15.0  # for all of it
CONNECT_SECONDS = 5.0
MAXIMUM_URL = 2000
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: IPv6 ranges that lead to IPv4 addresses, which may be anybody's.
_TRANSLATED = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))


def url_problem(url: str, allowed: Sequence[Network]) -> str | None:
    """What is wrong with a webhook's address as far as it shows without a look-up; None when it may do."""
    try:
        parsed = httpx.URL(url)
        port = parsed.port
    except (httpx.InvalidURL, ValueError):
        return "is not a URL"
    if len(url) > MAXIMUM_URL or parsed.scheme not in _DEFAULT_PORTS or not parsed.host or port == 0:
        return "must be an https:// URL with a host"
    if parsed.userinfo or parsed.fragment:
        return "must have neither user name and password nor a fragment"
    if parsed.scheme == "http" and not allowed:
        return "must be https://; http:// is for networks that WEBHOOK_ALLOWED_CIDRS names"
    try:
        address = ipaddress.ip_address(parsed.host)
    except ValueError:
        return None
    return refusal(address, parsed.scheme, allowed)


def refusal(address: Address, scheme: str, allowed: Sequence[Network]) -> str | None:
    """Why nothing is posted to an address; None when it may be."""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return f"leads to {address}, where metadata services and broadcasts live; nothing is posted there"
    if any(address in network for network in allowed):
        return None
    if not address.is_global or any(address in network for network in _TRANSLATED):
        return f"leads to {address}, which is not a public address; WEBHOOK_ALLOWED_CIDRS can allow it"
    if scheme == "http":
        return f"leads to {address} by http://, which is for networks that WEBHOOK_ALLOWED_CIDRS names"
    return None


async def post(url: str, body: bytes, headers: Mapping[str, str], allowed: Sequence[Network]) -> int:
    """Post a body; the status code, which is a success.

    Raises NotDelivered for another status, a refused address, and a receiver that does not answer in time.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _post(httpx.URL(url), body, headers, allowed)
    except TimeoutError as error:
        raise NotDelivered(f"The receiver did not answer within {TIMEOUT_SECONDS:.0f} s.") from error


async def _post(url: httpx.URL, body: bytes, headers: Mapping[str, str], allowed: Sequence[Network]) -> int:
    addresses = await _look_up(url.host, url.port or _DEFAULT_PORTS[url.scheme])
    for address in addresses:
        if (reason := refusal(address, url.scheme, allowed)) is not None:
            raise NotDelivered(f"The receiver's name {reason}.")
    failure = NotDelivered("The receiver's name has no address.")
    async with httpx.AsyncClient(
        verify=ssl.create_default_context(),
        trust_env=False,  # no proxy: it would look the name up again
        follow_redirects=False,
        timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
    ) as client:
        for address in addresses:
            request = client.build_request(
                "POST",
                url.copy_with(host=str(address)),
                content=body,
                headers={**headers, "Host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            )
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = NotDelivered(f"The receiver cannot be reached: {_why(error)}.")
                continue
            except httpx.HTTPError as error:
                raise NotDelivered(f"The receiver broke off: {_why(error)}.") from error
            await response.aclose()
            return _checked(response)
    raise failure


def _checked(response: httpx.Response) -> int:
    code = response.status_code
    if response.is_success:
        return code
    if response.is_redirect:
        raise NotDelivered(f"The receiver answered {code}: redirects are not followed.", status_code=code)
    raise NotDelivered(f"The receiver answered {code}.", status_code=code)


async def _look_up(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered("The receiver's name cannot be looked up.") from error
    # A scope (fe80::1%eth0) is only on addresses that are refused anyway.
    return [ipaddress.ip_address(text) for text in dict.fromkeys(str(entry[4][0]) for entry in found)]


def _why(error: httpx.HTTPError) -> str:
    text = str(error).strip().rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
