"""Decide on one request: compare the requested spec with the current state."""

from dataclasses import dataclass, replace

from function.api.errors import Refusal, Replacement
from function.api.input import Input
from function.api.validate import Composite, VersionPair
from function.api.value_layers import layers
from function.decision import adoption, immutable_fields, rancher, upgrade
from function.decision.admission import Admission, admit
from function.decision.resolve import ResolvedSpec
from function.decision.upgrade import UpgradeOffer, UpgradePlan, UpgradeStart
from function.observed import ownership, release, vcluster
from function.observed.current import Current
from function.observed.state import Observed, Request


@dataclass(frozen=True)
class Decision:
    """Effective spec, refusals and upgrade plan of a VCluster."""

    composite: Composite
    platform: Input
    """The Input with the settings of the VCluster's host."""
    effective: ResolvedSpec
    refusals: tuple[Refusal | Replacement, ...] = ()
    """Fields of the spec that are not applied."""
    upgrade: UpgradePlan | None = None
    """None before there is a virtual cluster, or while it is frozen."""
    settled: bool = False
    """True if every pod runs the versions of the Release, so that the next step is due."""


def decide(request: Request, platform: Input) -> Decision:
    """Return the decision on a request; raise `InvalidError` if nothing may be touched."""
    observed = request.observed
    admission = admit(request, platform)
    decision = _decide(admission, observed)
    if decision.effective.rancher and decision.platform.rancher:
        rancher.refuse_another(observed.rancher, decision.platform.rancher)
    ownership.refuse_foreign_releases(decision.effective.names, observed)
    return replace(decision, refusals=(*admission.refusals, *decision.refusals))


def _decide(admission: Admission, observed: Observed) -> Decision:
    composite, platform, requested = admission.composite, admission.config, admission.requested
    if admission.now is None:
        exists = bool(observed.releases)
        moves = immutable_fields.moves(requested, composite.spec) if exists else ()
        return Decision(composite, platform, requested, moves)
    if requested.frozen is not None:
        kept = adoption.keep(requested, admission.now, composite.spec, platform)
        return Decision(composite, platform, *kept)
    return decide_existing(
        requested,
        admission.now,
        composite,
        platform,
        settled=vcluster.is_settled(observed.vcluster),
        instead=release.installed_instead(observed.vcluster),
    )


def decide_existing(  # noqa: PLR0913  # all that a decision depends on
    requested: ResolvedSpec,
    now: Current,
    composite: Composite,
    platform: Input,
    *,
    settled: bool,
    instead: str | None = None,
) -> Decision:
    """Return the decision on an existing virtual cluster.

    `settled` is true if every pod runs the versions of the Release; `instead` is the installed
    chart version if Helm could not begin with that of the Release.
    """
    spec = composite.spec
    start = UpgradeStart(
        VersionPair(now.chart, now.kubernetes), settled, instead, composite.upgrade_started_from
    )
    offer = UpgradeOffer(platform.vcluster, layers(spec.values, platform))
    target = VersionPair(requested.chart, requested.kubernetes)
    plan = upgrade.plan(target, start, spec.upgrade, offer)
    following = plan.following
    stepped = replace(requested, chart=following.chart, kubernetes=following.kubernetes)
    effective, refusals = immutable_fields.keep(stepped, now, spec, platform)
    return Decision(composite, platform, effective, (*plan.refusals, *refusals), plan, settled)
