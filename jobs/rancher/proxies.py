"""The proxy for Rancher, from the environment."""

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy(url: str) -> str | None:
    """Return the proxy of the environment for an address, or None."""
    host = urlsplit(url).hostname or ""
    variables = getproxies()
    is_direct = proxy_bypass(host) or _is_within(host, variables.get("no", ""))
    return None if is_direct else variables.get("https")


def _is_within(host: str, ranges: str) -> bool:
    """Return whether an address is in one of the ranges of NO_PROXY, as for Rancher's agent.

    Python's standard library supports names there, but no ranges.
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
