"""Facts of a host's network in the Input: what is refused, and in which words."""

import re
from typing import Any

import pytest
import yaml

from function.api.errors import InvalidError
from tests.support.factories import RANCHER, config
from tests.support.tools import ROOT

MARKER = "s3cr3t-VALUE"
EVERY = "must not select every namespace: other tenants' are among them. Correct it."
FILTERED = "values are for the operators In and NotIn, which need them. Correct it."
LINK_LOCAL = (
    "169.254.0.0/16 (link-local addresses, the metadata services of most clouds among them)"
)


def refusal(changes: dict[str, Any]) -> str:
    """Return what is said to an Input with these changes."""
    with pytest.raises(InvalidError) as caught:
        config(changes)
    return str(caught.value)


@pytest.mark.parametrize("field", ["tenant.egress", "rancher.egress", "hosts.local.metrics.cidrs"])
@pytest.mark.parametrize(
    ("cidr", "never"),
    [
        pytest.param("100.100.0.0/16", "100.100.100.200/32 (Alibaba Cloud's metadata service)"),
        pytest.param("168.63.0.0/16", "168.63.129.16/32 (Azure's platform service)"),
        pytest.param("fd20:ce::/32", "fd20:ce::254/128 (Google Cloud's metadata service)"),
        pytest.param("198.19.0.0/16", "198.18.0.0/15 (benchmarks of networks)"),
        pytest.param("fec0::/48", "fec0::/10 (site-local addresses)"),
        pytest.param("64:ff9b::/96", "64:ff9b::/96 (NAT64, which leads to every IPv4 address)"),
        pytest.param("2002:a9fe::/32", "2002::/16 (6to4, which leads to every IPv4 address)"),
    ],
)
def test_never_opened(field: str, cidr: str, never: str) -> None:
    """No field opens a range with an address in it that hands out the host's credentials."""
    root, _, rest = field.partition(".")
    given = {"rancher": {**RANCHER, rest: [cidr]}} if root == "rancher" else {field: [cidr]}
    said = refusal(given)
    assert said == f"input.{field}[0]: must not touch {never}, which is never opened. Correct it."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"hosts.local.dns": {"cidrs": [], "namespaces": []}},
            "input.hosts.local.dns: must name cidrs or namespaces: nothing works without DNS. "
            "Correct it.",
            id="no-dns",
        ),
        pytest.param(
            {"hosts.local.dns": {"ports": []}},
            "input.hosts.local.dns.ports: must have at least 1 item after validation, not 0. "
            "Correct it.",
            id="all-ports",
        ),
        pytest.param(
            {"hosts.local.dns": {"cidrs": ["169.254.169.254/32"], "ports": [53, 80]}},
            f"input.hosts.local.dns: ports must be of 53, 853, 5353 with an address in "
            f"{LINK_LOCAL}. Correct it.",
            id="metadata-beside-dns",
        ),
        pytest.param(
            {"hosts.local.dns": {"cidrs": ["169.254.0.0/24"]}},
            "input.hosts.local.dns: cidrs must be single addresses, or networks of at most 256 "
            "outside those that are never opened. Correct it.",
            id="link-local-network",
        ),
        pytest.param(
            {"hosts.local.dns": {"cidrs": ["10.0.0.0/8"]}},
            "input.hosts.local.dns: cidrs must be single addresses, or networks of at most 256 "
            "outside those that are never opened. Correct it.",
            id="wide-network",
        ),
        pytest.param(
            {"hosts.local.cidrs": ["::ffff:10.0.0.0/104"]},
            "input.hosts.local.cidrs[0]: must be written as IPv4. Correct it.",
            id="mapped",
        ),
        pytest.param(
            {"hosts.local.apiPorts": [0]},
            "input.hosts.local.apiPorts[0]: must be greater than or equal to 1. Correct it.",
            id="no-port",
        ),
        pytest.param(
            {"hosts.local.apiPorts": []},
            "input.hosts.local.apiPorts: must have at least 1 item after validation, not 0. "
            "Correct it.",
            id="no-ports",
        ),
        pytest.param(
            {"hosts.local.egressTo": [{"namespaceSelector": {}, "ports": [{"port": 1}]}]},
            f"input.hosts.local.egressTo[0].namespaceSelector: {EVERY}",
            id="every-namespace",
        ),
        pytest.param(
            {
                "rancher": {
                    **RANCHER,
                    "egressTo": [
                        {"namespaceSelector": {"matchLabels": {}}, "ports": [{"port": 1}]}
                    ],
                }
            },
            f"input.rancher.egressTo[0].namespaceSelector: {EVERY}",
            id="every-namespace-for-rancher",
        ),
        pytest.param(
            {"hosts.local.egressTo": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]},
            "input.hosts.local.egressTo[0].ports: is required. Add it.",
            id="every-port",
        ),
        pytest.param(
            {
                "hosts.local.egressTo": [
                    {
                        "namespaceSelector": {
                            "matchExpressions": [
                                {"key": "a", "operator": "Exists", "values": [MARKER]}
                            ]
                        },
                        "ports": [{"port": 1}],
                    }
                ]
            },
            f"input.hosts.local.egressTo[0].namespaceSelector.matchExpressions[0]: {FILTERED}",
            id="values-of-exists",
        ),
    ],
)
def test_refused(changes: dict[str, Any], expected: str) -> None:
    """What would open everything, or nothing, is refused when the Input is read."""
    assert refusal(changes) == expected


