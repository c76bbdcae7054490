"""The way to Rancher: by the proxy of the environment, or directly."""

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address, or None."""
    host = urlsplit(url).hostname or ""
    named = getproxies()
    is_direct = proxy_bypass(host) or _is_within(host, named.get("no", ""))
    return None if is_direct else named.get("https")


def _is_within(host: str, ranges: str) -> bool:
    """Return whether an address is in one of the ranges, as Rancher's agent understands NO_PROXY.

    Python's standard library knows names there, and no ranges.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for each in ranges.split(","):
        try:
            if address in ip_network(each.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False
