"""Field types that the `VCluster` and the `Input` share.

The generated CRDs contain the patterns, so that the API server enforces them too.
"""

import datetime as dt
import functools
import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)

from function.k8s import addresses, quantity

Bool = StrictBool
Int = StrictInt

Values = dict[str, object]
"""Free-form Helm values."""


class Model(BaseModel):
    """A frozen model that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Return the model itself: it is frozen, and pydantic copies every default."""
        return self


@dataclass(frozen=True)
class Form:
    """The form of a text, for error messages."""

    words: str
    """The end of a sentence that begins with `must be`."""
    example: str


def _as_text(value: object) -> object:
    """Accept `cpu: 10` for `cpu: "10"`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        msg = "must be a network in CIDR notation without host bits, like 198.51.100.0/24"
        raise ValueError(msg) from None
    if network.prefixlen == 0:
        msg = "must not be everything"
        raise ValueError(msg)
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        msg = "must be written as IPv4"
        raise ValueError(msg)
    return value


@functools.lru_cache(maxsize=1024)
def _openable(value: str) -> str:
    """Refuse a network that is too wide, or overlaps one that is never opened."""
    network = ipaddress.ip_network(_network(value))
    widest = 8 if network.version == 4 else 32  # noqa: PLR2004  # IPv4
    if network.prefixlen < widest:
        msg = "must be no wider than /8 (IPv6: /32)"
        raise ValueError(msg)
    conflict = addresses.conflict(network)
    if conflict:
        msg = f"must not touch {conflict.cidr} ({conflict.purpose}), which is never opened"
        raise ValueError(msg)
    return value


Quantity = Annotated[
    str,
    Field(pattern=quantity.PATTERN, max_length=20, json_schema_extra={"quantity": True}),
    BeforeValidator(_as_text),
    Form("an amount such as 500m, 1.5 or 10Gi, without exponent", "1.5"),
]
"""A Kubernetes quantity above or equal to 0, always text: `500m`, `10Gi`, `"10"`."""

Size = Annotated[
    str,
    Field(pattern=quantity.PATTERN, max_length=20),
    Form("a size such as 500Mi or 10Gi, without exponent", "10Gi"),
]
"""The size of a volume, `10Gi`: never a bare number."""

Key = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63),
    Form("a name such as small: lower case letters, digits and dashes", "small"),
]
"""The name of a plan, host, pool or project in the Input."""

ObjectName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253),
    Form("a name such as fast-ssd: lower case letters, digits, dashes and dots", "fast-ssd"),
]
"""The name of a Kubernetes object (a DNS subdomain)."""

_DNS_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
DNS_NAME = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
"""A name in DNS, in lower case: labels of up to 63 characters."""

DnsName = Annotated[
    str,
    Field(pattern=f"^({DNS_NAME})?$"),
    Form("a name in DNS, in lower case, such as api.example.org", "api.example.org"),
]
"""A name in DNS; empty for none."""

_CidrText = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", max_length=43),
    Form("a network such as 198.51.100.0/24", "198.51.100.0/24"),
]

Cidr = Annotated[_CidrText, AfterValidator(_network)]
"""A network."""

OpenCidr = Annotated[_CidrText, AfterValidator(_openable)]
"""A network that is opened for pods."""

LabelKey = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$",
        max_length=317,
    ),
    Form("a key such as team or example.org/team", "example.org/team"),
]
LabelValue = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$", max_length=63),
    Form("the value of a label: letters, digits, dashes, dots and underscores", "true"),
]
Labels = dict[LabelKey, LabelValue]
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""

KubernetesMinor = Annotated[
    str,
    Field(pattern=r"^1\.[0-9]{1,3}$", max_length=5),
    Form("a minor version like 1.35, without v", "1.35"),
]
KubernetesVersion = Annotated[
    str,
    Field(pattern=r"^1\.[0-9]{1,3}\.[0-9]{1,3}$", max_length=9),
    Form("a version like 1.35.0, without v", "1.35.0"),
]
KubernetesVersionOrMinor = Annotated[
    str,
    Field(pattern=r"^1\.[0-9]{1,3}(\.[0-9]{1,3})?$", max_length=9),
    Form("a version like 1.35 or 1.35.0, without v", "1.35"),
]
ChartVersion = Annotated[
    str,
    Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$", max_length=63),
    Form("a version like 0.36.1, without v", "0.36.1"),
]
"""A chart's version exactly as in its Chart.yaml: provider-helm compares the text, so no `v`."""

