"""Requests and limits of the containers on the host, which Kubernetes refuses if they contradict.

A request must not be above its limit. Where people write one of the two, the other, a default,
follows it. Where they write both, or a container's only default is the namespace's, the
contradiction is refused.
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
"""Resources of which these have both a request and a limit."""

LISTS = ("initContainers", "sidecarContainers")

CHART_DEFAULTS: Mapping[Keys, Mapping[str, Mapping[str, str]]] = {
    COREDNS: {"requests": COREDNS_REQUESTS, "limits": COREDNS_LIMITS}
}
"""What the chart gives a component that our own values say nothing of."""

PLAN = "input.plans."
REMEDY = "Raise the limit, or lower the request."


def following(
    values: Mapping[str, object], written: Mapping[str, object]
) -> Iterator[tuple[Keys, str]]:
    """Yield the defaults among the values that contradict what people wrote, as that has them.

    Where they wrote null there is no default any more.
    """
    for place in PLACES:
        resources = mapping(get(written, *place, "resources"))
        for kind, other in (("requests", "limits"), ("limits", "requests")):
            for resource, asked in mapping(resources.get(kind)).items():
                if resource in PAIRED and _is_open(resources.get(other, {}), resource):
                    default = _default(values, place, other, resource)
                    limited = (asked, default) if kind == "requests" else (default, asked)
                    if _is_above(*limited):
                        yield (*place, "resources", other, resource), str(asked)


def _is_open(amounts: object, resource: str) -> bool:
    return isinstance(amounts, dict) and resource not in amounts


def _default(values: Mapping[str, object], place: Keys, kind: str, resource: str) -> object:
    found = get(values, *place, "resources", kind, resource)
    return get(CHART_DEFAULTS.get(place, {}), kind, resource) if found is None else found


def problems(layers: Layers, limits: LimitRange) -> Iterator[Problem]:
    """Yield what in the layers contradicts another layer, itself or the plan's defaults."""
    for place in PLACES:
        for resource in PAIRED:
            request, limit = _pair(place, resource)
            asked, most = _written(layers, request), _written(layers, limit)
            if (
                asked
                and most
                and _is_above(get(layers[asked], *request), get(layers[most], *limit))
            ):
                last = next(field for field in reversed([*layers]) if field in (asked, most))
                named = request if last == asked else limit
                rule = f"must be at most {_name(most, limit)}"
                if named == limit:
                    rule = f"must be at least {_name(asked, request)}"
                yield Problem(_name(last, named), rule, REMEDY)
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
    """Return the field that the value comes from; the last that has one wins, even with null."""
    return next((field for field in reversed([*layers]) if holds(layers[field], keys)), "")


def _name(field: str, keys: Keys) -> str:
    """Return what people know a value by: that of a plan is no path of the chart's values."""
    return ".".join((field, *(keys[len(WORKLOAD) :] if field.startswith(PLAN) else keys)))


def _is_above(one: object, other: object) -> bool:
    """Tell whether an amount is above another; what is none is not."""
    amounts = _amount(one), _amount(other)
    return amounts[0] is not None and amounts[1] is not None and amounts[0] > amounts[1]


def _amount(value: object) -> Decimal | None:
    try:
        return quantity.parse(str(value))
    except ValueError:
        return None
