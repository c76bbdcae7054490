"""Who reaches whom, decided by the rendered NetworkPolicies as a network plugin decides it.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from function.api.fields import OpenCidr
from function.k8s import addresses
from function.k8s.addresses import NEVER_OPENED, NeverOpened

Direction = Literal["ingress", "egress"]
Render = Callable[[Mapping[str, object]], list[dict[str, Any]]]

MANAGED_BY = {"vcluster.loft.sh/managed-by": "kunde1-vcluster"}
CONTROL_PLANE = {"app": "vcluster", "release": "kunde1-vcluster"}
RESTORE = {"app": "vcluster-snapshot", "release": "kunde1-vcluster"}
TENANT = {"app": "web", **MANAGED_BY}
IMPOSTOR = {**CONTROL_PLANE, **MANAGED_BY}

METADATA_SERVICES = [
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fd00:a9fe:a9fe::1",
]
OTHER_WAYS = [
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "::ffff:169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "::1",
    "fec0::1",
    "198.18.0.1",
    "198.19.255.254",
    "192.0.0.1",
    "0.1.2.3",
    "127.0.0.1",
    "224.0.0.251",
    "ff02::fb",
]
"""Addresses that lead to another one, or to no single host."""
KUBESPRAY = {"cidrs": ["169.254.25.10/32"], "namespaces": ["kube-system"], "ports": [53]}
GKE = {"cidrs": ["169.254.169.254/32"], "namespaces": ["kube-system"], "ports": [53]}
OPENSHIFT = {"cidrs": [], "namespaces": ["openshift-dns"], "ports": [5353]}

ANYWHERE = [{"protocol": "TCP", "port": port} for port in (443, 6443, 8443)]


@dataclass(frozen=True)
class Peer:
    """The other end of a connection: an address, and the pod behind it if it is one."""

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
def policies(render: Render, everything: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the policies with ranges of the host, opened ranges and an ingress controller.

    All else about the host is as on kubeadm.
    """
    for fact in ("dns", "apiPorts", "metrics", "egressTo", "backupPort", "issuers"):
        del everything["networkPolicy"][fact]
    return [o for o in render(everything) if o["kind"] == "NetworkPolicy"]


@pytest.fixture
def with_values(render: Render, minimal: dict[str, Any]) -> Render:
    """Return a function that gives the policies of some values of networkPolicy."""

    def found(values: Mapping[str, object]) -> list[dict[str, Any]]:
        objects = render({**minimal, "networkPolicy": values})
        return [o for o in objects if o["kind"] == "NetworkPolicy"]

    return found


@pytest.mark.parametrize(
    ("peer", "port", "protocol"),
    [
        pytest.param(Peer("8.8.8.8"), 443, "TCP", id="internet"),
        pytest.param(Peer("2001:4860:4860::8888"), 443, "TCP", id="internet, IPv6"),
        pytest.param(Peer("198.51.100.9"), 5432, "TCP", id="opened range"),
        pytest.param(Peer("10.20.30.40"), 443, "TCP", id="opened address within the host's range"),
        pytest.param(Peer("fd12:3456::1"), 443, "TCP", id="opened range, IPv6"),
        pytest.param(Peer("10.1.2.3", "kunde1", TENANT), 80, "TCP", id="own pod"),
        pytest.param(Peer("10.1.2.3", "kunde1", CONTROL_PLANE), 8443, "TCP", id="control plane"),
        pytest.param(Peer("10.1.0.10", "kube-system"), 53, "UDP", id="host's DNS"),
        pytest.param(Peer("10.1.0.10", "kube-system"), 53, "TCP", id="host's DNS, TCP"),
        pytest.param(Peer("169.254.20.10"), 53, "UDP", id="NodeLocal DNS"),
    ],
)
def test_tenant_reaches(
    policies: list[dict[str, Any]], peer: Peer, port: int, protocol: str
) -> None:
    """A tenant's pod reaches what a tenant is meant to use."""
    assert allows(policies, "egress", TENANT, peer, port, protocol=protocol)


