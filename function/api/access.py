"""Login: what a `VCluster` requests, and the issuers and limits of the Input."""

import re
import ssl
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from function.api.fields import Form, Int, Key, Model, OpenCidr, Url, has_host, https_port

PLACEHOLDERS = ("{namespace}", "{uid}")
"""Placeholders in an issuer's audience, for namespace on the host and UID of the VCluster."""

MOST_ISSUERS = 5
MOST_SUBJECTS = 250
MOST_BYTES = 90_000
"""Bounds of all bindings of a VCluster: they are an environment variable of the Job, as JSON."""

_ENTRY_BYTES = 160
"""Bytes of an entry beside the name of its subject, at most nearly so."""

_HTML = re.compile(r'[<>&"\\]')
"""Characters that take up to six bytes in Helm's JSON."""

Certificate = Literal["Platform", "Readers"]

Subject = Annotated[
    str,
    Field(pattern=r"^(group|user):[^\x00-\x1f\x7f]+$", max_length=229),
    Form(
        "group: or user:, then the name as the issuer writes it, such as group:kunde1-admins",
        "group:kunde1-admins",
    ),
]
"""A group or user by the name in the issuer's token, without the issuer's prefix."""

ClusterRole = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$", max_length=253),
    Form("the name of a ClusterRole such as edit", "edit"),
]


class Binding(Model):
    """A ClusterRole of a group or user inside."""

    subject: Subject = Field(description="`group:<name>` or `user:<name>`.")
    clusterRole: ClusterRole = Field(description="ClusterRole, one that the platform allows.")
    namespace: Key | None = Field(
        None, description="Namespace inside that it counts in; all when left out."
    )


class OidcAccess(Model):
    """The people of one issuer."""

    issuer: Key = Field(description="Issuer of the platform, each once.")
    admins: list[Subject] = Field(
        [],
        max_length=100,
        description="`group:<name>` or `user:<name>`, with ClusterRole cluster-admin.",
    )
    viewers: list[Subject] = Field(
        [], max_length=100, description="`group:<name>` or `user:<name>`, with ClusterRole view."
    )
    bindings: list[Binding] = Field(
        [], max_length=100, description="Groups and users with other ClusterRoles."
    )

    @property
    def subjects(self) -> Iterator[str]:
        """Subjects of all lists, in their order."""
        yield from (*self.admins, *self.viewers, *(each.subject for each in self.bindings))


class Access(Model):
    """Login to the virtual cluster."""

    oidc: list[OidcAccess] = Field(
        [],
        max_length=MOST_ISSUERS,
        description="People by the issuer that they log in with. No others of an issuer come in.",
    )
    certificate: Certificate | None = Field(
        None,
        description="Readers of the kubeconfig with the certificate of an administrator: "
        "`Platform`, the default with `oidc`: none of `kubeconfigReaders`, who get one without a "
        "secret. `Readers`: they do; beside `oidc` it is deprecated.",
    )
    rotate: Int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="A number that only grows. Each new one makes CA and certificates anew, and "
        "ends all earlier kubeconfigs.",
    )

    @model_validator(mode="after")
    def _bounded(self) -> "Access":
        subjects = [subject for each in self.oidc for subject in each.subjects]
        if len(subjects) > MOST_SUBJECTS:
            msg = f"oidc must have at most {MOST_SUBJECTS} subjects together"
            raise ValueError(msg)
        sizes = (len(each.encode()) + 5 * len(_HTML.findall(each)) for each in subjects)
        if sum(sizes) + _ENTRY_BYTES * len(subjects) > MOST_BYTES:
            msg = f"oidc must have less than {MOST_BYTES // 1000} kB of names"
            raise ValueError(msg)
        return self


def _certificates(pem: str) -> str:
    if pem and "PRIVATE KEY" in pem:
        msg = "must have certificates only, and no key"
        raise ValueError(msg)
    try:
        ssl.create_default_context(cadata=pem)
    except (ValueError, ssl.SSLError):
        msg = "must be certificates in PEM, of the CA that the issuer's certificate is of"
        raise ValueError(msg) from None
    return pem


def _issuer_url(url: str) -> str:
    """Refuse a URL that the API server refuses as an issuer, or that is its own."""
    if not has_host(url) or not url.startswith("https://") or not re.fullmatch("[!-~]+", url):
        msg = "must be https://, a name or address, and maybe a port and a path"
        raise ValueError(msg)
    if (urlsplit(url).hostname or "").startswith("kubernetes.default"):
        msg = "must not be that of the API server's own tokens"
        raise ValueError(msg)
    return url


