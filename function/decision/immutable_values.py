"""Keep immutable chart values, report the refusal, apply the rest.

A plan, the Input or allowed values of a spec can change values that no field of the spec covers.
The observed values of the Release stay.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from function.api.chart_value import ImmutableValue
from function.api.errors import InvalidError, Problem, Refusal
from function.api.input import Input
from function.api.value_layers import Layers, layers
from function.api.written_values import IMMUTABLE
from function.decision import chart_keys
from function.decision.resolve import ResolvedSpec
from function.k8s import fieldpath
from function.k8s.fieldpath import get
from function.k8s.helm_values import Values, replace_at
from function.observed import rollout
from function.observed.state import ObservedRelease

TAKE_BACK = "Take it back, or move what is in the cluster into a new VCluster."

NO_START = "needs a licence, without which the open-source control plane does not start"
NO_SYNC = "needs a licence, without which nothing of it is synced"

_IMAGE = ("controlPlane", "statefulSet", "image", "repository")


def fit(
    values: Values,
    spec: ResolvedSpec,
    config: Input,
    observed: ObservedRelease | None,
    *,
    hops: bool,
) -> tuple[Values, tuple[Refusal, ...]]:
    """Return the values that can run, and the refusals; raise `InvalidError` for a new one.

    Refused values are replaced by the observed ones. `hops` is true if a later chart follows.
    """
    if observed is None and spec.frozen is not None:
        return values, ()
    written = layers(spec.values, config)
    if observed is None:
        refuse_unfit(values, spec.chart, written)
        return values, ()
    current = rollout.unstamped(observed.values)
    effective, refusals = keep(values, current, written)
    if spec.frozen is not None:
        return effective, refusals
    fitting, unknown = known(effective, spec.chart, current, written, hops=hops)
    return fitting, (*refusals, *unknown)


def keep(
    values: Values, observed: Mapping[str, object], layers: Layers
) -> tuple[Values, tuple[Refusal, ...]]:
    """Return the values with the observed immutable ones, and the refusals.

    `layers` are the values of the Input and the spec, by their field.
    """
    if values == observed:
        return values, ()
    effective, refusals = values, []
    for row in IMMUTABLE:
        if row.differs(values, observed):
            effective = replace_at(effective, row.keys, observed)
            refusals.append(_refusal(row, values, observed, layers))
    return effective, tuple(refusals)


def known(
    values: Values, chart: str, observed: Mapping[str, object], layers: Layers, *, hops: bool
) -> tuple[Values, tuple[Refusal, ...]]:
    """Return the values without the keys that this chart or image refuses, and the refusals.

    A key of a later chart is set with that chart; `hops` is true if a later chart follows.
    """
    if values == observed:
        return values, ()
    fitting, refusals = values, []
    for misfit in unfit(values, chart):
        fitting = replace_at(fitting, misfit.keys, observed)
        comes = hops and misfit.is_later
        if not comes and not _is_same(misfit.keys, values, observed):
            field = _field(misfit.keys, layers)
            refusals.append(Refusal(field, "as it is", "another value", misfit.rule, "Remove it."))
    return fitting, tuple(refusals)


def refuse_unfit(values: Values, chart: str, layers: Layers) -> None:
    """Raise `InvalidError` if a new virtual cluster could not be installed or not start."""
    problems = [
        Problem(_field(misfit.keys, layers), misfit.rule, "Remove it.")
        for misfit in unfit(values, chart)
    ]
    if problems:
        raise InvalidError.by_field(*problems)


@dataclass(frozen=True)
class UnfitValue:
    """A key that a chart or image refuses."""

    keys: tuple[str, ...]
    rule: str
    is_later: bool = False
    """True if a later chart knows it."""


def unfit(values: Mapping[str, object], chart: str) -> Iterator[UnfitValue]:
    """Yield the keys that this chart or image refuses."""
    for path in chart_keys.removed({"": values}, chart):
        yield UnfitValue(_keys(path.removeprefix(".")), f"is no longer known to chart {chart}")
    for path, first in chart_keys.unknown_yet(values, chart):
        rule = f"is known to charts from {first} on, and this is {chart}"
        yield UnfitValue(_keys(path), rule, is_later=True)
    if str(get(values, *_IMAGE) or "").endswith(chart_keys.OPEN_SOURCE_SUFFIX):
        for keys in chart_keys.licensed(values):
            yield UnfitValue(keys, NO_START)
        for keys in chart_keys.patched(values):
            yield UnfitValue(keys, NO_SYNC)


def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _is_same(
    keys: tuple[str, ...], values: Mapping[str, object], observed: Mapping[str, object]
) -> bool:
    return fieldpath.holds(observed, keys) and get(values, *keys) == get(observed, *keys)


def _refusal(
    row: ImmutableValue,
    values: Mapping[str, object],
    observed: Mapping[str, object],
    layers: Layers,
) -> Refusal:
    current, target = _shown(get(observed, *row.keys)), _shown(get(values, *row.keys))
    if row.is_secret:
        current, target = "as it is", "another value"
    return Refusal(_field(row.keys, layers), current, target, row.why, TAKE_BACK)


def _shown(value: object) -> str:
    return "" if value is None else json.dumps(value) if not isinstance(value, str) else value


def _field(keys: tuple[str, ...], layers: Layers) -> str:
    """Return the field of a value: in the layer that wins, or in the chart's values."""
    fields = (field for field in reversed([*layers]) if fieldpath.holds(layers[field], keys))
    return ".".join((next(fields, "values"), *keys))
