"""Rules of scope Namespaced, in which tenants write VClusters.

Their namespaces are on the control plane, so the platform keeps nothing secret in them, and no spec
may name an object of another tenant.
"""

import re
from collections.abc import Iterator

from function.api.errors import InvalidError, Problem
from function.api.input import PLACEHOLDER, Input, RancherPlatform
from function.api.names import DERIVED, Names
from function.k8s import regex

RESERVED_CLUSTER_NAME = re.compile(r"local|c-[a-z0-9]{5}")
"""Names that Rancher's webhook refuses."""


def refuse_chart_secrets(config: Input) -> None:
    """Raise `InvalidError` for credentials that every tenant's namespace would need.

    A Release finds the Secret of its chart's repository in its own namespace only:
    https://github.com/crossplane-contrib/provider-helm/blob/v1.3.0/pkg/clients/registryauth/auth.go
    """
    charts = {
        "input.vcluster.chart.pullSecret": config.vcluster.chart.pullSecret,
        "input.charts.pullSecret": config.charts.pullSecret,
    }
    problems = [
        Problem(
            field,
            "cannot be used in scope Namespaced, where provider-helm looks for the Secret in the "
            "tenant's namespace",
            "Remove it: offer the chart in a repository that needs no credentials, or in a "
            "registry to which provider-helm's own identity has access.",
        )
        for field, secret in charts.items()
        if secret
    ]
    if problems:
        raise InvalidError(*problems, reason="InvalidInput")


def project(name: str, tenant_namespace: str, config: RancherPlatform) -> str:
    """Return the Rancher project of a VCluster in a tenant's namespace.

    A project belongs to one tenant: its members see the namespaces in it and share its quota. The
    error does not list the projects of other tenants.
    """
    offer = {
        key: entry
        for key, entry in config.projects.items()
        if tenant_namespace in config.projectNamespaces.get(key, ())
    }
    if name not in offer:
        raise InvalidError(
            Problem(
                "spec.rancher.project",
                "is not a Rancher project that VClusters of this namespace may name",
                f"Known: {', '.join(sorted(offer)) or 'none'}.",
            )
        )
    return offer[name]


def cluster_name(name: str, names: Names, config: RancherPlatform) -> Iterator[Problem]:
    """Yield the problems of a cluster's name in Rancher.

    All tenants share the names of clusters there. So a tenant gets the derived name, which is
    unique, or one that the platform's pattern reserves for them.
    """
    if names.tenant_namespace and name == names.namespace:
        return
    if names.tenant_namespace and PLACEHOLDER not in config.clusterNamePattern:
        yield Problem(
            "spec.rancher.clusterName",
            "cannot be chosen on this platform, because it might be another tenant's",
            "Leave it out: the cluster is called like its namespace on the host.",
        )
        return
    namespace = names.tenant_namespace or names.namespace
    pattern = config.clusterNamePattern.replace(PLACEHOLDER, namespace)
    is_derived = bool(names.tenant_namespace and DERIVED.fullmatch(name))
    if not regex.matches(pattern, name) or RESERVED_CLUSTER_NAME.fullmatch(name) or is_derived:
        end = ", nor end like a derived name" if names.tenant_namespace else ""
        yield Problem(
            "spec.rancher.clusterName",
            f"must match {pattern} and be neither local nor like c-x1y2z{end}",
            "Choose another name for the cluster in Rancher.",
        )