@pytest.mark.parametrize(
    ("peer", "port", "protocol"),
    [
        *(pytest.param(Peer(a), 80, "TCP", id=f"metadata {a}") for a in METADATA_SERVICES),
        *(pytest.param(Peer(a), 443, "TCP", id=f"metadata {a}, TLS") for a in METADATA_SERVICES),
        *(pytest.param(Peer(a), 80, "TCP", id=f"other way {a}") for a in OTHER_WAYS),
        pytest.param(Peer("240.0.0.1"), 443, "TCP", id="reserved, which GKE gives pods"),
        pytest.param(Peer("169.254.20.10"), 80, "TCP", id="NodeLocal DNS, other port"),
        pytest.param(Peer("10.20.30.41"), 443, "TCP", id="beside the opened address"),
        pytest.param(Peer("172.31.0.1"), 443, "TCP", id="private, 172.16.0.0/12"),
        pytest.param(Peer("192.168.0.1"), 443, "TCP", id="private, 192.168.0.0/16"),
        pytest.param(Peer("100.64.0.1"), 443, "TCP", id="carrier's NAT"),
        pytest.param(Peer("203.0.113.7"), 443, "TCP", id="host's public range"),
        pytest.param(Peer("2001:db8:1::7"), 443, "TCP", id="host's public range, IPv6"),
        pytest.param(Peer("fd99::1"), 443, "TCP", id="private, IPv6"),
        pytest.param(Peer("fe80::1"), 443, "TCP", id="link-local, IPv6"),
        pytest.param(Peer("10.1.2.9", "kunde2"), 8443, "TCP", id="other customer"),
        pytest.param(Peer("10.1.0.10", "kube-system"), 443, "TCP", id="kube-system, other port"),
    ],
)
@pytest.mark.parametrize("pod", [TENANT, IMPOSTOR], ids=["tenant", "impostor"])
def test_tenant_does_not_reach(
    policies: list[dict[str, Any]], pod: Mapping[str, str], peer: Peer, port: int, protocol: str
) -> None:
    """Not the cloud's metadata, the host or other customers, whatever labels the pod wears."""
    assert not allows(policies, "egress", pod, peer, port, protocol=protocol)


@pytest.mark.parametrize(
    ("pod", "port", "expected"),
    [
        pytest.param(CONTROL_PLANE, 443, True, id="control plane, 443"),
        pytest.param(CONTROL_PLANE, 6443, True, id="control plane, 6443"),
        pytest.param(CONTROL_PLANE, 8443, True, id="control plane, 8443"),
        pytest.param(RESTORE, 6443, True, id="restore"),
        pytest.param({**RESTORE, **MANAGED_BY}, 6443, False, id="tenant's pod, as a restore"),
        pytest.param(CONTROL_PLANE, 22, False, id="control plane, other port"),
        pytest.param(CONTROL_PLANE, 10250, False, id="control plane, kubelet"),
        pytest.param(IMPOSTOR, 6443, False, id="tenant's pod with its labels"),
        pytest.param({"app": "vcluster", "release": "other"}, 6443, False, id="other release"),
        pytest.param(TENANT, 6443, False, id="tenant's pod"),
    ],
)
def test_host_api(
    policies: list[dict[str, Any]], pod: Mapping[str, str], port: int, *, expected: bool
) -> None:
    """Only the control plane and its restore talk to the host's API server."""
    assert allows(policies, "egress", pod, Peer("10.0.0.1"), port) is expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(CONTROL_PLANE, True, id="control plane"),
        pytest.param(RESTORE, True, id="restore"),
        pytest.param({"app": "vcluster-etcd", "release": "kunde1-vcluster"}, False, id="etcd"),
        pytest.param({**RESTORE, "release": "other"}, False, id="other release"),
        pytest.param({**CONTROL_PLANE, **MANAGED_BY}, False, id="tenant's pod, as control plane"),
        pytest.param({**RESTORE, **MANAGED_BY}, False, id="tenant's pod, as a restore"),
        pytest.param(TENANT, False, id="tenant's pod"),
    ],
)
def test_backups(with_values: Render, pod: Mapping[str, str], *, expected: bool) -> None:
    """Only what takes and restores backups reaches their server, at its port, wherever it is."""
    shut, opened = with_values({}), with_values({"backupPort": 9000})

    assert allows(opened, "egress", pod, Peer("10.250.0.1"), 9000) is expected
    assert not allows(shut, "egress", pod, Peer("10.250.0.1"), 9000)
    assert not allows(opened, "egress", pod, Peer("10.250.0.1"), 9001)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(CONTROL_PLANE, True, id="control plane"),
        pytest.param(RESTORE, False, id="restore"),
        pytest.param({"app": "vcluster-etcd", "release": "kunde1-vcluster"}, False, id="etcd"),
        pytest.param({**CONTROL_PLANE, **MANAGED_BY}, False, id="tenant's pod, as control plane"),
        pytest.param(TENANT, False, id="tenant's pod"),
    ],
)
def test_issuers(with_values: Render, pod: Mapping[str, str], *, expected: bool) -> None:
    """Only control planes reach an issuer, at its port, and at its addresses if they are known."""
    shut = with_values({})
    opened = with_values(
        {"issuers": [{"cidrs": ["10.9.0.0/24", "fd00:9::/64"], "port": 9444}, {"port": 9445}]}
    )

    for address in ("10.9.0.7", "fd00:9::7"):
        assert allows(opened, "egress", pod, Peer(address), 9444) is expected
        assert not allows(shut, "egress", pod, Peer(address), 9444)
    assert allows(opened, "egress", pod, Peer("10.250.0.1"), 9445) is expected
    assert not allows(opened, "egress", pod, Peer("10.250.0.1"), 9444)
    assert not allows(opened, "egress", pod, Peer("10.9.0.7"), 9446)


