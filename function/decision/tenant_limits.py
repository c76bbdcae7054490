"""Check a spec against the Input's limits, and for fields that exclude each other.

Every limit is checked, so that one error names all problems.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from function.api import input as platform
from function.api import written_values, xr
from function.api.errors import InvalidError, Problem
from function.api.fields import Quota
from function.decision import access_limits, backup_limits, exposure_limits, sleep_limits, tenancy
from function.decision.resolve import ResolvedSpec
from function.k8s import quantity, regex, versions
from function.k8s.fieldpath import leaves

ASK = "Ask for less, or ask the platform team to raise the limit."


def check(spec: xr.Spec, requested: ResolvedSpec, config: platform.Input, *, new: bool) -> None:
    """Raise `InvalidError` with all problems of a spec beyond the limits.

    `upgrade` checks the versions of a cluster that is not `new`, because it knows the current ones.
    """
    violations = tuple(problems(spec, requested, config, new=new))
    if violations:
        raise InvalidError(*violations)


def problems(
    spec: xr.Spec, requested: ResolvedSpec, config: platform.Input, *, new: bool
) -> Iterator[Problem]:
    """Yield the problems of a spec beyond the limits."""
    yield from (
        *_isolation(spec, requested, config.tenant),
        *_quota(spec.quota, requested, config.tenant.quota),
        *_storage(spec.storage, requested, config.tenant.storage),
        *exposure_limits.problems(spec.expose, requested, config),
        *_sync(spec.sync, requested, config.tenant),
        *_host(spec),
        *sleep_limits.problems(spec, config.tenant),
        *backup_limits.problems(spec, requested, config.backup, new=new),
        *access_limits.problems(spec, requested, config.access),
        *_upgrade(spec.upgrade, config, new=new),
        *_values(spec.values, config.tenant.values),
        *_readers(spec),
        *_rancher(spec, requested, config.rancher),
        *(_compatibility(requested, config.vcluster.kubernetes) if new else ()),
        *(exposure_limits.chart_problems(requested) if new else ()),
    )


def _isolation(
    spec: xr.Spec, requested: ResolvedSpec, tenant: platform.Tenant
) -> Iterator[Problem]:
    if requested.pod_security not in tenant.podSecurity:
        yield Problem(
            "spec.isolation.podSecurity",
            "is not a level that the platform allows",
            f"Choose one of: {', '.join(tenant.podSecurity)}.",
        )
    if requested.pod_security == "restricted" and requested.rancher:
        yield Problem(
            "spec.isolation.podSecurity",
            "cannot be restricted together with the import into Rancher, whose agent has no "
            "restricted security context",
            "Use baseline, or set spec.rancher.enabled to false.",
        )
    if tenant.networkPolicy == "Enforced" and not requested.network_policy:
        yield Problem(
            "spec.isolation.networkPolicy", "is enforced by the platform", "Leave it out."
        )
    if spec.isolation.egress:
        yield from _egress(spec.isolation.egress, tenant.egress)


def _egress(ranges: Sequence[str], allowed: Sequence[str]) -> Iterator[Problem]:
    limits = [ipaddress.ip_network(cidr) for cidr in allowed]
    for index, cidr in enumerate(ranges):
        network = ipaddress.ip_network(cidr)
        if not any(_within(network, outer) for outer in limits):
            yield Problem(
                f"spec.isolation.egress[{index}]",
                "is not within the ranges that the platform allows",
                f"Allowed: {', '.join(allowed) or 'none'}.",
            )


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _within(inner: _Network, outer: _Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _quota(quota: Quota, requested: ResolvedSpec, maximum: Quota) -> Iterator[Problem]:
    base = requested.plan.quota
    for field, amount in quota.model_dump(exclude_none=True, exclude={"other"}).items():
        limit = getattr(base if getattr(maximum, field) is None else maximum, field)
        if limit is not None and quantity.parse(str(amount)) > quantity.parse(str(limit)):
            yield Problem(f"spec.quota.{field}", f"must be at most {limit}", ASK)
    others = {**base.other, **maximum.other}
    for name, amount in quota.other.items():
        field, path = f"spec.quota.other[{name}]", ("quota", "other", name)
        if name not in others:
            known = ", ".join(sorted(others)) or "none"
            rule = "is not a resource that the platform limits"
            yield Problem(field, rule, f"Remove it. Known: {known}.", path)
        elif quantity.parse(amount) > quantity.parse(others[name]):
            yield Problem(field, f"must be at most {others[name]}", ASK, path)


def _storage(
    storage: xr.SpecStorage, requested: ResolvedSpec, tenant: platform.TenantStorage
) -> Iterator[Problem]:
    limit = tenant.size or requested.plan.storage.size
    if storage.size and limit and quantity.parse(storage.size) > quantity.parse(limit):
        yield Problem("spec.storage.size", f"must be at most {limit}", ASK)
    allowed = [requested.plan.storage.storageClassName, *tenant.storageClassNames]
    if storage.storageClassName and storage.storageClassName not in allowed:
        yield Problem(
            "spec.storage.storageClassName",
            "is not a StorageClass that the platform allows",
            f"Allowed: {', '.join(name for name in allowed if name) or 'none'}.",
        )
    if storage.onDelete == "Retain" and tenant.retain == "Refused":
        yield Problem(
            "spec.storage.onDelete",
            "cannot be Retain on this platform",
            "Leave it out, or ask the platform team to set tenant.storage.retain to Allowed.",
        )


def _sync(sync: xr.Sync, requested: ResolvedSpec, tenant: platform.Tenant) -> Iterator[Problem]:
    for kind, enabled in sync.with_defaults(tenant.sync).items():
        if enabled and kind not in tenant.sync:
            yield Problem(
                f"spec.sync.{kind}",
                "is not synced on this platform",
                f"Leave it out. Allowed: {', '.join(tenant.sync) or 'none'}.",
            )
    if sync.networkPolicies and requested.network_policy:
        yield Problem(
            "spec.sync.networkPolicies",
            "cannot be on together with isolation.networkPolicy: policies only add up, so the "
            "tenant's would open what the platform's close",
            "Switch one of the two off.",
        )


def _host(spec: xr.Spec) -> Iterator[Problem]:
    if spec.host is not None and spec.hostSelector is not None:
        yield Problem(
            "spec.hostSelector",
            "cannot be set together with spec.host",
            "Name the host, or choose it by its labels.",
        )


def _upgrade(upgrade: xr.Upgrade, config: platform.Input, *, new: bool) -> Iterator[Problem]:
    if upgrade.policy == "Manual" and config.tenant.upgrade == "Automatic":
        yield Problem(
            "spec.upgrade.policy",
            "cannot be Manual on this platform",
            "Leave it out, or ask the platform team to set tenant.upgrade to Choice.",
        )
    if upgrade.policy == "Automatic" and upgrade.chartVersion:
        yield Problem(
            "spec.upgrade.chartVersion",
            "is for policy Manual, and Automatic follows the platform's list",
            "Leave it out, or set spec.upgrade.policy to Manual.",
        )
    listed = config.vcluster.chart.versions
    if new and upgrade.chartVersion and upgrade.chartVersion not in listed:
        yield Problem(
            "spec.upgrade.chartVersion",
            "is not a chart version of the platform",
            f"Choose one of: {', '.join(listed)}.",
        )


def _values(values: Mapping[str, object], allowed: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of chart values; only the first lists the allowed paths."""
    prefixes = {tuple(path.split(".")) for path in allowed}
    remedy = f"Remove it. Allowed: {', '.join(allowed) or 'none'}."
    for path, value in leaves(values):
        lengths = range(1, len(path) + 1)
        below = next((path[:length] for length in lengths if path[:length] in prefixes), None)
        where = ("values", *path)
        problem = written_values.problem("spec.values", path, value)
        if problem and (below or written_values.is_decided(path)):
            yield replace(problem, path=where)
        elif below is None:
            field = ".".join(("spec.values", *path))
            yield Problem(field, "is not a path that the platform allows", remedy, where)
            remedy = "Remove it."
        elif not written_values.is_safe(path, value):
            yield Problem(
                ".".join(("spec.values", *below)),
                "must not have control characters in it, such as the end of a line",
                "Write it in one line.",
                where,
            )


