"""The decision of one call: requested against what runs, and what of it is granted now."""

from dataclasses import dataclass

from function.api.errors import Refusal
from function.api.input import Input
from function.api.validate import VCluster, Versions
from function.api.value_layers import layers
from function.decision import upgrade
from function.decision.immutable_fields import _having, keep
from function.decision.resolve import Wanted
from function.decision.upgrade import Plan, Situation, Terms
from function.observed.current import Running


@dataclass(frozen=True)
class Granted:
    """What may be had of the wanted now."""

    wanted: Wanted
    refusals: tuple[Refusal, ...] = ()
    plan: Plan | None = None
    """The way of the versions; None before there is a virtual cluster, or while it is frozen."""
    settled: bool = False
    """Whether all runs that its Release asks for, so that the next step may come."""


def grant(  # noqa: PLR0913  # what it depends on
    asked: Wanted,
    now: Running,
    requested: VCluster,
    config: Input,
    *,
    settled: bool,
    instead: str | None = None,
) -> Granted:
    """Return what an existing virtual cluster gets now: the next step up, and what may change.

    `settled` tells whether all of what its Release asks for runs, `instead` what is installed
    where Helm could not even begin with that.
    """
    situation = Situation(Versions(now.chart, now.kubernetes), settled, instead, requested.begun)
    spec = requested.spec
    terms = Terms(config.vcluster, layers(spec.values, config))
    target = Versions(asked.chart, asked.kubernetes)
    plan = upgrade.plan(target, situation, spec.upgrade, terms)
    following = plan.following
    stepped = _having(asked, chart=following.chart, kubernetes=following.kubernetes)
    kept, refusals = keep(stepped, now, spec, config)
    return Granted(kept, (*plan.refusals, *refusals), plan, settled)