@pytest.mark.parametrize("address", METADATA_SERVICES)
def test_no_range_holds_a_metadata_service(policies: list[dict[str, Any]], address: str) -> None:
    """No rule for whatever pod opens a range with the cloud's credentials in it."""
    rules = [rule for policy in policies for rule in policy["spec"].get("egress", [])]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule.get("to", []) if "ipBlock" in peer]

    assert [rule["ports"] for rule in rules if "to" not in rule] == [ANYWHERE]
    assert len(blocks) == 6  # internet (2), an address of DNS, three opened ranges
    assert not any(_within(block, address) for block in blocks)


@pytest.mark.parametrize(
    ("pod", "peer", "port", "expected"),
    [
        pytest.param(CONTROL_PLANE, Peer("192.0.2.200"), 8443, True, id="API from outside"),
        pytest.param(CONTROL_PLANE, Peer("10.1.2.9", "kunde2"), 8443, True, id="API from a pod"),
        pytest.param(CONTROL_PLANE, Peer("192.0.2.200"), 10250, False, id="other port"),
        pytest.param(IMPOSTOR, Peer("192.0.2.200"), 8443, False, id="tenant's pod, its labels"),
        pytest.param(RESTORE, Peer("192.0.2.200"), 8443, False, id="restore"),
        pytest.param(TENANT, Peer("10.1.2.4", "kunde1", TENANT), 80, True, id="own pod"),
        pytest.param(TENANT, Peer("10.1.2.9", "kunde2"), 80, False, id="other customer"),
        pytest.param(TENANT, Peer("8.8.8.8"), 80, False, id="internet"),
        pytest.param(
            TENANT,
            Peer("10.1.5.5", "ingress-nginx", {"app.kubernetes.io/name": "ingress-nginx"}),
            80,
            True,
            id="ingress controller",
        ),
        pytest.param(
            TENANT, Peer("10.1.5.6", "ingress-nginx"), 80, False, id="beside the ingress controller"
        ),
        pytest.param(TENANT, Peer("192.0.2.1"), 80, True, id="load balancer's range"),
        pytest.param(TENANT, Peer("192.0.2.129"), 80, False, id="taken out of that range"),
    ],
)
def test_ingress(
    policies: list[dict[str, Any]],
    pod: Mapping[str, str],
    peer: Peer,
    port: int,
    *,
    expected: bool,
) -> None:
    """The API is open to everyone; a tenant's pods to their namespace and what is let in."""
    assert allows(policies, "ingress", pod, peer, port) is expected


WIDE = [
    "0.0.0.0/0",
    "128.0.0.0/1",
    "168.0.0.0/7",
    "::/0",
    "fd00::/8",
    "fd00:ec0::/31",
]


