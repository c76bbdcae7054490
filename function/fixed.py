"""Chart values that a running virtual cluster cannot change, whoever wrote them.

A plan, the Input or allowed values of a spec can imply what no field of the spec says. What the
Release was observed with stays, and the rest of the change happens.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from function import chartkeys, quantity
from function.chartkeys import Layers
from function.errors import InvalidError, Problem, Refusal
from function.plain import at
from function.values import Values, taking

STORE = "another backing store would start an empty cluster"
VOLUME = "it is fixed in the StatefulSet, which Kubernetes refuses to change"
FIXED = "it cannot be changed in a running virtual cluster"
OWNER = "everything that the customer has on the host belongs to this Service, and would go with it"
QUORUM = "etcd would lose its quorum"
TAKE_BACK = "Take it back, or move what is in the cluster into a new VCluster."

_IMAGE = ("controlPlane", "statefulSet", "image", "repository")
_ETCD = "controlPlane.backingStore.etcd.deploy"
_CLAIM = "persistence.volumeClaim"


def _same(value: object, _: Mapping[str, object]) -> object:
    return value


def _size(value: object, _: Mapping[str, object]) -> object:
    """Return a size as what it amounts to: `5120Mi` is `5Gi`."""
    try:
        return quantity.parse(str(value))
    except ValueError:
        return value


def _has_volume(value: object, values: Mapping[str, object]) -> object:
    """Return whether the control plane has a volume of its own, and so is a StatefulSet.

    https://github.com/loft-sh/vcluster/blob/v0.36.1/chart/templates/_persistence.tpl
    """
    if value == "auto":
        return at(values, *f"{_ETCD}.enabled".split(".")) is not True
    return value in (True, "true")


@dataclass(frozen=True)
class Rule:
    """A path at which the value stays."""

    path: str
    why: str
    """Why, as the end of a sentence."""
    default: object = False
    """What the chart does where there is nothing, in all versions from 0.31."""
    meaning: Callable[[object, Mapping[str, object]], object] = _same
    """What a value stands for, among all values."""
    is_secret: bool = False
    """Whether a value may hold credentials."""

    def effective(self, values: Mapping[str, object]) -> object:
        """Return what the values amount to at the path."""
        found = at(values, *self.path.split("."))
        return self.meaning(self.default if found in (None, "") else found, values)


_STORES = (
    Rule("controlPlane.backingStore.etcd.embedded.enabled", STORE),
    Rule("controlPlane.backingStore.etcd.external.enabled", STORE),
    Rule("controlPlane.backingStore.etcd.external.endpoint", STORE, ""),
    Rule("controlPlane.backingStore.database.external.enabled", STORE),
    Rule("controlPlane.backingStore.database.external.connector", STORE, ""),
    Rule("controlPlane.backingStore.database.external.dataSource", STORE, "", is_secret=True),
    Rule("controlPlane.backingStore.database.embedded.dataSource", STORE, "", is_secret=True),
    Rule(f"{_ETCD}.statefulSet.enabled", STORE, default=True),
)

_WORKLOADS = tuple(
    rule
    for workload in ("controlPlane.statefulSet", f"{_ETCD}.statefulSet")
    for rule in (
        Rule(f"{workload}.{_CLAIM}.accessModes", VOLUME, ["ReadWriteOnce"]),
        Rule(f"{workload}.persistence.volumeClaimTemplates", VOLUME, []),
        Rule(f"{workload}.scheduling.podManagementPolicy", VOLUME, "Parallel"),
    )
)

UNLIKE_OURS = (
    *_STORES,
    Rule(f"{_ETCD}.statefulSet.{_CLAIM}.enabled", VOLUME, default=True),
    *_WORKLOADS,
    Rule("controlPlane.statefulSet.persistence.dataVolume", VOLUME, []),
    Rule("controlPlane.distro.k3s.enabled", FIXED),
    Rule("controlPlane.distro.k0s.enabled", FIXED),
    Rule("controlPlane.standalone.enabled", FIXED),
    Rule("privateNodes.enabled", FIXED),
    Rule("sync.toHost.namespaces.enabled", FIXED),
    Rule("networking.advanced.clusterDomain", FIXED, "cluster.local"),
    Rule("controlPlane.service.enabled", OWNER, default=True),
)
"""Where a VCluster always has the chart's default, so that a cluster with others is none."""