_AUTHORITY = r"[^\s/?#@\\]+"
_PATH = r"(/[^\s?#@\\]*)?"


def _plain_url(value: str, schemes: tuple[str, ...], path: str) -> str:
    """Refuse parts of a URL that may be secret: Releases, conditions and logs contain it."""
    if not re.fullmatch(f"({'|'.join(schemes)})://{_AUTHORITY}{path}", value):
        begin = " or ".join(f"{scheme}://" for scheme in schemes)
        form = "host[:port][/path] without" if path == _PATH else "host[:port] without path,"
        msg = f"must be {begin}, then {form} user, password, ? and #"
        raise ValueError(msg)
    return value


def _url(*schemes: str, path: str = _PATH) -> tuple[object, object]:
    pattern = f"^({'|'.join(schemes)})://{_AUTHORITY}{path}$"
    check = AfterValidator(functools.partial(_plain_url, schemes=schemes, path=path))
    return Field(max_length=500, json_schema_extra={"pattern": pattern}), check


HTTPS = 443

Url = Annotated[str, *_url("http", "https")]
HttpsServer = Annotated[str, *_url("https", path="/?")]
"""A server without a path below which it is served; Rancher has none."""


def has_host(url: str) -> bool:
    """Return whether a URL names a host, and no port that cannot exist."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def https_port(url: str) -> int:
    """Return the port of a URL with https."""
    return urlsplit(url).port or HTTPS


def _repository(url: str) -> str:
    if url.startswith("oci://") and url.endswith("/"):
        msg = "must not end with /: the chart's name comes after it"
        raise ValueError(msg)
    return url


ChartRepository = Annotated[str, *_url("http", "https", "oci"), AfterValidator(_repository)]
Digest = Annotated[
    str,
    Field(pattern=r"^sha256:[0-9a-f]{64}$"),
    Form("sha256: and 64 hexadecimal digits in lower case", "sha256:..."),
]
_TAG = "[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}"
_IMAGE = f"^[a-z0-9]+([._:/-]+[a-z0-9]+)*(:{_TAG}|(:{_TAG})?@sha256:[0-9a-f]{{64}})$"


def _image(value: str) -> str:
    if not re.fullmatch(_IMAGE, value):
        msg = "must be host[:port]/path:tag, or with @sha256:<digest>, without user and password"
        raise ValueError(msg)
    return value


ImageReference = Annotated[
    str, Field(max_length=500, json_schema_extra={"pattern": _IMAGE}), AfterValidator(_image)
]
"""An image with a tag or a digest, as the charts take it."""
Duration = Annotated[
    str, Field(pattern=r"^[1-9][0-9]{0,4}(s|m|h)$"), Form("a time such as 90s, 15m or 1h", "15m")
]


def duration_seconds(value: str) -> int:
    """Return a Duration in seconds."""
    return int(value[:-1]) * {"s": 1, "m": 60, "h": 3600}[value[-1]]


def between_seconds(least: int, most: int) -> AfterValidator:
    """Return the check of a Duration's bounds."""

    def check(value: str) -> str:
        if not least <= duration_seconds(value) <= most:
            msg = f"must be between {least} and {most} seconds"
            raise ValueError(msg)
        return value

    return AfterValidator(check)


def _instant(value: str) -> str:
    """Refuse a day that is not in the calendar, such as 29 February of most years."""
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        msg = "must be a time that exists"
        raise ValueError(msg) from None
    return value


INSTANT = re.compile(
    r"^2[01][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
)

