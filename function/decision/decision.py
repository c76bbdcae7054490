"""Decide on one request: compare the requested spec with the current state."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from function.api.errors import Refusal, Replacement
from function.api.input import Input
from function.api.validate import Composite, VersionPair
from function.api.value_layers import layers
from function.decision import (
    access,
    adoption,
    authentication,
    exposure,
    immutable_fields,
    immutable_values,
    power,
    rancher,
    restore,
    rollback,
    upgrade,
)
from function.decision.admission import Admission, admit
from function.decision.power import AWAKE, Power
from function.decision.quota import NamespaceQuota, namespace_quota
from function.decision.resolve import ResolvedSpec
from function.decision.restore import RestoreDecision
from function.decision.rollback import RollbackDecision
from function.decision.upgrade import UpgradeOffer, UpgradePlan, UpgradeStart
from function.k8s.fieldpath import get, text
from function.k8s.helm_values import Values, nested, overlaid
from function.observed import ownership, release, vcluster
from function.observed.current import Current
from function.observed.state import Observed, Request

Render = Callable[[ResolvedSpec, Input], Values]
"""Function that renders the values of the vcluster chart."""


@dataclass(frozen=True)
class Decision:
    """Everything that is decided on a VCluster: no later stage refuses or keeps anything."""

    composite: Composite
    platform: Input
    """The Input with the settings of the VCluster's host."""
    effective: ResolvedSpec
    workload: ResolvedSpec
    """The effective spec of the workload, with the current exposure while the quota has no room for
    another."""
    values: Values
    """Values of the vcluster chart."""
    quota: NamespaceQuota
    refusals: tuple[Refusal | Replacement, ...]
    """Fields of the spec and chart values that are not applied."""
    upgrade: UpgradePlan | None
    """None before there is a virtual cluster, or while it is frozen."""
    settled: bool
    """True if every pod runs the versions of the Release, so that the next step is due."""
    power: Power = AWAKE
    restore: RestoreDecision = restore.NONE
    rollback: RollbackDecision = rollback.NONE

    @property
    def awaits_quota(self) -> bool:
        """True if the exposure waits until the quota has room for its Service."""
        return self.workload is not self.effective


class Step(NamedTuple):
    """The effective spec of this call, its refusals, and the upgrade that it is a step of."""

    effective: ResolvedSpec
    refusals: tuple[Refusal, ...]
    upgrade: UpgradePlan | None = None
    settled: bool = False


def decide(request: Request, platform: Input, render: Render) -> Decision:
    """Return the decision on a request; raise `InvalidError` if nothing may be touched.

    Chart values are rendered once, by `render`, because some refusals only show in them.
    """
    observed = request.observed
    admission = admit(request, platform)
    config = admission.config
    named = text(get(request.composite, "spec", "backup", "rollback", "snapshot"))
    parts = _parts(admission, observed, named)
    step = _step(admission, observed, parts.power)
    effective = authentication.decide_authentication(
        step.effective, config, admission.now, observed
    )
    if effective.rancher and config.rancher:
        rancher.refuse_another(observed.rancher, config.rancher)
    ownership.refuse_foreign_releases(effective.names, observed)
    workload = _workload(effective, admission, observed)
    values, unfit = immutable_values.fit(
        render(workload, config), workload, config, observed.vcluster, hops=_hops(step)
    )
    return Decision(
        composite=admission.composite,
        platform=config,
        effective=effective,
        workload=workload,
        values=parts.applied(values, effective),
        quota=namespace_quota(effective, config, _counted(values, effective, workload)),
        refusals=(*_refusals(admission, step, observed), *parts.refusals, *unfit),
        upgrade=step.upgrade,
        settled=step.settled,
        power=parts.power,
        restore=parts.restore,
        rollback=parts.rollback,
    )


