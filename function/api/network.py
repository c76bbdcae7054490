"""Facts of a host's network in the Input: DNS, API server, metrics, destinations, proxies.

The defaults are kubeadm's; docs/hosts.md has the values of other distributions.
"""

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from function.api.fields import (
    DNS_NAME,
    Cidr,
    Form,
    Int,
    Key,
    LabelKey,
    Labels,
    LabelValue,
    Model,
    OpenCidr,
    Url,
)
from function.k8s import addresses

Port = Annotated[Int, Field(ge=1, le=65535)]

DNS_PORTS = (53, 853, 5353)
"""Ports for DNS that may be open at addresses that are otherwise never opened."""


LARGEST = 256
"""Most addresses of a network of DNS servers."""


class HostDns(Model):
    """The host's DNS servers."""

    cidrs: list[Cidr] = Field(
        ["169.254.20.10/32"],
        max_length=20,
        description="Addresses of DNS servers outside pods, such as those of NodeLocal DNS.",
    )
    namespaces: list[Key] = Field(
        ["kube-system"], max_length=10, description="Namespaces of the pods that answer DNS."
    )
    ports: list[Port] = Field(
        [53],
        min_length=1,
        max_length=10,
        description="Ports of both, UDP and TCP: those of the pods, where a Service has others.",
    )

    @model_validator(mode="after")
    def _somewhere(self) -> "HostDns":
        if not self.cidrs and not self.namespaces:
            msg = "must name cidrs or namespaces: nothing works without DNS"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _nothing_but_dns(self) -> "HostDns":
        for cidr in self.cidrs:
            network = ipaddress.ip_network(cidr)
            conflict = addresses.conflict(network)
            if network.num_addresses > 1 and (conflict or network.num_addresses > LARGEST):
                msg = (
                    f"cidrs must be single addresses, or networks of at most {LARGEST} outside "
                    "those that are never opened"
                )
                raise ValueError(msg)
            if conflict and not {*self.ports} <= {*DNS_PORTS}:
                ports = ", ".join(map(str, DNS_PORTS))
                msg = (
                    f"ports must be of {ports} with an address in {conflict.cidr} "
                    f"({conflict.purpose})"
                )
                raise ValueError(msg)
        return self


class HostMetrics(Model):
    """The host's metrics server."""

    cidrs: list[OpenCidr] = Field(
        [], max_length=20, description="Its addresses if it is no pod, or uses those of its node."
    )
    namespaces: list[Key] = Field(
        ["kube-system"], max_length=10, description="Namespaces of its pods."
    )
    ports: list[Port] = Field(
        [4443, 10250],
        min_length=1,
        max_length=10,
        description="Ports of its pods, TCP.",
    )


_IPV6 = "[0-9a-f:.]*:[0-9a-f:.]*"


def _node_address(value: str) -> str:
    is_numeric = ":" in value or value.rpartition(".")[2].isdecimal()
    try:
        valid = bool(ipaddress.ip_address(value)) if is_numeric else re.fullmatch(DNS_NAME, value)
    except ValueError:
        valid = False
    if not valid or not re.fullmatch(f"{DNS_NAME}|{_IPV6}", value):
        msg = (
            "must be a name in DNS or an IP address, in lower case, such as nodes.example.org, "
            "without scheme and port"
        )
        raise ValueError(msg)
    return value


class HostNodePorts(Model):
    """The ports of a host's nodes by which virtual clusters are reached."""

    address: Annotated[
        str,
        Field(max_length=253, json_schema_extra={"pattern": f"^({DNS_NAME}|{_IPV6})$"}),
        AfterValidator(_node_address),
    ] = Field(
        description="Name in DNS or IP address that leads to the nodes, or to a load balancer in "
        "front of them that forwards TCP. Another one restarts the control planes that are reached "
        "by it."
    )
    from_: Port = Field(
        alias="from",
        description="First port that a spec may name, within the host's `--service-node-port-range`"
        ".",
    )
    to: Port = Field(description="Last port that a spec may name.")

    @model_validator(mode="after")
    def _ascending(self) -> "HostNodePorts":
        if self.from_ > self.to:
            msg = "from must not be above to"
            raise ValueError(msg)
        return self

    def overlaps(self, other: "HostNodePorts") -> bool:
        """Return whether an address and port may belong to both."""
        is_same = self.address == other.address
        return is_same and self.from_ <= other.to and other.from_ <= self.to


class LabelExpression(Model):
    """A condition on a label."""

    key: LabelKey = Field(description="Key of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="Relation of the label's value to the values."
    )
    values: list[LabelValue] = Field(
        [], max_length=50, description="Values, for In and NotIn only."
    )

    @model_validator(mode="after")
    def _values_where_due(self) -> "LabelExpression":
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            msg = "values are for the operators In and NotIn, which need them"
            raise ValueError(msg)
        return self


class LabelSelector(Model):
    """Objects by their labels."""

    matchLabels: Labels = Field({}, description="Labels that must be there.")
    matchExpressions: list[LabelExpression] = Field(
        [], max_length=20, description="Conditions that must hold."
    )


def _some(selector: LabelSelector) -> LabelSelector:
    if not selector.matchLabels and not selector.matchExpressions:
        msg = "must not select every namespace: other tenants' are among them"
        raise ValueError(msg)
    return selector


class PodPort(Model):
    """A port of a pod."""

    port: Port = Field(description="Number, of the pod and not of a Service.")
    protocol: Literal["TCP", "UDP", "SCTP"] = Field("TCP", description="Protocol.")


class PodDestination(Model):
    """Pods on the host that tenants' pods may reach; no address range stands for a pod."""

    namespaceSelector: Annotated[LabelSelector, AfterValidator(_some)] = Field(
        description="Their namespaces."
    )
    podSelector: LabelSelector = Field(
        LabelSelector(), description="The pods in them; all when left out."
    )
    ports: list[PodPort] = Field(min_length=1, max_length=20, description="Their ports.")


PodDestinations = Annotated[list[PodDestination], Field(max_length=20)]


class Proxy(Model):
    """The proxy between the host and Rancher."""

    https: Url | None = Field(
        None, description="Proxy for https, `http://proxy.example.org:3128`, without credentials."
    )
    http: Url | None = Field(None, description="Proxy for http, without credentials.")
    noProxy: list[
        Annotated[
            str,
            Field(pattern=r"^[0-9A-Za-z.:/*_-]+$", max_length=253),
            Form("a name, a domain or a range, such as .example.org or 10.0.0.0/8", ".example.org"),
        ]
    ] = Field(
        [],
        max_length=50,
        description="Names, domains (`.example.org`) and ranges to reach without it, beside those "
        "of the host and of the virtual cluster.",
    )

    @model_validator(mode="after")
    def _one_at_least(self) -> "Proxy":
        if self.https is None and self.http is None:
            msg = "must name https or http"
            raise ValueError(msg)
        return self
