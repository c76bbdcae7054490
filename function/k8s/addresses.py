"""Addresses that network policies never open, and those that only the platform may open.

The Input and the spec refuse ranges that overlap the table, and `make generate` writes it into
chart vcluster-namespace, which excludes it from the internet.
"""

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class NeverOpened:
    """A range that tenants' pods never reach, except for the host's DNS."""

    cidr: str
    purpose: str
    source: str

    @property
    def network(self) -> Network:
        """The range, parsed."""
        return ipaddress.ip_network(self.cidr)


_CLOUD_INIT = "https://cloudinit.readthedocs.io/en/latest/reference/datasources"

NEVER_OPENED = (
    NeverOpened(
        "169.254.0.0/16",
        "link-local addresses, the metadata services of most clouds among them",
        "https://www.rfc-editor.org/rfc/rfc3927",
    ),
    NeverOpened("fe80::/10", "link-local addresses", "https://www.rfc-editor.org/rfc/rfc4291"),
    NeverOpened("fec0::/10", "site-local addresses", "https://www.rfc-editor.org/rfc/rfc3879"),
    NeverOpened(
        "168.63.129.16/32",
        "Azure's platform service",
        "https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16",
    ),
    NeverOpened(
        "100.100.100.200/32",
        "Alibaba Cloud's metadata service",
        "https://www.alibabacloud.com/help/ecs/user-guide/view-instance-metadata",
    ),
    NeverOpened(
        "fd00:ec2::/32",
        "AWS's metadata service",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    NeverOpened(
        "fd20:ce::254/128",
        "Google Cloud's metadata service",
        "https://cloud.google.com/compute/docs/metadata/querying-metadata",
    ),
    NeverOpened(
        "fd00:c1::a9fe:a9fe/128",
        "Oracle Cloud's metadata service",
        "https://docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm",
    ),
    NeverOpened(
        "fd00:42::42/128",
        "Scaleway's metadata service",
        f"{_CLOUD_INIT}/scaleway.html",
    ),
    NeverOpened(
        "fd00:a9fe:a9fe::1/128",
        "Akamai's metadata service",
        f"{_CLOUD_INIT}/akamai.html",
    ),
    NeverOpened("0.0.0.0/8", "this host on this network", "https://www.rfc-editor.org/rfc/rfc1122"),
    NeverOpened("127.0.0.0/8", "loopback", "https://www.rfc-editor.org/rfc/rfc1122"),
    NeverOpened(
        "192.0.0.0/24",
        "protocol assignments, one of them a metadata service of Oracle Cloud",
        "https://www.rfc-editor.org/rfc/rfc6890",
    ),
    NeverOpened(
        "198.18.0.0/15", "benchmarks of networks", "https://www.rfc-editor.org/rfc/rfc2544"
    ),
    NeverOpened("224.0.0.0/4", "multicast", "https://www.rfc-editor.org/rfc/rfc5771"),
    NeverOpened("ff00::/8", "multicast", "https://www.rfc-editor.org/rfc/rfc4291"),
    NeverOpened(
        "64:ff9b::/96",
        "NAT64, which leads to every IPv4 address",
        "https://www.rfc-editor.org/rfc/rfc6052",
    ),
    NeverOpened(
        "64:ff9b:1::/48",
        "NAT64, which leads to every IPv4 address",
        "https://www.rfc-editor.org/rfc/rfc8215",
    ),
    NeverOpened(
        "2002::/16",
        "6to4, which leads to every IPv4 address",
        "https://www.rfc-editor.org/rfc/rfc3056",
    ),
    NeverOpened(
        "2001::/32",
        "Teredo, which leads to every IPv4 address",
        "https://www.rfc-editor.org/rfc/rfc4380",
    ),
    NeverOpened(
        "::/32",
        "loopback, and IPv4 addresses written as IPv6",
        "https://www.rfc-editor.org/rfc/rfc4291",
    ),
)
"""Metadata and platform services of clouds, which hand out the host's credentials; other notations
of IPv4 addresses, and routes to them; addresses of no single host."""

PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "240.0.0.0/4",
    "fc00::/7",
)
"""Networks that are closed until the Input opens a part: RFC 1918, RFC 6598, RFC 1112 (the pods of
GKE may have its addresses) and RFC 4193."""


def conflict(network: Network) -> NeverOpened | None:
    """Return the first entry of the table that a network overlaps, or None."""
    return next((entry for entry in NEVER_OPENED if entry.network.overlaps(network)), None)