def _touching() -> list[Any]:
    """Return each range that is never opened, one within it, and one around it."""
    found = []
    for each in NEVER_OPENED:
        widest = 8 if each.network.version == 4 else 32
        inner = f"{each.network[-1]}/{each.network.max_prefixlen}"
        outer = each.network.supernet(new_prefix=min(each.network.prefixlen, widest))
        found += [(cidr, each) for cidr in (each.cidr, inner, str(outer), inner.upper())]
    return [
        pytest.param(cidr, each, id=cidr) for cidr, each in dict(found).items() if _is_narrow(cidr)
    ]


def _is_narrow(cidr: str) -> bool:
    network = ip_network(cidr)
    return network.prefixlen >= (8 if network.version == 4 else 32)


@pytest.mark.parametrize("cidr", WIDE)
@pytest.mark.parametrize(
    "values",
    [{"egress": []}, {"metrics": {"namespaces": [], "ports": [443]}}, {"issuers": []}],
    ids=["egress", "m", "issuers"],
)
def test_wide_ranges_stay_shut(
    refused: Callable[[dict[str, Any]], str], values: dict[str, Any], cidr: str
) -> None:
    """Nobody opens a good part of all addresses, and is told which range it was."""
    field, values = _with(values, cidr)

    assert f"networkPolicy.{field}: {cidr} is too wide" in refused(values)


@pytest.mark.parametrize(("cidr", "never"), _touching())
def test_what_is_never_opened_stays_shut(
    refused: Callable[[dict[str, Any]], str], cidr: str, never: NeverOpened
) -> None:
    """Nobody opens a range with the host's credentials in it, and is told which one it was."""
    said = refused({"egress": ["198.51.100.0/24", cidr]})

    assert f"networkPolicy.egress: {cidr} touches " in said
    with pytest.raises(ValidationError):
        TypeAdapter(OpenCidr).validate_python(cidr)
    assert ip_network(never.cidr).overlaps(ip_network(cidr))


def _with(values: dict[str, Any], cidr: str) -> tuple[str, dict[str, Any]]:
    if "issuers" in values:
        return "issuers.cidrs", {"issuers": [{"cidrs": [cidr], "port": 8443}]}
    if "metrics" in values:
        return "metrics.cidrs", {"metrics": {**values["metrics"], "cidrs": [cidr]}}
    return "egress", {"egress": ["198.51.100.0/24", cidr]}


@pytest.fixture
def refused(
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    charts: Path,
    minimal: dict[str, Any],
) -> Callable[[dict[str, Any]], str]:
    """Return a function that gives what Helm says to values of networkPolicy."""

    def said(values: dict[str, Any]) -> str:
        minimal["networkPolicy"] = values
        done = run_helm("template", "kunde1", charts / "vcluster-namespace", values=minimal)
        assert done.returncode != 0
        return done.stderr

    return said


def test_the_table_is_complete() -> None:
    """Every address that is known to hand out credentials, or to lead to one, is in the table."""
    for address in [*METADATA_SERVICES, *OTHER_WAYS]:
        found = addresses.conflict(ip_network(address))
        assert found, address
        assert found.source.startswith("https://")


@pytest.mark.parametrize(
    ("dns", "peer", "port", "expected"),
    [
        pytest.param(KUBESPRAY, Peer("169.254.25.10"), 53, True, id="kubespray"),
        pytest.param(KUBESPRAY, Peer("169.254.20.10"), 53, False, id="not the default beside it"),
        pytest.param(KUBESPRAY, Peer("10.1.0.10", "kube-system"), 53, True, id="its CoreDNS"),
        pytest.param(GKE, Peer("169.254.169.254"), 53, True, id="GKE"),
        pytest.param(GKE, Peer("169.254.169.254"), 80, False, id="GKE's metadata"),
        pytest.param(GKE, Peer("169.254.169.254"), 443, False, id="GKE's metadata, TLS"),
        pytest.param(GKE, Peer("169.254.169.254"), 988, False, id="GKE's metadata, other port"),
        pytest.param(OPENSHIFT, Peer("10.1.0.10", "openshift-dns"), 5353, True, id="OpenShift"),
        pytest.param(OPENSHIFT, Peer("10.1.0.10", "kube-system"), 53, False, id="no kube-system"),
        pytest.param(OPENSHIFT, Peer("10.1.0.10", "openshift-dns"), 443, False, id="only DNS"),
    ],
)
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_dns_of_the_host(  # noqa: PLR0913  # a connection has that many ends
    with_values: Render,
    *,
    dns: dict[str, Any],
    peer: Peer,
    port: int,
    protocol: str,
    expected: bool,
) -> None:
    """DNS is open where the host has it, on its ports only."""
    policies = with_values({"dns": dns})

    assert allows(policies, "egress", TENANT, peer, port, protocol=protocol) is expected


