"""The ResourceQuota of a namespace: the tenant's quota plus the platform's own share.

The pods of the control plane run in the same namespace and count against the same quota. The
rows of `list_allowances` add them, so that a quota of 10 pods allows the tenant 10 pods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from function.api.errors import InvalidError, Problem
from function.api.fields import Quota
from function.api.input import AgentResources, Input, LimitRange
from function.decision import allowances, exposure
from function.decision.allowances import COMPUTE, Allowance, amount_text, list_allowances, too_large
from function.decision.resolve import ResolvedSpec
from function.k8s import quantity
from function.k8s.content_cache import cached_by_content
from function.k8s.fieldpath import parts_of

OBJECTS: Mapping[str, int] = {
    "configmaps": 20,
    "secrets": 40,
    "serviceaccounts": 10,
    "endpointslices.discovery.k8s.io": 20,
    "ingresses.networking.k8s.io": 1,
    "leases.coordination.k8s.io": 5,
    "networkpolicies.networking.k8s.io": 12,
    "poddisruptionbudgets.policy": 3,
    "rolebindings.rbac.authorization.k8s.io": 10,
    "roles.rbac.authorization.k8s.io": 10,
    "tlsroutes.gateway.networking.k8s.io": 1,
}
"""Upper bounds of the platform's objects in a namespace, including the history of Helm releases and
the tokens of its pods. It has no objects of other kinds that `count/...` of a quota may name."""

MOST_QUOTAS = 256
"""Size of the cache: VClusters of one plan mostly have the same quota."""


@dataclass(frozen=True)
class NamespaceQuota:
    """ResourceQuota and LimitRange of a namespace."""

    hard: Mapping[str, str]
    limits: LimitRange


def namespace_quota(
    spec: ResolvedSpec, config: Input, values: Mapping[str, object]
) -> NamespaceQuota:
    """Return the quota of a namespace; `values` are those of the vcluster chart.

    Raise `InvalidError` if the Input gives the control plane resources that do not fit.
    """
    agent = config.rancher.agentResources if spec.rancher and config.rancher else None
    try:
        quota, component = _sum_up(
            spec.quota,
            spec.plan.limitRange,
            parts_of(values, allowances.VALUES),
            highly_available=spec.highly_available,
            agent=agent,
        )
    except ValueError:
        problem = Problem(
            "input.vcluster: controlPlane.statefulSet, etcd or CoreDNS in values or enforcedValues",
            "must have quantities as resources and volume size",
            "Correct them there.",
        )
        raise InvalidError(problem, reason="InvalidInput") from None
    if component:
        problem = Problem(
            "input.plans: limitRange.max of the plan",
            f"is below the limits of a component of the platform: {component}",
            "Raise it, or give the component less.",
        )
        raise InvalidError(problem, reason="InvalidInput")
    return quota


@cached_by_content(MOST_QUOTAS)
def _sum_up(
    quota: Quota,
    limits: LimitRange,
    values: Mapping[str, object],
    *,
    highly_available: bool,
    agent: AgentResources | None,
) -> tuple[NamespaceQuota, str | None]:
    """Return the quota of a namespace, and a component too large for its LimitRange."""
    limits = limit_range(quota, limits)
    rows = list_allowances(
        values, limits, highly_available=highly_available, agent=agent and agent.filled
    )
    return NamespaceQuota(hard(quota, rows, limits), limits), too_large(rows, limits.max)


def limit_range(quota: Quota, limits: LimitRange) -> LimitRange:
    """Return the LimitRange of a namespace, for the resources of the quota and of `max`.

    If `default` has no entry Kubernetes uses that of `max`.
    """
    needed = {name for name, limited_by in COMPUTE if getattr(quota, limited_by) is not None}
    resources = needed | limits.max.keys()
    default = {**limits.max, **limits.default}
    counting = {
        "default": {k: v for k, v in default.items() if k in resources},
        "defaultRequest": {k: v for k, v in limits.defaultRequest.items() if k in resources},
    }
    return limits.model_copy(update=counting)


def hard(quota: Quota, rows: Sequence[Allowance], limits: LimitRange) -> dict[str, str]:
    """Return the `hard` map of the ResourceQuota, every quantity a string.

    A field absent from the quota is not limited. Limits of a resource are counted only if each
    container has one, because Kubernetes refuses containers without.
    """
    return {
        **_compute(quota, rows, limits),
        **_storage(quota, rows),
        **_numbers(quota, rows),
        **{name: _other(name, amount, rows) for name, amount in quota.other.items()},
    }


def _compute(quota: Quota, rows: Sequence[Allowance], limits: LimitRange) -> dict[str, str]:
    result = {}
    for name, limited_by in COMPUTE:
        amount = getattr(quota, limited_by)
        if amount is None:
            continue
        tenant = quantity.parse(amount)
        default = limits.default.get(name)
        request = limits.defaultRequest.get(name, default or "0")
        own = _sum(rows, [_request(row, name, request) for row in rows])
        result[f"requests.{name}"] = amount_text(name, tenant + own)
        if default is not None:
            own = _sum(rows, [row.limits.get(name, default) for row in rows])
            result[f"limits.{name}"] = amount_text(name, tenant + own)
    return result


def _request(row: Allowance, name: str, default: str) -> str:
    """Return the request of a pod: Kubernetes uses its limit if it names no request."""
    return row.requests.get(name) or row.limits.get(name) or default


def _sum(rows: Sequence[Allowance], amounts: Sequence[str]) -> Decimal:
    """Return the sum over all pods of the components, each with the amount of its row."""
    total = Decimal()
    for row, amount in zip(rows, amounts, strict=True):
        total += (row.pods + row.surge) * quantity.parse(amount)
    return total


def _storage(quota: Quota, rows: Sequence[Allowance]) -> dict[str, str]:
    result = {}
    if quota.storage is not None:
        result["requests.storage"] = quantity.size(quantity.parse(quota.storage) + _volumes(rows))
    if quota.volumeClaims is not None:
        result["persistentvolumeclaims"] = str(quota.volumeClaims + _claims(rows))
    return result


def _volumes(rows: Sequence[Allowance]) -> Decimal:
    sizes = (row.pods * row.claims * quantity.parse(row.storage) for row in rows)
    return sum(sizes, Decimal())


def _claims(rows: Sequence[Allowance]) -> int:
    return sum(row.pods * row.claims for row in rows)


def _numbers(quota: Quota, rows: Sequence[Allowance]) -> dict[str, str]:
    result = {}
    if quota.pods is not None:
        result["pods"] = str(quota.pods + sum(row.pods + row.surge for row in rows))
    if quota.services is not None:
        result["services"] = str(quota.services + sum(row.services for row in rows))
    load_balancers = sum(row.load_balancers for row in rows)
    node_ports = sum(row.node_ports for row in rows)
    return {**result, **exposure.counted_services(quota, load_balancers, node_ports)}


def _other(name: str, amount: str, rows: Sequence[Allowance]) -> str:
    """Return the amount of a resource without a field of its own, plus the platform's share."""
    if name.startswith("count/"):
        own = Decimal(OBJECTS.get(name.removeprefix("count/"), 0))
        return quantity.size(quantity.parse(amount) + own) if own else amount
    storage_class, separator, resource = name.partition(".storageclass.storage.k8s.io/")
    if not separator:
        return amount
    of_class = [row for row in rows if row.storage_class in ("", storage_class)]
    own = _volumes(of_class) if resource == "requests.storage" else Decimal(_claims(of_class))
    return quantity.size(quantity.parse(amount) + own) if own else amount