def _audience(text: str) -> str:
    rest = re.sub("|".join(map(re.escape, PLACEHOLDERS)), "", text)
    if rest == text or re.search("[{}]", rest):
        msg = (
            f"must have {' or '.join(PLACEHOLDERS)} in it, and no other placeholder: with one "
            "audience for several virtual clusters, a token for one would count in all"
        )
        raise ValueError(msg)
    return text


RESERVED_PREFIXES = ("system", "break-glass:")


def _prefix(text: str) -> str:
    if text.startswith(RESERVED_PREFIXES):
        msg = f"must not begin with {' or '.join(RESERVED_PREFIXES)}, which others have"
        raise ValueError(msg)
    return text


Claim = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][-A-Za-z0-9_.:/]*$", max_length=200),
    Form("the name of a claim such as email", "email"),
]


class Endpoint(NamedTuple):
    """Addresses and port of an issuer, as seen from the host."""

    cidrs: tuple[str, ...]
    port: int


class Issuer(Model):
    """An issuer of OpenID Connect."""

    url: Annotated[Url, AfterValidator(_issuer_url)] = Field(
        description="Its URL, as `iss` of its tokens has it."
    )
    certificateAuthority: (
        Annotated[str, Field(max_length=16_384), AfterValidator(_certificates)] | None
    ) = Field(
        None,
        description="Private CA of the issuer, certificates in PEM; the trust store of the API "
        "server's image when left out.",
    )
    usernameClaim: Claim = Field(
        "email",
        description="Claim with the name of the user. An `email` must not be unverified.",
    )
    groupsClaim: Claim = Field("groups", description="Claim with the names of the groups.")
    prefix: Annotated[
        str,
        Field(pattern=r"^[a-z0-9]([-._a-z0-9]*[a-z0-9])?:$", max_length=32),
        Form("lower case letters, digits, dashes and dots, then a colon, such as corp:", "corp:"),
        AfterValidator(_prefix),
    ] = Field(description="Begin of the names of its users and groups inside, with `:` at its end.")
    audience: Annotated[
        str,
        Field(pattern=r"^[-._:/A-Za-z0-9{}]+$", max_length=200),
        Form(
            "letters, digits, dots, dashes, colons and slashes, with {namespace} or {uid}",
            "vcluster-{namespace}",
        ),
        AfterValidator(_audience),
    ] = Field(
        "vcluster-{namespace}",
        description="Audience of the tokens for a virtual cluster, and the id of the client that "
        "the issuer gives them to. `{namespace}` stands for its namespace on the host, `{uid}` for "
        "the UID of its VCluster.",
    )
    scopes: list[
        Annotated[
            str,
            Field(pattern=r"^[-._:/A-Za-z0-9]+$", max_length=100),
            Form("a scope such as groups", "groups"),
        ]
    ] = Field(
        ["email", "groups"],
        max_length=20,
        description="Scopes that the login requests, beside openid.",
    )
    egress: list[OpenCidr] = Field(
        [],
        max_length=20,
        description="Its addresses, as seen from the host, opened for control planes; all on its "
        "port when left out.",
    )

    @property
    def endpoint(self) -> Endpoint:
        """Addresses and port that control planes reach it at."""
        return Endpoint(tuple(self.egress), https_port(self.url))


class AccessLimits(Model):
    """Limits of `spec.access`."""

    oidc: Literal["Refused", "Allowed"] = Field(
        "Refused", description="`Allowed`: a spec may set `spec.access.oidc`."
    )
    issuers: list[Key] = Field(
        [], max_length=50, description="Issuers that a spec may name. Empty: all."
    )
    clusterRoles: list[ClusterRole] = Field(
        ["edit", "view", "admin"],
        max_length=50,
        description="ClusterRoles that `bindings` may name.",
    )
    certificate: list[Certificate] = Field(
        ["Platform", "Readers"],
        min_length=1,
        max_length=2,
        description="Values of `certificate`. Without `Readers`, no one but the platform gets a "
        "certificate of any virtual cluster.",
    )


class AccessPlatform(Model):
    """Login to the platform's virtual clusters."""

    issuers: dict[Key, Issuer] = Field(
        {},
        max_length=50,
        description="Issuers by the name that a spec gives them. One that is removed is closed in "
        "all virtual clusters.",
    )
    tenant: AccessLimits = Field(AccessLimits(), description="Limits of `spec.access`.")

    @model_validator(mode="after")
    def _issuers_are_apart(self) -> "AccessPlatform":
        for field in ("url", "prefix"):
            values = [getattr(each, field).rstrip("/") for each in self.issuers.values()]
            if len({*values}) != len(values):
                msg = f"issuers must each have a {field} of their own"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _issuers_exist(self) -> "AccessPlatform":
        if not {*self.tenant.issuers} <= self.issuers.keys():
            msg = "every entry of tenant.issuers must be one of issuers"
            raise ValueError(msg)
        return self