@pytest.mark.parametrize(
    ("pod", "port", "expected"),
    [
        pytest.param(CONTROL_PLANE, 16443, True, id="control plane"),
        pytest.param(CONTROL_PLANE, 6443, False, id="what is not the host's"),
        pytest.param(TENANT, 16443, False, id="tenant's pod"),
        pytest.param(IMPOSTOR, 16443, False, id="tenant's pod with its labels"),
    ],
)
def test_other_api_ports(
    with_values: Render, pod: Mapping[str, str], port: int, *, expected: bool
) -> None:
    """Where the host's API server has another port, the control plane reaches that one."""
    policies = with_values({"apiPorts": [16443]})

    assert allows(policies, "egress", pod, Peer("10.0.0.1"), port) is expected


@pytest.mark.parametrize(
    ("pod", "peer", "port", "expected"),
    [
        pytest.param(CONTROL_PLANE, Peer("10.1.0.9", "kube-system"), 10250, True, id="pod"),
        pytest.param(CONTROL_PLANE, Peer("10.1.0.9", "kube-system"), 4443, True, id="older pod"),
        pytest.param(CONTROL_PLANE, Peer("10.0.0.7"), 10250, True, id="address"),
        pytest.param(CONTROL_PLANE, Peer("10.0.0.8"), 10250, False, id="kubelet elsewhere"),
        pytest.param(CONTROL_PLANE, Peer("10.1.0.9", "kunde2"), 10250, False, id="other tenant"),
        pytest.param(TENANT, Peer("10.1.0.9", "kube-system"), 10250, False, id="tenant's pod"),
        pytest.param(IMPOSTOR, Peer("10.0.0.7"), 10250, False, id="tenant's pod, its labels"),
    ],
)
def test_metrics_server(
    with_values: Render,
    pod: Mapping[str, str],
    peer: Peer,
    port: int,
    *,
    expected: bool,
) -> None:
    """A control plane that hands on the host's metrics reaches them, and no kubelet."""
    metrics = {"cidrs": ["10.0.0.7/32"], "namespaces": ["kube-system"], "ports": [4443, 10250]}
    policies = with_values({"metrics": metrics})

    assert allows(policies, "egress", pod, peer, port) is expected


RANCHER_PODS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cattle-system"}},
    "podSelector": {"matchLabels": {"app": "rancher"}},
    "ports": [{"port": 444, "protocol": "TCP"}],
}


@pytest.mark.parametrize(
    ("peer", "port", "protocol", "expected"),
    [
        pytest.param(Peer("10.1.7.7", "cattle-system", {"app": "rancher"}), 444, "TCP", True),
        pytest.param(Peer("10.1.7.7", "cattle-system", {"app": "rancher"}), 80, "TCP", False),
        pytest.param(Peer("10.1.7.7", "cattle-system", {"app": "rancher"}), 444, "UDP", False),
        pytest.param(Peer("10.1.7.8", "cattle-system", {"app": "webhook"}), 444, "TCP", False),
        pytest.param(Peer("10.1.7.9", "kunde2", {"app": "rancher"}), 444, "TCP", False),
        pytest.param(Peer("10.1.7.9"), 444, "TCP", False),
        pytest.param(Peer("10.1.8.8", "databases", {}), 5432, "TCP", True),
        pytest.param(Peer("10.1.8.8", "databases", {}), 5432, "SCTP", False),
    ],
)
def test_pods_of_the_host(
    with_values: Render,
    peer: Peer,
    port: int,
    protocol: str,
    *,
    expected: bool,
) -> None:
    """Services on the host are reached as pods, because no range stands for a pod."""
    databases = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "databases"}},
        "ports": [{"port": 5432, "protocol": "TCP"}],
    }
    policies = with_values({"egressTo": [RANCHER_PODS, databases]})

    assert allows(policies, "egress", TENANT, peer, port, protocol=protocol) is expected


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0/8", "169.253.0.0/16", "169.1.0.0/16", "fd12:3456::/32", "fd00:ec3::/32"]
)
def test_smaller_ranges_are_opened(render: Render, minimal: dict[str, Any], cidr: str) -> None:
    """A private network that a tenant is allowed to use is opened as it is written."""
    minimal["networkPolicy"] = {"egress": [cidr]}

    (policy,) = (o for o in render(minimal) if o["metadata"]["name"] == "platform-egress")

    assert policy["spec"] == {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": cidr}}]}],
    }