class Parts(NamedTuple):
    """The decisions on what runs, and on its data."""

    power: Power
    restore: RestoreDecision
    rollback: RollbackDecision

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Fields that are not applied."""
        return (*self.restore.refusals, *self.rollback.refusals)

    def applied(self, values: Values, effective: ResolvedSpec) -> Values:
        """Return values of the vcluster chart by what is to run."""
        stopped = self.power.applied(values, highly_available=effective.highly_available)
        return self.restore.applied(stopped)


def _parts(admission: Admission, observed: Observed, named: str) -> Parts:
    """Return the decisions on power and data: a rollback stops, and is restored once stopped.

    `named` is the backup that the spec names, also in a part of it that is refused.
    """
    composite, requested = admission.composite, admission.requested
    current_rollback = rollback.decide_rollback(composite, requested, observed, named)
    current_power = power.decide_power(
        composite,
        observed,
        is_frozen=requested.frozen is not None,
        rollback=current_rollback,
    )
    current_restore = restore.decide_restore(requested, observed, current_rollback, current_power)
    if current_restore.awaited and current_rollback.stops:
        current_rollback = replace(current_rollback, phase="Restoring")
    return Parts(current_power, current_restore, current_rollback)


def _refusals(
    admission: Admission, step: Step, observed: Observed
) -> tuple[Refusal | Replacement, ...]:
    rotations = access.refusals(admission.composite.spec.access, observed.access)
    return (*admission.refusals, *step.refusals, *rotations)


def _step(admission: Admission, observed: Observed, current_power: Power) -> Step:
    spec, requested, now = admission.composite.spec, admission.requested, admission.now
    if now is None:
        is_there = bool(observed.releases)
        return Step(requested, immutable_fields.moves(requested, spec) if is_there else ())
    if requested.frozen is not None:
        return Step(*adoption.keep(requested, now, spec, admission.config))
    effective, refusals = power.keep_claims(requested, now, current_power)
    step = decide_existing(
        effective,
        now,
        admission.composite,
        admission.config,
        settled=vcluster.is_settled(observed.vcluster),
        instead=release.installed_instead(observed.vcluster),
        asleep=current_power.is_off,
    )
    return step._replace(refusals=(*step.refusals, *refusals))


def decide_existing(  # noqa: PLR0913  # all that a step depends on
    requested: ResolvedSpec,
    now: Current,
    composite: Composite,
    platform: Input,
    *,
    settled: bool,
    instead: str | None = None,
    asleep: bool = False,
) -> Step:
    """Return the next step of an existing virtual cluster.

    `settled` is true if every pod runs the versions of the Release; `instead` is the installed
    chart version if Helm could not begin with that of the Release; `asleep` is true if nothing is
    to run.
    """
    spec = composite.spec
    versions = VersionPair(now.chart, now.kubernetes)
    start = UpgradeStart(versions, settled, instead, composite.upgrade_started_from, asleep)
    offer = UpgradeOffer(platform.vcluster, layers(spec.values, platform))
    target = VersionPair(requested.chart, requested.kubernetes)
    plan = upgrade.plan(target, start, spec.upgrade, offer)
    stepped = immutable_fields.having(
        requested, chart=plan.following.chart, kubernetes=plan.following.kubernetes
    )
    effective, refusals = immutable_fields.keep(stepped, now, spec, platform)
    return Step(effective, (*plan.refusals, *refusals), plan, settled)


def _workload(effective: ResolvedSpec, admission: Admission, observed: Observed) -> ResolvedSpec:
    """Return the effective spec of the workload: its exposure may have to wait for quota."""
    now = admission.now
    if now is not None and exposure.awaits_quota(
        effective, now.exposure, admission.config, observed.namespace
    ):
        return replace(effective, exposure=now.exposure)
    return effective


def _hops(step: Step) -> bool:
    """Return whether a later chart follows the effective one."""
    return step.upgrade is not None and step.upgrade.end.chart != step.effective.chart


def _counted(values: Values, effective: ResolvedSpec, workload: ResolvedSpec) -> Values:
    """Return the values that count against the quota, with a Service that waits for room in it."""
    if effective.names.adopted:
        values = adoption.with_defaults(values)
    if workload is effective:
        return values
    return overlaid(values, nested(exposure.SERVICE_TYPE, effective.exposure.type))
