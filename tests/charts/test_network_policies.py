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

Direction = Literal["ingress", "egress"]
Render = Callable[[Mapping[str, object]], list[dict[str, Any]]]

MANAGED_BY = {"vcluster.loft.sh/managed-by": "kunde1-vcluster"}
CONTROL_PLANE = {"app": "vcluster", "release": "kunde1-vcluster"}
TENANT = {"app": "web", **MANAGED_BY}
IMPOSTOR = {**CONTROL_PLANE, **MANAGED_BY}

METADATA_SERVICES = ["169.254.169.254", "169.254.170.2", "fd00:ec2::254"]
ANYWHERE = [{"protocol": "TCP", "port": port} for port in (443, 6443, 8443)]


@dataclass(frozen=True)
class Peer:
    """The other end of a connection: an address, and the pod behind it if it is one."""

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
def policies(render: Render, everything: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the policies with ranges of the host, opened ranges and an ingress controller."""
    return [o for o in render(everything) if o["kind"] == "NetworkPolicy"]


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
    """Only the control plane talks to the host's API server."""
    assert allows(policies, "egress", pod, Peer("10.0.0.1"), port) is expected


@pytest.mark.parametrize("address", METADATA_SERVICES)
def test_no_range_holds_a_metadata_service(policies: list[dict[str, Any]], address: str) -> None:
    """No rule for whatever pod opens a range with the cloud's credentials in it."""
    rules = [rule for policy in policies for rule in policy["spec"].get("egress", [])]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule.get("to", []) if "ipBlock" in peer]

    assert [rule["ports"] for rule in rules if "to" not in rule] == [ANYWHERE]
    assert len(blocks) == 6
    assert not any(_within(block, address) for block in blocks)


@pytest.mark.parametrize(
    ("pod", "peer", "port", "expected"),
    [
        pytest.param(CONTROL_PLANE, Peer("192.0.2.200"), 8443, True, id="API from outside"),
        pytest.param(CONTROL_PLANE, Peer("10.1.2.9", "kunde2"), 8443, True, id="API from a pod"),
        pytest.param(CONTROL_PLANE, Peer("192.0.2.200"), 10250, False, id="other port"),
        pytest.param(IMPOSTOR, Peer("192.0.2.200"), 8443, False, id="tenant's pod, its labels"),
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


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        pytest.param(cidr, words, id=cidr)
        for cidr, words in [
            ("0.0.0.0/0", "too wide"),
            ("128.0.0.0/1", "too wide"),
            ("168.0.0.0/7", "too wide"),
            ("169.0.0.0/8", "metadata service"),
            ("169.240.0.0/12", "metadata service"),
            ("169.254.0.0/15", "metadata service"),
            ("169.254.169.254/32", "metadata service"),
            ("::/0", "too wide"),
            ("fd00::/8", "too wide"),
            ("fd00:ec0::/31", "too wide"),
            ("FD00:EC2::254/128", "metadata service"),
            ("fe80::/64", "metadata service"),
        ]
    ],
)
def test_metadata_services_stay_shut(
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    charts: Path,
    minimal: dict[str, Any],
    cidr: str,
    words: str,
) -> None:
    """Nobody opens a range with the host's credentials in it, and is told which one it was."""
    minimal["networkPolicy"] = {"egress": ["198.51.100.0/24", cidr]}

    done = run_helm("template", "kunde1", charts / "vcluster-namespace", values=minimal)

    assert done.returncode != 0
    assert f"networkPolicy.egress: {cidr} " in done.stderr
    assert words in done.stderr


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

    assert [peer["ipBlock"] for peer in rule["to"]] == [
        {
            "cidr": "0.0.0.0/0",
            "except": [
                "10.0.0.0/8",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "100.64.0.0/10",
                "169.254.0.0/16",
                "203.0.113.0/24",
            ],
        },
        {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10", "2001:db8:1::/48"]},
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
    # The only operator that the chart renders; another one has to be taught here first.
    absent = selector.get("matchExpressions", [])
    assert all(expression["operator"] == "DoesNotExist" for expression in absent)
    return selector.get("matchLabels", {}).items() <= labels.items() and not any(
        expression["key"] in labels for expression in absent
    )