@pytest.mark.parametrize(
    ("field", "schemes"),
    [
        pytest.param("charts.repository", "http:// or https:// or oci://"),
        pytest.param("vcluster.chart.repository", "http:// or https:// or oci://"),
        pytest.param("rancher.url", "https://"),
        pytest.param("hosts.local.rancher.url", "https://"),
        pytest.param("rancher.proxy.https", "http:// or https://"),
        pytest.param("rancher.proxy.http", "http:// or https://"),
    ],
)
@pytest.mark.parametrize(
    "rest",
    [
        f"user:{MARKER}@example.org",
        f"{MARKER}@example.org/charts",
        f"example.org/{MARKER}@x",
        f"example.org/charts?token={MARKER}",
        f"example.org/#{MARKER}",
        f"example.org\\@{MARKER}",
    ],
)
def test_urls_hold_no_secret(field: str, schemes: str, rest: str) -> None:
    """A password in a URL would come into Releases, conditions and logs, so no field takes one."""
    scheme = schemes.rsplit(" or ", maxsplit=1)[-1]
    rancher, _, own = field.partition(".")
    changes: dict[str, Any] = {field: scheme + rest}
    if rancher == "rancher":
        key, _, below = own.partition(".")
        changes = {"rancher": {**RANCHER, key: {below: scheme + rest} if below else scheme + rest}}
    said = refusal(changes)
    form = "host[:port] without path," if own.endswith("url") else "host[:port][/path] without"
    assert said == (
        f"input.{field}: must be {schemes}, then {form} user, password, ? and #. Correct it."
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"image": f"user:{MARKER}@example.org/image:1"}, "image", id="image"),
        pytest.param(
            {"registries": {"ghcr.io": f"user:{MARKER}@example.org"}},
            "registries.ghcr.io",
            id="mirror",
        ),
        pytest.param(
            {"registries": {f"user:{MARKER}@ghcr.io": "example.org"}}, "registries", id="registry"
        ),
    ],
)
def test_images_hold_no_secret(changes: dict[str, Any], field: str) -> None:
    """Neither does a reference to an image, or where it is mirrored."""
    assert refusal(changes).startswith(f"input.{field}")


PAGE = (ROOT / "docs" / "hosts.md").read_text()
SNIPPET = re.compile(r"^### (.+)\n(?:(?!#).*\n)*?```yaml\n((?:.*\n)*?)```$", re.MULTILINE)
SNIPPETS: dict[str, str] = dict(SNIPPET.findall(PAGE))


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippets_of_the_page(name: str) -> None:
    """What the page has for a distribution can be put into the Input as it stands."""
    found = config({"rancher": RANCHER, **yaml.safe_load(SNIPPETS[name])})
    assert [*found.hosts] == ["local"]


def test_every_big_distribution_has_a_snippet() -> None:
    """Who installs on one of them finds its values."""
    assert {"kubeadm", "RKE2", "k3s", "OpenShift", "GKE", "EKS", "AKS", "kubespray"} <= {*SNIPPETS}
    gke = config(yaml.safe_load(SNIPPETS["GKE"])).hosts["local"]
    assert (gke.dns.cidrs[0], gke.dns.ports) == ("169.254.169.254/32", [53])
    openshift = config(yaml.safe_load(SNIPPETS["OpenShift"])).hosts["local"]
    assert openshift.dns.model_dump() == {
        "cidrs": [],
        "namespaces": ["openshift-dns"],
        "ports": [5353],
    }