def _readers(spec: xr.Spec) -> Iterator[Problem]:
    for index, reader in enumerate(spec.kubeconfigReaders):
        if reader.name.startswith("system:"):
            yield Problem(
                f"spec.kubeconfigReaders[{index}].name",
                "must not begin with system:, which names whole groups of Kubernetes' own users",
                "Name your users and groups.",
            )


def _rancher(
    spec: xr.Spec, requested: ResolvedSpec, config: platform.RancherPlatform | None
) -> Iterator[Problem]:
    if requested.rancher is None or config is None:
        return
    yield from tenancy.cluster_name(requested.rancher.cluster_name, requested.names, config)
    for index, owner in enumerate(spec.rancher.owners):
        if owner.role not in config.ownerRoles:
            yield Problem(
                f"spec.rancher.owners[{index}].role",
                "is not a role that the platform allows",
                f"Choose one of: {', '.join(config.ownerRoles)}.",
            )
    yield from _labels(spec.rancher.labels, config.labelPatterns)


def _labels(labels: Mapping[str, str], patterns: Mapping[str, str]) -> Iterator[Problem]:
    for key, value in labels.items():
        field, path = f"spec.rancher.labels[{key}]", ("rancher", "labels", key)
        if key not in patterns:
            allowed = ", ".join(sorted(patterns)) or "none"
            rule = "is not a label that the platform allows"
            yield Problem(field, rule, f"Remove it. Allowed: {allowed}.", path)
        elif not regex.matches(patterns[key], value):
            yield Problem(field, f"must match {patterns[key]}", "Choose another value.", path)


def _compatibility(requested: ResolvedSpec, offer: platform.Kubernetes) -> Iterator[Problem]:
    if not versions.fits(requested.chart, requested.kubernetes, offer.compatibility):
        chart = versions.minor(requested.chart)
        yield Problem(
            "spec.kubernetesVersion",
            f"does not fit chart {chart}",
            f"Choose a version of: {', '.join(offer.compatibility[chart]) or 'none'}.",
        )