SHAPE = (
    Rule(f"{_ETCD}.enabled", STORE),
    Rule(f"{_ETCD}.statefulSet.highAvailability.replicas", QUORUM, 1),
    Rule("controlPlane.statefulSet.highAvailability.replicas", FIXED, 1),
    Rule(f"controlPlane.statefulSet.{_CLAIM}.enabled", STORE, "auto", _has_volume),
    Rule(f"{_ETCD}.statefulSet.{_CLAIM}.size", VOLUME, "5Gi", _size),
    Rule(f"{_ETCD}.statefulSet.{_CLAIM}.storageClass", VOLUME, ""),
    Rule(f"controlPlane.statefulSet.{_CLAIM}.size", VOLUME, "5Gi", _size),
    Rule(f"controlPlane.statefulSet.{_CLAIM}.storageClass", VOLUME, ""),
)
"""What tells Single from HA, and one volume from another."""


def keep(
    values: Values, observed: Mapping[str, object], layers: Layers
) -> tuple[Values, tuple[Refusal, ...]]:
    """Return the values with what runs in place of what cannot change, and what is refused.

    `layers` are the values that people wrote, by the field that they stand in.
    """
    if values == observed:
        return values, ()
    kept, refusals = values, []
    for rule in (*UNLIKE_OURS, *SHAPE):
        if rule.effective(values) != rule.effective(observed):
            kept = taking(kept, rule.path.split("."), observed)
            refusals.append(_refusal(rule, values, observed, layers))
    return kept, tuple(refusals)


def known(
    values: Values, chart: str, observed: Mapping[str, object], layers: Layers, *, hops: bool
) -> tuple[Values, tuple[Refusal, ...]]:
    """Return the values without the keys that this chart and image refuse, and what is refused.

    A key that a later chart knows comes with that; `hops` tells that the chart is not the last.
    """
    if values == observed:
        return values, ()
    kept, refusals = values, []
    for found in unfit(values, chart):
        kept = taking(kept, found.path.split("."), observed)
        comes = hops and found.is_later
        if not comes and not _is_same(found.path, values, observed):
            field = _field(found.path, layers)
            refusals.append(Refusal(field, "as it is", "another value", found.rule, "Remove it."))
    return kept, tuple(refusals)


def refuse_unfit(values: Values, chart: str, layers: Layers) -> None:
    """Raise `InvalidError` where a new virtual cluster could not be installed, or not start."""
    problems = [
        Problem(_field(found.path, layers), found.rule, "Remove it.")
        for found in unfit(values, chart)
    ]
    if problems:
        is_spec = all(problem.field.startswith("spec.") for problem in problems)
        raise InvalidError(*problems, reason="InvalidSpec" if is_spec else "InvalidInput")


@dataclass(frozen=True)
class Unfit:
    """A key that a chart or image refuses."""

    path: str
    rule: str
    is_later: bool = False
    """Whether a later chart knows it."""


def unfit(values: Mapping[str, object], chart: str) -> Iterator[Unfit]:
    """Yield the keys that this chart or image refuses."""
    for path in chartkeys.removed({"": values}, chart):
        yield Unfit(path.removeprefix("."), f"is no longer known to chart {chart}")
    for path, first in chartkeys.unknown_yet(values, chart):
        rule = f"is known to charts from {first} on, and this is {chart}"
        yield Unfit(path, rule, is_later=True)
    if str(at(values, *_IMAGE) or "").endswith(chartkeys.OPEN_SOURCE):
        rule = "needs a licence, without which the open-source control plane does not start"
        for path in chartkeys.licensed(values):
            yield Unfit(path, rule)


def _is_same(path: str, values: Mapping[str, object], observed: Mapping[str, object]) -> bool:
    keys = path.split(".")
    return chartkeys.has(observed, path) and at(values, *keys) == at(observed, *keys)


def _refusal(
    rule: Rule, values: Mapping[str, object], observed: Mapping[str, object], layers: Layers
) -> Refusal:
    keys = rule.path.split(".")
    kept, asked = _shown(at(observed, *keys)), _shown(at(values, *keys))
    if rule.is_secret:
        kept, asked = "as it is", "another value"
    return Refusal(_field(rule.path, layers), kept, asked, rule.why, TAKE_BACK)


def _shown(value: object) -> str:
    return "" if value is None else json.dumps(value) if not isinstance(value, str) else value


def _field(path: str, layers: Layers) -> str:
    """Return the field that the value stands in: the layer that wins, or the chart's values."""
    for field, layer in reversed([*layers.items()]):
        if chartkeys.has(layer, path):
            return f"{field}.{path}"
    return f"values.{path}"
