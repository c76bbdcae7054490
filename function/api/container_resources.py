"""Requests and limits of the containers on the host.

Kubernetes refuses a request above its limit. Where the Input or the spec sets one of the two, the
default of the other follows it. Where both are set, or a container's only default is the
namespace's, the contradiction is refused.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from function.api.chart_facts import COREDNS_LIMITS, COREDNS_REQUESTS
from function.api.errors import Problem
from function.api.input import CONTAINER_RESOURCES, ContainerResource, LimitRange
from function.api.value_layers import Layers
from function.k8s import quantity
from function.k8s.fieldpath import get, holds, mapping

Keys = tuple[str, ...]

WORKLOAD = ("controlPlane", "statefulSet")
ETCD = ("controlPlane", "backingStore", "etcd", "deploy", "statefulSet")
COREDNS = ("controlPlane", "coredns", "deployment")
PLACES = (WORKLOAD, ETCD, COREDNS)
PAIRED = ("cpu", "memory")
"""Resources with both a request and a limit at these places."""

LISTS = ("initContainers", "sidecarContainers")

CHART_DEFAULTS: Mapping[Keys, Mapping[str, Mapping[str, str]]] = {
    COREDNS: {"requests": COREDNS_REQUESTS, "limits": COREDNS_LIMITS}
}
"""The chart's defaults of a component that our own values leave out."""

PLAN = "input.plans."
REMEDY = "Raise the limit, or lower the request."


def following(
    values: Mapping[str, object], written: Mapping[str, object]
) -> Iterator[tuple[Keys, str]]:
    """Yield the defaults that contradict a written value, with the value that resolves it.

    A written null removes the default.
    """
    for place in PLACES:
        resources = mapping(get(written, *place, "resources"))
        for kind, other in (("requests", "limits"), ("limits", "requests")):
            for resource, amount in mapping(resources.get(kind)).items():
                if resource in PAIRED and _is_open(resources.get(other, {}), resource):
                    default = _default(values, place, other, resource)
                    pair = (amount, default) if kind == "requests" else (default, amount)
                    if _is_above(*pair):
                        yield (*place, "resources", other, resource), str(amount)


def _is_open(amounts: object, resource: str) -> bool:
    return isinstance(amounts, dict) and resource not in amounts


def _default(values: Mapping[str, object], place: Keys, kind: str, resource: str) -> object:
    amount = get(values, *place, "resources", kind, resource)
    return get(CHART_DEFAULTS.get(place, {}), kind, resource) if amount is None else amount


def problems(layers: Layers, limits: LimitRange) -> Iterator[Problem]:
    """Yield the requests of the layers above a limit of the layers or of the plan's defaults."""
    for place in PLACES:
        for resource in PAIRED:
            request, limit = _pair(place, resource)
            lower, upper = _written(layers, request), _written(layers, limit)
            if (
                lower
                and upper
                and _is_above(get(layers[lower], *request), get(layers[upper], *limit))
            ):
                last = next(field for field in reversed([*layers]) if field in (lower, upper))
                keys = request if last == lower else limit
                rule = f"must be at most {_name(upper, limit)}"
                if keys == limit:
                    rule = f"must be at least {_name(lower, request)}"
                yield Problem(_name(last, keys), rule, REMEDY)
    defaults = {**limits.max, **limits.default}
    for field, layer in layers.items():
        for name in LISTS:
            containers = get(layer, *WORKLOAD, name)
            yield from _of_list(".".join((field, *WORKLOAD, name)), containers, defaults)


def _of_list(
    field: str, containers: object, defaults: Mapping[ContainerResource, str]
) -> Iterator[Problem]:
    for index, container in enumerate(containers if isinstance(containers, list) else ()):
        for resource in CONTAINER_RESOURCES:
            default = defaults.get(resource)
            request = get(container, "resources", "requests", resource)
            limit = get(container, "resources", "limits", resource)
            name = f"{field}[{index}].resources.requests.{resource}"
            if limit is not None and _is_above(request, limit):
                yield Problem(name, f"must be at most limits.{resource}", REMEDY)
            elif limit is None and _is_above(request, default):
                rule = f"must be at most {default}, which a container without a limit gets as one"
                yield Problem(name, rule, f"Write limits.{resource} as well.")


def _pair(place: Keys, resource: str) -> tuple[Keys, Keys]:
    above = (*place, "resources")
    return (*above, "requests", resource), (*above, "limits", resource)


def _written(layers: Layers, keys: Keys) -> str:
    """Return the last field with a value at the keys, even null; empty for none."""
    return next((field for field in reversed([*layers]) if holds(layers[field], keys)), "")


def _name(field: str, keys: Keys) -> str:
    """Return the field of a value; that of a plan does not begin with the chart's path."""
    return ".".join((field, *(keys[len(WORKLOAD) :] if field.startswith(PLAN) else keys)))


def _is_above(one: object, other: object) -> bool:
    """Return whether an amount is above another; False if one of them is malformed."""
    amounts = _amount(one), _amount(other)
    return amounts[0] is not None and amounts[1] is not None and amounts[0] > amounts[1]


def _amount(value: object) -> Decimal | None:
    try:
        return quantity.parse(str(value))
    except ValueError:
        return None