def test_empty_lists_make_no_policy(render: Render, minimal: dict[str, Any]) -> None:
    """A list with nothing in it opens nothing: an empty `to` would open everything."""
    names = [o["metadata"]["name"] for o in render(minimal) if o["kind"] == "NetworkPolicy"]

    assert sorted(names) == [
        "api-server",
        "default-deny",
        "dns",
        "host-api",
        "internet",
        "same-namespace",
    ]


def test_no_policies_when_switched_off(render: Render, minimal: dict[str, Any]) -> None:
    """A VCluster without network isolation has no policy, and so nothing that denies."""
    minimal["networkPolicy"] = {"enabled": False, "egress": ["198.51.100.0/24"]}

    assert not [o for o in render(minimal) if o["kind"] == "NetworkPolicy"]


def test_exceptions_are_named_once(policies: list[dict[str, Any]]) -> None:
    """Ranges of the host that are private anyway, or named twice, stand there once."""
    (internet,) = (p for p in policies if p["metadata"]["name"] == "internet")
    (rule,) = internet["spec"]["egress"]

    never = [each.cidr for each in NEVER_OPENED]
    assert [peer["ipBlock"] for peer in rule["to"]] == [
        {
            "cidr": "0.0.0.0/0",
            "except": [
                "10.0.0.0/8",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "100.64.0.0/10",
                "240.0.0.0/4",
                *(cidr for cidr in never if ":" not in cidr),
                "203.0.113.0/24",
            ],
        },
        {
            "cidr": "::/0",
            "except": ["fc00::/7", *(cidr for cidr in never if ":" in cidr), "2001:db8:1::/48"],
        },
    ]


def allows(  # noqa: PLR0913  # a connection has that many ends
    policies: list[dict[str, Any]],
    direction: Direction,
    pod: Mapping[str, str],
    peer: Peer,
    port: int,
    *,
    protocol: str = "TCP",
) -> bool:
    """Tell whether a pod of the namespace may connect to the peer, or the peer to it."""
    specs = [
        policy["spec"]
        for policy in policies
        if direction.capitalize() in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], pod)
    ]
    rules = [rule for spec in specs for rule in spec.get(direction, [])]
    side = "to" if direction == "egress" else "from"
    return not specs or any(
        _has_port(rule, port, protocol)
        and (not rule.get(side) or any(_is_peer(wanted, peer) for wanted in rule[side]))
        for rule in rules
    )


def _has_port(rule: dict[str, Any], port: int, protocol: str) -> bool:
    return not rule.get("ports") or {"protocol": protocol, "port": port} in rule["ports"]


def _is_peer(wanted: dict[str, Any], peer: Peer) -> bool:
    if "ipBlock" in wanted:
        return _within(wanted["ipBlock"], peer.address)
    namespaces = wanted.get(
        "namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": "kunde1"}}
    )
    return (
        bool(peer.namespace)
        and _selects(namespaces, {"kubernetes.io/metadata.name": peer.namespace})
        and _selects(wanted.get("podSelector", {}), peer.labels)
    )


def _within(block: dict[str, Any], address: str) -> bool:
    ip = ip_address(address)
    return ip in ip_network(block["cidr"]) and not any(
        ip in ip_network(outside) for outside in block.get("except", [])
    )


def _selects(selector: dict[str, Any], labels: Mapping[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        _matches(expression, labels) for expression in selector.get("matchExpressions", [])
    )


def _matches(expression: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether labels match; another operator than the chart renders is an error."""
    if expression["operator"] == "In":
        return labels.get(expression["key"]) in expression["values"]
    assert expression["operator"] == "DoesNotExist"
    return expression["key"] not in labels
