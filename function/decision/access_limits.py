"""Limits of login: the right to it, issuers, ClusterRoles and readers of the certificate."""

from collections.abc import Iterator

from function.api import xr
from function.api.access import AccessLimits, AccessPlatform, OidcAccess
from function.api.errors import Problem
from function.decision import authentication
from function.decision.resolve import ResolvedSpec


def problems(
    spec: xr.Spec, requested: ResolvedSpec, config: AccessPlatform | None
) -> Iterator[Problem]:
    """Yield the problems of a login beyond the limits."""
    access = spec.access
    if access is None or config is None:
        return
    limits = config.tenant
    if access.certificate and access.certificate not in limits.certificate:
        yield Problem(
            "spec.access.certificate",
            "is not a value that the platform allows",
            f"Choose one of: {', '.join(limits.certificate)}.",
        )
    for index, people in enumerate(access.oidc):
        yield from _people(f"spec.access.oidc[{index}]", people, requested, limits)


def _people(
    field: str, people: OidcAccess, requested: ResolvedSpec, limits: AccessLimits
) -> Iterator[Problem]:
    """Yield the problems of the people of an issuer.

    Each is that of an entry, so that the list stays, and with it the default of `certificate`.
    """
    rule, remedy = _obstacle(requested, limits)
    if rule:
        yield Problem(field, rule, remedy)
        return
    if limits.issuers and people.issuer not in limits.issuers:
        yield Problem(
            f"{field}.issuer",
            "is not an issuer that the platform allows",
            f"Choose one of: {', '.join(limits.issuers)}.",
        )
    for index, binding in enumerate(people.bindings):
        if binding.clusterRole not in limits.clusterRoles:
            yield Problem(
                f"{field}.bindings[{index}].clusterRole",
                "is not a ClusterRole that the platform allows",
                f"Choose one of: {', '.join(limits.clusterRoles) or 'none'}.",
            )


def _obstacle(requested: ResolvedSpec, limits: AccessLimits) -> tuple[str, str]:
    """Return the rule that no people can come in by, and its remedy; empty if they can."""
    if limits.oidc == "Refused":
        return (
            "cannot be set on this platform",
            "Leave it out, or ask the platform team to set access.tenant.oidc to Allowed.",
        )
    if requested.frozen is not None:
        return (
            "cannot be set while the virtual cluster keeps the values of its installation",
            "Leave it out until the platform team removes them: docs/migration.md.",
        )
    if not authentication.is_possible(requested.kubernetes):
        oldest = ".".join(map(str, authentication.OLDEST_KUBERNETES))
        return (
            f"needs Kubernetes {oldest} or newer",
            "Choose another spec.kubernetesVersion, or leave it out.",
        )
    return "", ""
