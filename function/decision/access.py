"""Resolve the login of a spec with the Input: issuers, their people, readers of the certificate."""

from collections.abc import Iterator
from dataclasses import dataclass

from function.api.access import Access, AccessLimits, AccessPlatform, Certificate, Issuer
from function.api.access import OidcAccess as People
from function.api.errors import InvalidError, Problem, Refusal
from function.api.names import Names
from function.observed import access as observed_access
from function.observed.state import ObservedRelease

ADMIN, VIEWER = "cluster-admin", "view"
"""ClusterRoles of admins and viewers."""

_NO_LIMITS = AccessLimits()

ROTATED = "a rotation cannot be taken back"


@dataclass(frozen=True)
class Grant:
    """A ClusterRole of a user or group inside."""

    kind: str
    """User or Group."""
    name: str
    """Name inside, with the issuer's prefix."""
    cluster_role: str
    namespace: str = ""
    """Namespace inside; empty for all."""


@dataclass(frozen=True)
class ResolvedIssuer:
    """An issuer, and its people who come in."""

    name: str
    issuer: Issuer
    audience: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class ResolvedAccess:
    """The login to a virtual cluster."""

    issuers: tuple[ResolvedIssuer, ...]
    rotate: int
    """Number of the last rotation that was requested; 0 for none."""

    @property
    def grants(self) -> tuple[Grant, ...]:
        """Rights of all issuers' people, each once."""
        return tuple(dict.fromkeys(grant for each in self.issuers for grant in each.grants))


def resolve(
    spec: Access | None,
    config: AccessPlatform | None,
    names: Names,
    uid: str,
    observed: ObservedRelease | None = None,
) -> ResolvedAccess | None:
    """Return the login that a spec requests, or None.

    `observed` is the Release of the login. Raise `InvalidError` for issuers that the platform does
    not have: one that it removed is closed, while the other people still come in.
    """
    if spec is None:
        return None
    if config is None:
        raise _no_platform(has_access=observed is not None)
    problems = tuple(_unknown(spec, config))
    if problems:
        raise InvalidError(*problems)
    return ResolvedAccess(
        issuers=tuple(_issuer(each, config, names, uid) for each in spec.oidc),
        rotate=max(spec.rotate or 0, observed_access.rotation(observed)),
    )


def certificate(spec: Access | None, config: AccessPlatform | None) -> Certificate:
    """Return the readers of the kubeconfig with a certificate.

    A spec that names people of an issuer, now or once, gives it to none of the readers by default.
    """
    limits = config.tenant if config else _NO_LIMITS
    if spec and spec.certificate:
        return spec.certificate
    default: Certificate = "Platform" if spec and "oidc" in spec.model_fields_set else "Readers"
    return default if default in limits.certificate else limits.certificate[0]


def refusals(spec: Access | None, observed: ObservedRelease | None) -> tuple[Refusal, ...]:
    """Return the refusal of an earlier rotation."""
    current = observed_access.rotation(observed)
    if spec is None or spec.rotate is None or spec.rotate >= current:
        return ()
    remedy = f"Write {current}, or a higher number for another rotation."
    return (Refusal("spec.access.rotate", str(current), str(spec.rotate), ROTATED, remedy),)


def _issuer(people: People, config: AccessPlatform, names: Names, uid: str) -> ResolvedIssuer:
    issuer = config.issuers[people.issuer]
    audience = issuer.audience.replace("{namespace}", names.namespace).replace("{uid}", uid)
    grants = (
        *(_grant(subject, issuer, ADMIN) for subject in people.admins),
        *(_grant(subject, issuer, VIEWER) for subject in people.viewers),
        *(
            _grant(each.subject, issuer, each.clusterRole, each.namespace or "")
            for each in people.bindings
        ),
    )
    return ResolvedIssuer(people.issuer, issuer, audience, tuple(dict.fromkeys(grants)))


def _grant(subject: str, issuer: Issuer, cluster_role: str, namespace: str = "") -> Grant:
    kind, _, name = subject.partition(":")
    return Grant(
        "Group" if kind == "group" else "User", issuer.prefix + name, cluster_role, namespace
    )


def _unknown(spec: Access, config: AccessPlatform) -> Iterator[Problem]:
    """Yield the problems of issuers that the platform does not have, or that are named twice."""
    names = [each.issuer for each in spec.oidc]
    known = ", ".join(config.tenant.issuers or sorted(config.issuers)) or "none"
    for index, name in enumerate(names):
        field = f"spec.access.oidc[{index}].issuer"
        if name not in config.issuers:
            yield Problem(field, "is not an issuer of the platform", f"Known: {known}.")
        elif name in names[:index]:
            remedy = "Put its people into one entry."
            yield Problem(field, "is named before: an issuer has one entry", remedy)


def _no_platform(*, has_access: bool) -> InvalidError:
    if has_access:
        problem = Problem(
            "input.access",
            "is missing while this VCluster has spec.access",
            "Put it back, without issuers to close them, or remove spec.access.",
        )
        return InvalidError(problem, reason="InvalidInput")
    rule = "needs issuers of the platform, and this one has none"
    return InvalidError(Problem("spec.access", rule, "Leave it out."))
