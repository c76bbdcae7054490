"""The desired Releases, also those that the gate does not let through yet."""

from dataclasses import dataclass, replace
from typing import Any

from function.api.errors import Refusal
from function.api.input import Input
from function.api.value_layers import layers
from function.decision import adoption, immutable_values
from function.decision.decision import Decision
from function.decision.resolve import ResolvedSpec
from function.desired import namespace, rancher, vcluster
from function.desired.chart_values import chart_values
from function.k8s.helm_values import Values
from function.observed import current, rollout
from function.observed.state import Observed


@dataclass(frozen=True)
class DesiredReleases:
    """The desired Releases, also those that the gate does not let through yet."""

    namespace: dict[str, Any]
    vcluster: dict[str, Any]
    rancher: dict[str, Any] | None
    refusals: tuple[Refusal, ...]
    """Refusals that chart values cause."""
    awaits_quota: bool
    """True if the virtual cluster keeps its exposure until the quota admits its new Service."""


def desired_releases(
    decision: Decision, config: Input, observed: Observed, *, is_earned: bool
) -> DesiredReleases:
    """Return the desired Releases of a decision.

    `is_earned`: the namespace belongs to this VCluster, see `deletion`.
    """
    effective = decision.effective
    imported = None
    if effective.rancher and config.rancher:
        imported = rancher.desired(
            effective, effective.rancher, config.rancher, config, observed.rancher
        )
    values, refusals = _values(decision, effective, config, observed)
    room = namespace.desired(
        effective,
        config,
        adoption.with_defaults(values) if effective.names.adopted else values,
        observed,
        is_earned=is_earned,
    )
    before = _until_there_is_room(effective, observed)
    awaits_quota = before != effective and not namespace.has_quota(observed.namespace, room)
    if awaits_quota:
        values, _ = _values(decision, before, config, observed)
    return DesiredReleases(
        namespace=room,
        vcluster=vcluster.desired(
            before if awaits_quota else effective, config, values, observed.vcluster
        ),
        rancher=imported,
        refusals=refusals,
        awaits_quota=awaits_quota,
    )


def _values(
    decision: Decision, spec: ResolvedSpec, config: Input, observed: Observed
) -> tuple[Values, tuple[Refusal, ...]]:
    """Return the chart's values; refused values are replaced by those that run."""
    values = chart_values(spec, config)
    written = layers(spec.values, config)
    if observed.vcluster is None:
        if spec.frozen is None:
            immutable_values.refuse_unfit(values, spec.chart, written)
        return values, ()
    seen = rollout.unstamped(observed.vcluster.values)
    kept, refusals = immutable_values.keep(values, seen, written)
    if spec.frozen is not None:
        return kept, refusals
    hops = decision.upgrade is not None and decision.upgrade.end.chart != spec.chart
    fitting, unfit = immutable_values.known(kept, spec.chart, seen, written, hops=hops)
    return fitting, (*refusals, *unfit)


def _until_there_is_room(spec: ResolvedSpec, observed: Observed) -> ResolvedSpec:
    """Return the spec with the current exposure, if the new one needs a Service that is counted.

    The quota refuses a load balancer or a node port until it is raised, and Helm would give up.
    """
    if spec.exposure.type not in ("LoadBalancer", "NodePort"):
        return spec
    now = current.read(observed)
    if now is None or now.exposure.type == spec.exposure.type:
        return spec
    return replace(spec, exposure=now.exposure)
