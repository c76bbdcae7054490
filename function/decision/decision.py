"""The decision of one call: requested against what runs, and what of it is granted now."""

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
    """What a VCluster gets now."""

    composite: Composite
    platform: Input
    """The Input as it is on the host of the VCluster."""
    effective: ResolvedSpec
    refusals: tuple[Refusal | Replacement, ...] = ()
    """What of the spec is not granted."""
    upgrade: UpgradePlan | None = None
    """The steps of the versions; None before there is a virtual cluster, or while it is frozen."""
    settled: bool = False
    """Whether all runs that its Release asks for, so that the next step may come."""


def decide(request: Request, platform: Input) -> Decision:
    """Return what the VCluster of a request gets; raise `InvalidError` to touch nothing."""
    observed = request.observed
    admitted = admit(request, platform)
    decision = _decide(admitted, observed)
    if decision.effective.rancher and decision.platform.rancher:
        rancher.refuse_another(observed.rancher, decision.platform.rancher)
    ownership.refuse_foreign_releases(decision.effective.names, observed)
    return replace(decision, refusals=(*admitted.refusals, *decision.refusals))


def _decide(admitted: Admission, observed: Observed) -> Decision:
    composite, platform, requested = admitted.requested, admitted.config, admitted.asked
    if admitted.now is None:
        exists = bool(observed.releases)
        moves = immutable_fields.moves(requested, composite.spec) if exists else ()
        return Decision(composite, platform, requested, moves)
    if requested.frozen is not None:
        kept = adoption.keep(requested, admitted.now, composite.spec, platform)
        return Decision(composite, platform, *kept)
    return grant(
        requested,
        admitted.now,
        composite,
        platform,
        settled=vcluster.is_settled(observed.vcluster),
        instead=release.installed_instead(observed.vcluster),
    )


def grant(  # noqa: PLR0913  # what it depends on
    requested: ResolvedSpec,
    now: Current,
    composite: Composite,
    platform: Input,
    *,
    settled: bool,
    instead: str | None = None,
) -> Decision:
    """Return what an existing virtual cluster gets now: the next step up, and what may change.

    `settled` says whether all of what its Release asks for runs, `instead` what is installed
    where Helm could not even begin with that.
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