Instant = Annotated[
    str,
    Field(
        pattern=INSTANT.pattern,
        max_length=25,
        json_schema_extra={"format": "date-time"},
    ),
    Form("a time with its zone such as 2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
    AfterValidator(_instant),
]
"""A time with its zone, to the second: https://www.rfc-editor.org/rfc/rfc3339."""

Uid = Annotated[
    str,
    Field(pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$", max_length=36),
    Form(
        "a UID, metadata.uid of the earlier VCluster",
        "12345678-1234-1234-1234-123456789abc",
    ),
]
"""The UID of an object, or nothing."""

TimeZone = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$", max_length=64),
    Form("a time zone of the IANA database such as Europe/Berlin", "Europe/Berlin"),
]
"""The API server checks the name."""

Availability = Literal["Single", "HA"]
OnDelete = Literal["Delete", "Retain"]
UpgradePolicy = Literal["Automatic", "Manual"]
Power = Literal["Running", "Sleeping"]
PodSecurity = Literal["baseline", "restricted"]
ExposeType = Literal["ClusterIP", "LoadBalancer", "NodePort", "Ingress", "Gateway"]
SyncKind = Literal[
    "ingresses",
    "networkPolicies",
    "podDisruptionBudgets",
    "serviceAccounts",
    "storageClasses",
    "ingressClasses",
]


class Storage(Model):
    """The volume of the control plane, or of each etcd member."""

    size: Size | None = Field(None, description="Size of the volume.")
    storageClassName: ObjectName | None = Field(
        None, description="StorageClass on the host. The host's default when left out."
    )


class SecretKey(Model):
    """A key of a Secret in the platform namespace of the host."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: Annotated[
        str,
        Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253),
        Form("a key such as token: letters, digits, dashes, dots and underscores", "token"),
    ] = Field(description="Key in the Secret.")


class HostSelector(Model):
    """Hosts by their labels in the Input."""

    matchLabels: Labels = Field({}, max_length=50, description="Labels that the host must have.")


_RESOURCE = "[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
QuotaName = Annotated[
    str,
    Field(
        pattern=rf"^(requests\.({_RESOURCE}/[-._A-Za-z0-9]+|hugepages-[0-9]+[KMG]i)"
        rf"|{_RESOURCE}\.storageclass\.storage\.k8s\.io/(requests\.storage|persistentvolumeclaims)"
        rf"|{_RESOURCE}\.deviceclass\.resource\.k8s\.io/devices"
        r"|count/(configmaps|secrets|serviceaccounts|poddisruptionbudgets\.policy"
        r"|[a-z0-9]+(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?){2,}))$",
        max_length=317,
    ),
    Form(
        "a resource of a quota such as requests.nvidia.com/gpu or count/configmaps",
        "requests.nvidia.com/gpu",
    ),
]
"""A resource of a ResourceQuota for which `Quota` has no field of its own.

https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""


class Quota(Model):
    """Quota of the tenant; the platform's own pods are added on top."""

    cpu: Quantity | None = Field(None, description="CPU cores, for requests and limits alike.")
    memory: Quantity | None = Field(None, description="Memory, for requests and limits alike.")
    storage: Quantity | None = Field(None, description="Sum of the sizes of all volume claims.")
    pods: Int | None = Field(None, ge=0, le=100_000, description="Number of pods.")
    services: Int | None = Field(None, ge=0, le=100_000, description="Number of Services.")
    loadBalancers: Int | None = Field(
        None, ge=0, le=1000, description="Number of Services of type LoadBalancer."
    )
    nodePorts: Int | None = Field(
        None,
        ge=0,
        le=32_768,
        description="Number of node ports of Services, beside four for each of `loadBalancers`; "
        "none beside those where `loadBalancers` is set and this is not.",
    )
    volumeClaims: Int | None = Field(None, ge=0, le=100_000, description="Number of volume claims.")
    ephemeralStorage: Quantity | None = Field(
        None, description="Storage of containers on their node, for requests and limits alike."
    )
    other: dict[QuotaName, Quantity] = Field(
        {},
        max_length=20,
        description="Further resources, by their names in a ResourceQuota: "
        "`requests.nvidia.com/gpu`, `<class>.storageclass.storage.k8s.io/requests.storage`, "
        "`count/ingresses.networking.k8s.io`. A spec may name those that its plan or "
        "`tenant.quota` names.",
    )

    def under(self, other: "Quota") -> "Quota":
        """Return this quota with the values of another one over its own."""
        overrides = other.model_dump(exclude_none=True)
        return self.model_copy(update={**overrides, "other": {**self.other, **other.other}})


Principal = Annotated[
    str,
    Field(pattern="^[^:]+://.+$", max_length=253),
    Form("a principal such as github_team://123", "github_team://123"),
]
"""A principal of Rancher's login, such as a group."""


class Owner(Model):
    """A user or group with a role on the cluster in Rancher."""

    user: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        description="Principal of a user (`keycloakoidc_user://<id>`) or the id of a Rancher user.",
    )
    group: Principal | None = Field(
        None,
        description="Principal of a group (`keycloakoidc_group://<name>`).",
    )
    role: str = Field(
        "cluster-owner",
        min_length=1,
        max_length=63,
        description="Rancher role, one of the Input's `rancher.ownerRoles`.",
    )

    @model_validator(mode="after")
    def _one_subject(self) -> "Owner":
        if (self.user is None) == (self.group is None):
            msg = "name either user or group"
            raise ValueError(msg)
        return self
